//! A bundle checked: what it says, against hashes, proofs, signatures, its own completeness, and the judge.
//!
//! Steps run in the order of [`STEPS`], each relying on those before it, and the first that fails ends the check. Nothing
//! that a bundle states is taken for granted: what can be made again from the evidence is made again and compared.

use super::build::{self, Case};
use super::chart::{Chart, erasure};
use super::needs::{self, Needs};
use super::{Bundle, Engine, EntryPart, Manifest, Part, page, words};
use crate::checkpoint::{Checkpoint, Cosigned, VerifierKey};
use crate::codec::{self, Link};
use crate::exhibit::{Exhibit, Opening};
use crate::fact::{Account, Body, Kind, Scope, Time};
use crate::judge::{Conformance, Integrity};
use crate::merkle::{self, NodeHash, TreeSize};
use std::collections::{BTreeMap, BTreeSet};

/// The steps, in order, each with what it makes sure of.
pub const STEPS: [(&str, &str); 12] = [
    ("checkpoint", "the checkpoint is signed by the ledger, and cosigned by every witness that was asked for"),
    ("entries", "every entry decodes, stands in its place, and is covered by the checkpoint"),
    ("openings", "every open body and content is what its entry committed to"),
    ("streams", "every stream is there from its first entry to its tip, each entry naming the one before by its hash"),
    ("tree", "a proof, or hashes that begin at a proved entry, leads to every entry from the checkpoint's root"),
    ("lineage", "every reference to an entry that is there names it by its own hash"),
    ("pins", "the decision commits to the heads of the very streams that it had to be judged by"),
    ("erasures", "whatever is said to be erased was erased by an entry of its own account"),
    ("completeness", "everything that the verdict rests on is there and open, and nothing else"),
    ("verdict", "the judge says the same from this evidence alone"),
    ("statements", "what is said about the evidence is what it shows"),
    ("seal", "nothing was changed since the ledger sealed the bundle"),
];

/// Whom the checker trusts, and to what the bundle is held.
pub struct Trust<'a> {
    /// The ledger's public key.
    pub key: &'a VerifierKey,
    /// Witnesses, each of which must have cosigned.
    pub witnesses: &'a [VerifierKey],
    /// A checkpoint from elsewhere, as a note: the bundle's must be the same.
    pub checkpoint: Option<&'a str>,
}

/// A step that held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its name in [`STEPS`].
    pub name: &'static str,
    /// What was found.
    pub found: String,
}

/// The step that did not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{step}: {what}")]
pub struct Failure {
    /// Its name in [`STEPS`].
    pub step: &'static str,
    /// What is wrong, and where.
    pub what: String,
}

/// A bundle that holds.
#[derive(Debug)]
pub struct Checked {
    /// How the decision conforms.
    pub conformance: Conformance,
    /// What is left of the evidence.
    pub integrity: Integrity,
    /// The checkpoint, and who cosigned it.
    pub cosigned: Cosigned,
    /// How far the evidence is complete, told again from the entries.
    pub completeness: Vec<String>,
    /// The printable page, made again from the evidence: whatever the bundle has in its place is not shown to anybody.
    pub page: String,
}

