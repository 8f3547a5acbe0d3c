//! From gathered exhibits to a bundle: choose, prove, judge, seal.

use super::chart::{Chart, erasure};
use super::needs::{self, Needs, Role};
use super::{
    Base64, Bundle, Engine, EntryPart, Erasure, FORMAT, Hex, Manifest, Part, ProofPart, StreamPart, Subject, Tip, page,
    words,
};
use crate::attested::Attestations;
use crate::checkpoint::{Checkpoint, Note, NoteError};
use crate::codec::StreamId;
use crate::exhibit::{Exhibit, Opening};
use crate::fact::{Body, Kind, Time};
use crate::judge::{self, Ask, Judgement};
use crate::merkle::NodeHash;
use crate::replay;
use crate::timeline::World;
use ed25519_dalek::SigningKey;
use std::collections::{BTreeMap, BTreeSet};

/// What a bundle is made of.
pub struct Sources<'a> {
    /// Everything that a judgement can rest on, of the entries that the checkpoint covers; more is chosen from.
    pub exhibits: &'a BTreeMap<u64, Exhibit>,
    /// The decision's seq.
    pub decision: u64,
    /// The signed checkpoint, cosigned or not.
    pub checkpoint: &'a str,
    /// The ledger's key: it seals the bundle.
    pub key: &'a SigningKey,
    /// Whether to show the text of chats that the decision rests on.
    pub with_content: bool,
}

/// Why no bundle could be made.
#[derive(Debug, thiserror::Error)]
pub enum BuildError<E> {
    /// No decision stands there.
    #[error("entry {0} is no decision that the checkpoint covers")]
    NoDecision(u64),
    /// The checkpoint cannot be read.
    #[error("checkpoint: {0}")]
    Checkpoint(#[from] NoteError),
    /// A bug: what is left out would change the verdict.
    #[error("entry {0}: the evidence that would be shown does not carry the verdict; please report this")]
    Different(u64),
    /// The tree could not prove an entry.
    #[error(transparent)]
    Proof(E),
}

/// Makes the bundle of one decision. `prove` gives the audit path of an entry in the tree of the checkpoint.
pub fn build<E>(
    sources: &Sources,
    mut prove: impl FnMut(u64) -> Result<Vec<NodeHash>, E>,
) -> Result<Bundle, BuildError<E>> {
    let Sources { exhibits, decision, .. } = *sources;
    let checkpoint = Checkpoint::unverified(&Note::parse(sources.checkpoint)?)?;
    let subject = exhibits.get(&decision).filter(|exhibit| exhibit.entry.header.kind == Kind::DecisionMade);
    let subject = subject.filter(|_| decision < checkpoint.size.0).ok_or(BuildError::NoDecision(decision))?;
    let case = Case::of(exhibits, decision);
    let needs = needs::of(exhibits, &case.world, &case.judgement);
    let chart = Chart::new(exhibits);
    let chosen = choose(exhibits, &chart, &needs, decision);
    let shown: BTreeMap<u64, Exhibit> =
        chosen.iter().map(|&seq| (seq, show(&exhibits[&seq], &needs, sources.with_content))).collect();
    // Judged from what is shown, as whoever checks it will.
    let (gathered, case) = (case.verdict(), Case::of(&shown, decision));
    if case.verdict() != gathered {
        return Err(BuildError::Different(decision));
    }
    let shown_chart = Chart::new(&shown);
    let proofs = unreached(&shown, &shown_chart, decision).into_iter().map(|seq| {
        let path = prove(seq).map_err(BuildError::Proof)?;
        Ok(ProofPart { seq, path: path.into_iter().map(|node| Base64(node.0.to_vec())).collect() })
    });
    let proofs = proofs.collect::<Result<Vec<_>, BuildError<E>>>()?;
    let mut bundle = Bundle {
        format: FORMAT.to_owned(),
        engine: Engine::own(),
        decision: self::subject(subject),
        verdict: case.verdict(),
        completeness: Vec::new(),
        erasures: erasures(&shown),
        checkpoint: sources.checkpoint.to_owned(),
        streams: streams(&shown_chart, &needs, &shown[&decision]),
        entries: shown.values().map(|exhibit| part(&chart, exhibit)).collect(),
        proofs,
        summary: String::new(),
        manifest: Manifest::default(),
        seal: String::new(),
    };
    bundle.completeness = words::completeness(&bundle, &needs, checkpoint.size.0);
    bundle.summary = page::summary(&bundle, &shown, &case.world, &case.judgement);
    bundle.manifest = Manifest::of(&bundle);
    bundle.seal = bundle.manifest.seal(&checkpoint.origin, sources.key);
    Ok(bundle)
}

/// The first of the exhibits of which something was destroyed, while the erasure that did is not among them: it stands
/// behind the checkpoint that they were gathered for.
pub fn erased_behind(exhibits: &BTreeMap<u64, Exhibit>) -> Option<u64> {
    let chart = Chart::new(exhibits);
    let gone = |exhibit: &&Exhibit| {
        let body = exhibit.body.is_none() && chart.eraser(exhibit, false).is_none();
        let content = exhibit.entry.header.content.is_some() && exhibit.content.is_none();
        body || (content && chart.eraser(exhibit, true).is_none())
    };
    exhibits.values().find(gone).map(Exhibit::seq)
}

/// A decision judged from exhibits.
pub struct Case {
    pub world: World,
    pub judgement: Judgement,
    attested: Attestations,
}

impl Case {
    /// Judges; the decision must be among the exhibits.
    pub fn of(exhibits: &BTreeMap<u64, Exhibit>, decision: u64) -> Case {
        let (mut world, mut attested) = (World::default(), Attestations::default());
        for exhibit in exhibits.values() {
            world.add(&exhibit.entry);
            attested.take(&exhibit.entry);
        }
        world.finish();
        let node = world.locate(decision).expect("the decision is an exhibit");
        let judgement = judge::judge(&world, node, &mut Ask::Plainly);
        Case { world, judgement, attested }
    }