/// Checks all of it. Steps that held are put into `steps`, whatever comes after.
pub fn check(bundle: &Bundle, trust: &Trust, steps: &mut Vec<Step>) -> Result<Checked, Failure> {
    let mut run = |name: &'static str, outcome: Result<String, String>| match outcome {
        Ok(found) => {
            steps.push(Step { name, found });
            Ok(())
        }
        Err(what) => Err(Failure { step: name, what }),
    };
    let cosigned = checkpoint(bundle, trust);
    run("checkpoint", cosigned.as_ref().map(who).map_err(Clone::clone))?;
    let cosigned = cosigned.expect("it held");
    let tree = cosigned.checkpoint.head();
    let entries = entries(&bundle.entries, tree.size);
    run("entries", entries.as_ref().map(|all| format!("{} entries", all.len())).map_err(Clone::clone))?;
    let mut shown = entries.expect("they held");
    run("openings", openings(bundle, &mut shown))?;
    let chart = Chart::new(&shown);
    run("streams", streams(bundle, &chart))?;
    run("tree", proofs(bundle, &shown, &chart, tree.size, tree.root))?;
    run("lineage", lineage(&shown))?;
    let decision = decision(bundle, &shown).map_err(|what| Failure { step: "pins", what })?;
    run("pins", pins(decision, &chart))?;
    run("erasures", erasures(bundle, &shown, &chart))?;
    let case = Case::of(&shown, decision.seq());
    let needs = needs::of(&shown, &case.world, &case.judgement);
    run("completeness", complete(bundle, &shown, &needs))?;
    run("verdict", verdict(bundle, &case))?;
    let page = page::summary(bundle, &shown, &case.world, &case.judgement);
    let completeness = words::completeness(bundle, &needs, tree.size.0);
    run("statements", statements(bundle, &chart, &needs, decision, &completeness, &page))?;
    run("seal", seal(bundle, trust.key))?;
    let (conformance, integrity) = (case.judgement.conformance, case.judgement.integrity);
    Ok(Checked { conformance, integrity, cosigned, completeness, page })
}

fn who(cosigned: &Cosigned) -> String {
    let Checkpoint { origin, size, root } = &cosigned.checkpoint;
    let by: Vec<&str> = cosigned.cosignatures.iter().map(|each| each.witness.name.as_str()).collect();
    let by =
        if by.is_empty() { "no witness was asked for".to_owned() } else { format!("cosigned by {}", by.join(", ")) };
    format!("{origin}, {} entries, root {root}; {by}", size.0)
}

fn checkpoint(bundle: &Bundle, trust: &Trust) -> Result<Cosigned, String> {
    let open = |note: &str| Cosigned::open(note, trust.key, trust.witnesses).map_err(|error| error.to_string());
    let mut own = open(&bundle.checkpoint)?;
    if own.checkpoint.origin != trust.key.name {
        return Err(format!(
            "it is of `{}`: expected `{}`, whose key was given",
            own.checkpoint.origin, trust.key.name
        ));
    }
    if let Some(note) = trust.checkpoint {
        let given = open(note).map_err(|what| format!("the given checkpoint: {what}"))?;
        let (here, there) = (&own.checkpoint, &given.checkpoint);
        if here.size != there.size {
            return Err(format!(
                "the bundle's checkpoint is over {} entries, the given one over {}: ask for a bundle at the given one, or for \
                 a proof of consistency between both (`inforce consistency`)",
                here.size.0, there.size.0
            ));
        }
        if here != there {
            return Err(format!(
                "the given checkpoint is over as many entries with another root, {}: a fork",
                there.root
            ));
        }
        own.cosignatures.extend(given.cosignatures);
    }
    let cosigned: BTreeSet<String> = own.cosignatures.iter().map(|each| each.witness.to_string()).collect();
    match trust.witnesses.iter().find(|witness| !cosigned.contains(&witness.to_string())) {
        Some(missing) => Err(format!("witness `{}` did not cosign it", missing.name)),
        None => Ok(own),
    }
}

fn entries(parts: &[EntryPart], size: TreeSize) -> Result<BTreeMap<u64, Exhibit>, String> {
    let mut shown: BTreeMap<u64, Exhibit> = BTreeMap::new();
    for part in parts {
        let bad = |what: &str| format!("entry {}: {what}", part.seq);
        if shown.last_key_value().is_some_and(|(&last, _)| last >= part.seq) {
            return Err(bad("it is there twice, or not in the order of seq"));
        }
        let exhibit = Exhibit::sealed(part.header.0.clone()).map_err(|error| bad(&error.to_string()))?;
        let header = &exhibit.entry.header;
        if header.seq != part.seq {
            return Err(bad("its header carries another seq"));
        }
        if part.seq >= size.0 {
            return Err(bad("the checkpoint does not cover it"));
        }
        if !header.occurred_at.is_in_range() || !Time::utc(header.recorded_at).is_in_range() {
            return Err(bad("it happened, or was recorded, at no time that there is"));
        }
        let expected = match header.kind {
            Kind::AccountLinked | Kind::AccountUnlinked => 2,
            _ => 1,
        };
        if header.streams.len() != expected {
            return Err(bad("it extends another number of streams than its kind does"));
        }
        if header.pins.is_some() != (header.kind == Kind::DecisionMade) {
            return Err(bad("a decision pins heads, and nothing else does"));
        }
        if header.content.is_some() && header.kind != Kind::InteractionRecorded {
            return Err(bad("it has content, and is no interaction"));
        }
        if shown.last_key_value().is_some_and(|(_, before)| before.entry.header.recorded_at > header.recorded_at) {
            return Err(bad("it was recorded before the entry before it"));
        }
        if header.content.is_some() != part.content.is_some() {
            return Err(bad("its content is left out, or is there though it has none"));
        }
        shown.insert(part.seq, exhibit);
    }
    Ok(shown)
}

fn openings(bundle: &Bundle, shown: &mut BTreeMap<u64, Exhibit>) -> Result<String, String> {
    let mut open = 0;
    for part in &bundle.entries {
        let exhibit = shown.get_mut(&part.seq).expect("every part was decoded");
        let bad = |what: String| format!("entry {}: {what}", part.seq);
        if let Part::Open { key, plaintext } = &part.body {
            let opening = Opening { key: key.0, plaintext: plaintext.0.clone() };
            if !opening.opens(&exhibit.entry.header.body) {
                return Err(bad("the body is not what it committed to".to_owned()));
            }
            exhibit.disclose(opening).map_err(|error| bad(error.to_string()))?;
            says_what_its_header_says(exhibit).map_err(bad)?;
            open += 1;
        } else if !exhibit.entry.header.kind.is_sealed() {
            return Err(bad("it was never sealed, so its body must be there".to_owned()));
        }
        if let Some(Part::Open { key, plaintext }) = &part.content {
            let opening = Opening { key: key.0, plaintext: plaintext.0.clone() };
            if !exhibit.entry.header.content.is_some_and(|commitment| opening.opens(&commitment)) {
                return Err(bad("the content is not what it committed to".to_owned()));
            }
            let text = String::from_utf8(plaintext.0.clone());
            exhibit.entry.content = Some(text.map_err(|_| bad("the content is not UTF-8".to_owned()))?);
            exhibit.content = Some(opening);
        }
    }
    Ok(format!("{open} of {} bodies are open", bundle.entries.len()))
}

/// What header and record both say must agree.
fn says_what_its_header_says(exhibit: &Exhibit) -> Result<(), String> {
    let header = &exhibit.entry.header;
    let record = exhibit.entry.record.as_ref().expect("it was just opened");
    let body = &record.body;
    if body.kind() != header.kind {
        return Err("the body is of another kind than its header".to_owned());
    }
    if !header.kind.is_sealed() && exhibit.body.as_ref().is_none_or(|body| body.key != [0; 32]) {
        return Err("it is of a kind that is not sealed, but is shown with a key".to_owned());
    }
    let wrong = match body {
        Body::PolicyAdopted(_) => header.streams[0].stream != codec::policy_stream(&record.subject),
        Body::VerdictAttested(verdict) => {
            let to_it = |link: &Link| matches!(link, Link::Resolved { seq, .. } if *seq == verdict.decision);
            let linked = header.links.len() == 1 && to_it(&header.links[0]);
            header.streams[0].stream != codec::attestation_stream() || !linked || verdict.size > header.seq
        }
        Body::AccountLinked { center } | Body::AccountUnlinked { center } => {
            header.streams[1].stream != codec::center_stream(center)
        }
        _ => false,
    };
    if header.kind.is_sealed() && Account::parse(&record.subject).is_err() {
        return Err("its subject is no account".to_owned());
    }
    if let Body::PolicyAdopted(adopted) = body
        && ![Some(adopted.in_force_from), adopted.in_force_until].into_iter().flatten().all(Time::is_in_range)
    {
        return Err("it takes force at no time that there is".to_owned());
    }
    if wrong {
        return Err("it extends the stream of something else than what it names".to_owned());
    }
    if header.kind != Kind::VerdictAttested && body.references().len() != header.links.len() {
        return Err("it has more references, or fewer, than its header resolves".to_owned());
    }
    Ok(())
}