    /// As `replay --json` prints it.
    pub fn verdict(&self) -> serde_json::Value {
        replay::attested_json(&self.world, &self.judgement, &self.attested)
    }
}

/// Whole streams, single entries, whatever erased any of them, and verdicts of the decision that are on record.
fn choose(exhibits: &BTreeMap<u64, Exhibit>, chart: &Chart, needs: &Needs, decision: u64) -> BTreeSet<u64> {
    let mut chosen = needs.entries.clone();
    for &stream in needs.streams.keys() {
        chosen.extend(chart.entries(stream).map(Exhibit::seq));
    }
    chosen.extend(exhibits.values().filter(|exhibit| attests(exhibit, decision)).map(Exhibit::seq));
    let erasers = |seq: &u64| {
        let exhibit = &exhibits[seq];
        let content = exhibit.entry.header.content.and_then(|_| chart.eraser(exhibit, true));
        [chart.eraser(exhibit, false), content].map(|eraser| eraser.map(Exhibit::seq))
    };
    let erasers: Vec<u64> = chosen.iter().flat_map(erasers).flatten().collect();
    chosen.extend(erasers);
    chosen
}

/// True if the entry puts a verdict of that decision on record.
pub fn attests(exhibit: &Exhibit, decision: u64) -> bool {
    match exhibit.entry.record.as_ref().map(|record| &record.body) {
        Some(Body::VerdictAttested(verdict)) => verdict.decision == decision,
        _ => false,
    }
}

/// An entry as the bundle shows it: open where it must be, and where it never was sealed.
fn show(exhibit: &Exhibit, needs: &Needs, with_content: bool) -> Exhibit {
    let mut shown = exhibit.clone();
    if exhibit.entry.header.kind.is_sealed() && !needs.open.contains(&exhibit.seq()) {
        (shown.body, shown.entry.record) = (None, None);
    }
    if !(with_content && needs.uses.contains(&exhibit.seq())) {
        (shown.content, shown.entry.content) = (None, None);
    }
    shown
}

fn part(chart: &Chart, shown: &Exhibit) -> EntryPart {
    let open = |opening: &Opening| Part::Open { key: Hex(opening.key), plaintext: Base64(opening.plaintext.clone()) };
    // What was destroyed is said to be, needed or not.
    let closed = |content| chart.eraser(shown, content).map_or(Part::Withheld, |by| Part::Erased { by: by.seq() });
    let content = shown.entry.header.content.is_some();
    EntryPart {
        seq: shown.seq(),
        header: Base64(shown.header.clone()),
        body: shown.body.as_ref().map_or_else(|| closed(false), open),
        content: content.then(|| shown.content.as_ref().map_or_else(|| closed(true), open)),
    }
}

/// Entries that nothing which is proved or reached leads to: each needs a proof of its own. The decision has one always.
pub fn unreached(shown: &BTreeMap<u64, Exhibit>, chart: &Chart, decision: u64) -> BTreeSet<u64> {
    let mut reached: BTreeSet<u64> = BTreeSet::new();
    let mut proved = BTreeSet::new();
    for (&seq, exhibit) in shown.iter().rev() {
        if !reached.contains(&seq) || seq == decision {
            proved.insert(seq);
        }
        reached.extend(chart.leads_to(exhibit));
    }
    proved
}

/// The decision as a bundle names it.
pub fn subject(exhibit: &Exhibit) -> Subject {
    let name = exhibit.entry.record.as_ref().map(|record| (&record.id).into());
    Subject { seq: exhibit.seq(), hash: Hex(exhibit.entry.hash.0), name }
}

/// Every erasure that is shown.
pub fn erasures(shown: &BTreeMap<u64, Exhibit>) -> Vec<Erasure> {
    let erasures = shown.values().filter_map(|exhibit| Some((exhibit, erasure(exhibit)?)));
    let erasures = erasures.map(|(exhibit, scope)| {
        let header = &exhibit.entry.header;
        Erasure {
            seq: header.seq,
            time: header.occurred_at.to_string(),
            recorded: Time::utc(header.recorded_at).to_string(),
            scope: scope.name().to_owned(),
            stream: Hex(header.streams[0].stream.0),
        }
    });
    erasures.collect()
}

/// The streams that are there whole.
pub fn streams(chart: &Chart, needs: &Needs, decision: &Exhibit) -> Vec<StreamPart> {
    let pinned = chart.pinned(decision);
    let parts = needs.streams.iter().filter_map(|(&stream, &role)| {
        let tip = chart.entries(stream).next_back()?;
        let revision = tip.entry.header.streams.iter().find(|link| link.stream == stream)?.revision;
        Some(StreamPart {
            stream: Hex(stream.0),
            role,
            name: name(chart, stream, role),
            pinned: pinned.get(&stream).copied(),
            tip: Tip { seq: tip.seq(), revision },
        })
    });
    parts.collect()
}

/// What an open body of the stream calls its account, center or policy.
fn name(chart: &Chart, stream: StreamId, role: Role) -> Option<String> {
    chart.entries(stream).find_map(|exhibit| {
        let record = exhibit.entry.record.as_ref()?;
        match (role, &record.body) {
            (Role::Center, Body::AccountLinked { center } | Body::AccountUnlinked { center }) => Some(center.clone()),
            (Role::Center, _) => None,
            _ => Some(record.subject.clone()).filter(|subject| !subject.is_empty()),
        }
    })
}