fn streams(bundle: &Bundle, chart: &Chart) -> Result<String, String> {
    let mut seen = BTreeSet::new();
    for part in &bundle.streams {
        let (stream, mut last) = (codec::StreamId(part.stream.0), None::<&Exhibit>);
        let bad = |what: String| format!("stream {}: {what}", part.stream);
        if !seen.insert(part.stream) {
            return Err(bad("it is listed twice".to_owned()));
        }
        let mut revision = 0;
        for exhibit in chart.entries(stream) {
            let link = exhibit.entry.header.streams.iter().find(|link| link.stream == stream).expect("it extends it");
            if link.revision != revision {
                return Err(bad(format!("revision {revision} is missing before entry {}: a gap", exhibit.seq())));
            }
            let previous = last.map_or([0; 32], |last| last.entry.hash.0);
            if link.previous.0 != previous {
                return Err(bad(format!("entry {} does not name the entry before it by its hash", exhibit.seq())));
            }
            (last, revision) = (Some(exhibit), revision + 1);
        }
        if last.map(|last| (last.seq(), revision - 1)) != Some((part.tip.seq, part.tip.revision)) {
            return Err(bad(format!("its last entry, {} of revision {}, is missing", part.tip.seq, part.tip.revision)));
        }
    }
    Ok(format!("{} streams without a gap", bundle.streams.len()))
}

fn proofs(
    bundle: &Bundle,
    shown: &BTreeMap<u64, Exhibit>,
    chart: &Chart,
    size: TreeSize,
    root: NodeHash,
) -> Result<String, String> {
    let mut reached = BTreeSet::new();
    for proof in &bundle.proofs {
        let bad = |what: &str| format!("proof of entry {}: {what}", proof.seq);
        let Some(exhibit) = shown.get(&proof.seq) else { return Err(bad("the entry is not there")) };
        let path = proof.path.iter().map(|node| Some(NodeHash(node.0.as_slice().try_into().ok()?)));
        let Some(path) = path.collect::<Option<Vec<NodeHash>>>() else { return Err(bad("a node has not 32 bytes")) };
        if !merkle::verify_inclusion(merkle::leaf(&exhibit.entry.hash), proof.seq, size, &path, root) {
            return Err(bad("it does not lead to the checkpoint's root"));
        }
        if !reached.insert(proof.seq) {
            return Err(bad("it is there twice"));
        }
    }
    let proved = build::unreached(shown, chart, bundle.decision.seq);
    for (&seq, exhibit) in shown.iter().rev() {
        if !reached.contains(&seq) {
            return Err(format!("entry {seq}: nothing leads to it from the checkpoint: a foreign entry"));
        }
        reached.extend(chart.leads_to(exhibit));
    }
    let listed: Vec<u64> = bundle.proofs.iter().map(|proof| proof.seq).collect();
    if listed != proved.iter().copied().collect::<Vec<_>>() {
        return Err("there are more proofs than are needed, or they are not in the order of seq".to_owned());
    }
    Ok(format!("{} proofs lead to all of them", bundle.proofs.len()))
}

fn lineage(shown: &BTreeMap<u64, Exhibit>) -> Result<String, String> {
    let mut count = 0;
    for exhibit in shown.values() {
        for (number, link) in exhibit.entry.header.links.iter().enumerate() {
            let Link::Resolved { seq, hash } = link else { continue };
            if *seq >= exhibit.seq() {
                return Err(format!("entry {} cites entry {seq}, which is not earlier", exhibit.seq()));
            }
            match shown.get(seq) {
                Some(cited) if cited.entry.hash != *hash => {
                    return Err(format!("entry {} cites entry {seq} by a hash that is not its own", exhibit.seq()));
                }
                Some(cited) if !names(exhibit, number, cited) => {
                    return Err(format!("entry {} cites another fact than its header leads to", exhibit.seq()));
                }
                Some(_) => count += 1,
                None => {}
            }
        }
    }
    Ok(format!("{count} references agree"))
}

/// True unless both are open and the reference of that number says another fact.
fn names(citing: &Exhibit, number: usize, cited: &Exhibit) -> bool {
    let (Some(citing), Some(cited)) = (&citing.entry.record, &cited.entry.record) else { return true };
    citing.body.references().get(number).is_none_or(|reference| **reference == cited.id)
}

fn decision<'a>(bundle: &Bundle, shown: &'a BTreeMap<u64, Exhibit>) -> Result<&'a Exhibit, String> {
    let exhibit = shown.get(&bundle.decision.seq).filter(|exhibit| exhibit.entry.header.kind == Kind::DecisionMade);
    let exhibit = exhibit.ok_or_else(|| format!("entry {}: the decision is not there", bundle.decision.seq))?;
    if build::subject(exhibit) != bundle.decision {
        return Err(format!("entry {}: its hash or name is not the one that the bundle states", exhibit.seq()));
    }
    Ok(exhibit)
}

fn pins(decision: &Exhibit, chart: &Chart) -> Result<String, String> {
    if decision.entry.header.pins != Some(chart.pins(decision)) {
        return Err(
            "the streams that are there are not those, as they stood, that the decision commits to: one is missing, \
             foreign, or cut"
                .to_owned(),
        );
    }
    Ok(format!("the decision commits to {} streams", chart.pinned(decision).len()))
}

fn erasures(bundle: &Bundle, shown: &BTreeMap<u64, Exhibit>, chart: &Chart) -> Result<String, String> {
    for part in &bundle.entries {
        let exhibit = &shown[&part.seq];
        for (closed, content) in [(Some(&part.body), false), (part.content.as_ref(), true)] {
            let eraser = chart.eraser(exhibit, content).map(Exhibit::seq);
            let what = if content { "content" } else { "body" };
            let bad = |said: String| format!("entry {}: {said}", part.seq);
            match closed {
                Some(Part::Erased { by }) if eraser != Some(*by) => {
                    return Err(bad(format!("entry {by} did not erase its {what}")));
                }
                Some(Part::Open { .. }) if eraser.is_some() && exhibit.entry.header.kind.is_sealed() => {
                    return Err(bad(format!(
                        "its {what} was erased, but is shown: what was erased counts for nothing"
                    )));
                }
                Some(Part::Withheld) if eraser.is_some() => {
                    return Err(bad(format!("its {what} was erased, but is said to be withheld")));
                }
                _ => {}
            }
        }
        let erased = |scope| erasure(exhibit) == Some(scope);
        if erased(Scope::All) && chart.entries(chart.owner(part.seq)).any(|later| later.seq() > part.seq) {
            return Err(format!("entry {}: an erasure of everything ends its stream, but entries follow", part.seq));
        }
    }
    if bundle.erasures != build::erasures(shown) {
        return Err("the list of erasures is not that of the entries".to_owned());
    }
    let count = bundle.erasures.len();
    Ok(if count == 0 { "nothing was erased".to_owned() } else { format!("{count} erasures") })
}

fn complete(bundle: &Bundle, shown: &BTreeMap<u64, Exhibit>, needs: &Needs) -> Result<String, String> {
    let listed: BTreeMap<codec::StreamId, needs::Role> =
        bundle.streams.iter().map(|part| (codec::StreamId(part.stream.0), part.role)).collect();
    for (stream, role) in &needs.streams {
        match listed.get(stream) {
            None => return Err(format!("stream {stream:?} is missing: the verdict rests on it")),
            Some(other) if other != role => return Err(format!("stream {stream:?} is there under another role")),
            Some(_) => {}
        }
    }
    if let Some(foreign) = listed.keys().find(|stream| !needs.streams.contains_key(stream)) {
        return Err(format!("stream {foreign:?} is foreign: the verdict does not rest on it"));
    }
    let closed: BTreeMap<u64, &Part> = bundle.entries.iter().map(|part| (part.seq, &part.body)).collect();
    for seq in &needs.open {
        match closed.get(seq) {
            None => return Err(format!("entry {seq} is missing: the verdict rests on it")),
            Some(Part::Withheld) => return Err(format!("entry {seq} is withheld: the verdict rests on what it says")),
            Some(_) => {}
        }
    }
    let erased_by = bundle.entries.iter().flat_map(|part| [Some(&part.body), part.content.as_ref()]).flatten();
    let erasers: BTreeSet<u64> =
        erased_by.filter_map(|part| if let Part::Erased { by } = part { Some(*by) } else { None }).collect();
    for (seq, exhibit) in shown {
        let in_stream = exhibit.entry.header.streams.iter().any(|link| listed.contains_key(&link.stream));
        let wanted =
            needs.entries.contains(seq) || erasers.contains(seq) || build::attests(exhibit, bundle.decision.seq);
        if !in_stream && !wanted {
            return Err(format!("entry {seq} is foreign: the verdict does not rest on it"));
        }
    }
    Ok(format!("{} streams and {} open entries are needed, and there", needs.streams.len(), needs.open.len()))
}

fn verdict(bundle: &Bundle, case: &Case) -> Result<String, String> {
    let again = case.verdict();
    let known = |value: &serde_json::Value| value["known"]["verdict"].as_str().unwrap_or_default().to_owned();
    // Members in another order are equal to the reader, and not the same text.
    let [own, told] = [&again, &bundle.verdict].map(|verdict| verdict.to_string());
    if own != told {
        let engine = &bundle.engine;
        let by = if *engine == Engine::own() {
            String::new()
        } else {
            format!(" (it was judged by {} {})", engine.name, engine.version)
        };
        return Err(format!(
            "the bundle says `{}`, the judge says `{}`, or by other rules{by}",
            known(&bundle.verdict),
            known(&again)
        ));
    }
    let today = again["true"]["verdict"].as_str().unwrap_or_default().to_owned();
    Ok(format!("known: {}; true: {today}; {}", known(&again), case.judgement.conformance.name()))
}

fn statements(
    bundle: &Bundle,
    chart: &Chart,
    needs: &Needs,
    decision: &Exhibit,
    said: &[String],
    page: &str,
) -> Result<String, String> {
    if bundle.streams != build::streams(chart, needs, decision) {
        return Err("the list of streams is not what the entries show".to_owned());
    }
    if bundle.engine != Engine::own() {
        let Engine { name, version } = &bundle.engine;
        return Ok(format!(
            "streams are as the entries show; the words and the page inside are those of {name} {version} and were NOT \
             compared: go by what is printed here"
        ));
    }
    if bundle.completeness != said {
        return Err("what is said about completeness is not what the entries show".to_owned());
    }
    if bundle.summary != page {
        return Err("the summary is not the one that this evidence makes".to_owned());
    }
    Ok("streams, completeness and summary are as the entries show".to_owned())
}

fn seal(bundle: &Bundle, key: &VerifierKey) -> Result<String, String> {
    let again = Manifest::of(bundle);
    if let Some((part, _)) = again.0.iter().find(|(part, digest)| bundle.manifest.0.get(*part) != Some(digest)) {
        return Err(format!("the digest of part `{part}` is not the one in the manifest"));
    }
    if again != bundle.manifest {
        return Err("the manifest names parts that are not there".to_owned());
    }
    bundle.manifest.verify(&bundle.seal, key)?;
    Ok(format!("sealed by {}", key.name))
}
