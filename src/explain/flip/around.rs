//! The entries around a decision, with room between them, and worlds of them.

use super::Edit;
use crate::codec::Link;
use crate::entry::Entry;
use crate::explain::words;
use crate::fact::{Body, DecisionMade, Digest, Kind, Time};
use crate::judge::{Judgement, version_of};
use crate::lineage;
use crate::timeline::{NodeIx, View, World};
use std::borrow::Cow;
use std::collections::BTreeSet;

/// Places between one entry and the next.
const ROOM: u64 = 64;

/// How far before an entry a fact is put that comes just before it.
pub const ROOM_BEFORE: u64 = ROOM / 4;

/// Where the entry at `seq` stands: in the middle of its room, so that facts can be put before it.
pub fn place(seq: u64) -> u64 {
    seq * ROOM + ROOM / 2
}

/// The seq that a place belongs to.
pub fn seq_of(place: u64) -> u64 {
    place / ROOM
}

/// Entries with room between them; nothing that they say of each other changes.
pub fn spread(entries: &[Entry]) -> Vec<Entry> {
    let mut spread: Vec<Entry> = entries.to_vec();
    for entry in &mut spread {
        entry.header.seq = place(entry.header.seq);
        for link in &mut entry.header.links {
            if let Link::Resolved { seq, .. } = link {
                *seq = place(*seq);
            }
        }
    }
    spread
}

/// A world of the entries with some edits.
pub fn world(base: &[Entry], edits: &[&Edit]) -> World {
    let gone: BTreeSet<u64> = edits.iter().filter_map(|edit| edit.replaces()).collect();
    let kept = base.iter().filter(|entry| !gone.contains(&entry.header.seq)).map(Cow::Borrowed);
    let mut all: Vec<Cow<Entry>> =
        kept.chain(edits.iter().filter_map(|edit| edit.entry()).map(Cow::Borrowed)).collect();
    // Two facts put before the same entry stand in the order in which they were put there.
    all.sort_by_key(|entry| entry.header.seq);
    let (mut world, mut last, mut recorded) = (World::default(), None, crate::fact::Instant(0));
    for mut entry in all {
        if last.is_some_and(|last| entry.header.seq <= last) {
            entry.to_mut().header.seq = last.unwrap_or_default() + 1;
        }
        last = Some(entry.header.seq);
        if entry.header.recorded_at < recorded {
            entry.to_mut().header.recorded_at = recorded;
        }
        recorded = entry.header.recorded_at;
        world.add(&entry);
    }
    world.finish();
    world
}

/// The places of the entries that one cites.
pub fn cited(entry: &Entry) -> impl Iterator<Item = u64> + '_ {
    entry.header.links.iter().filter_map(|link| match link {
        Link::Resolved { seq, .. } => Some(*seq),
        Link::Unresolved { .. } => None,
    })
}

/// The conversation that an interaction is a turn of.
pub fn conversation(entry: &Entry) -> Option<&str> {
    match &entry.record.as_ref()?.body {
        Body::InteractionRecorded(body) => Some(&body.conversation),
        _ => None,
    }
}

/// A version that judges the decision.
pub struct Judging {
    /// Policy and version.
    pub name: (String, String),
    pub is_platform: bool,
    pub in_force_from: Time,
    pub use_from: Time,
    pub notice_sha256: Option<Digest>,
}

/// What changes are looked for in.
pub struct Around<'a> {
    pub entries: &'a [Entry],
    pub decision: &'a Entry,
    pub body: &'a DecisionMade,
    /// The interactions that it used, in either view, ascending; those whose bodies are gone left out.
    pub uses: Vec<&'a Entry>,
    /// The signals that it rests on, in either view, ascending; those whose bodies are gone left out.
    pub signals: Vec<&'a Entry>,
    /// Labels of its uses, and of other turns of their conversations, ascending.
    pub labels: Vec<&'a Entry>,
    pub versions: Vec<Judging>,
    /// True if the verdict of some view forbids; and if that of some permits.
    pub forbidden: bool,
    pub permitted: bool,
}

impl<'a> Around<'a> {
    pub fn new(base: &'a [Entry], world: &World, judgement: &Judgement, seq: u64) -> Option<Around<'a>> {
        let at = |place: u64| base.binary_search_by_key(&place, |entry| entry.header.seq).ok().map(|ix| &base[ix]);
        let decision = at(place(seq))?;
        let Body::DecisionMade(body) = &decision.record.as_ref()?.body else { return None };
        let views = [&judgement.known, &judgement.today];
        let known = View { decision: world.node(judgement.decision).moment(), known: true };
        let traced =
            [known, View { known: false, ..known }].map(|view| lineage::trace(world, judgement.decision, view));
        let readable = |nodes: BTreeSet<NodeIx>| -> Vec<&'a Entry> {
            let entries = nodes.into_iter().filter_map(|node| at(world.node(node).seq));
            entries.filter(|entry| entry.record.is_some()).collect()
        };
        let uses = readable(traced.iter().flat_map(|lineage| lineage.uses.iter().map(|used| used.node)).collect());
        let signals = readable(traced.iter().flat_map(|lineage| lineage.signals.iter().copied()).collect());
        let talked: BTreeSet<&str> = uses.iter().filter_map(|used| conversation(used)).collect();
        let is_turn = |entry: &&Entry| conversation(entry).is_some_and(|own| talked.contains(own));
        let turns: BTreeSet<u64> = base.iter().filter(is_turn).map(|entry| entry.header.seq).collect();
        let is_label = |entry: &&Entry| {
            let labels = entry.header.kind == Kind::InteractionLabelled && entry.record.is_some();
            labels && cited(entry).any(|seq| turns.contains(&seq))
        };
        let labels = base.iter().filter(is_label).collect();
        let mut judging: BTreeSet<_> = views.iter().flat_map(|view| view.versions.iter().copied()).collect();
        judging.extend(
            views.iter().flat_map(|view| view.use_versions.iter().flat_map(|(_, versions)| versions.iter().copied())),
        );
        let versions = judging.into_iter().filter_map(|ix| {
            let version = version_of(world, ix);
            let params = &version.compiled.as_ref().ok()?.params;
            let names = (world.policies[ix.line as usize].id, version.name);
            Some(Judging {
                name: (world.symbols.name(names.0).to_owned(), world.symbols.name(names.1).to_owned()),
                is_platform: version.role == crate::fact::Role::Platform,
                in_force_from: Time::utc(version.from),
                use_from: params.use_from,
                notice_sha256: params.notice_sha256,
            })
        });
        let permits = views.map(|view| super::permits(view.verdict));
        Some(Around {
            entries: base,
            decision,
            body,
            uses,
            signals,
            labels,
            versions: versions.collect(),
            forbidden: permits.contains(&false),
            permitted: permits.contains(&true),
        })
    }

    /// A fact by what it is, for somebody who has never seen a record.
    pub fn named(&self, entry: &Entry) -> String {
        let what = match (entry.header.kind, entry.record.as_ref().map(|record| &record.body)) {
            (Kind::DecisionMade, _) => return "the decision".to_owned(),
            (_, Some(Body::InteractionRecorded(body))) => format!("the {}", words::interaction(body.agent)),
            (_, Some(Body::SignalDerived(body))) => format!("the signal “{}”", words::clean(&body.topic)),
            (_, Some(Body::PolicyAdopted(body))) => format!("version {} of the policy", words::clean(&body.version)),
            (Kind::InteractionLabelled, _) => {
                let at = |place: u64| self.entries.binary_search_by_key(&place, |entry| entry.header.seq).ok();
                match cited(entry).find_map(at) {
                    Some(target) => format!("the label on {}, given at", self.named(&self.entries[target])),
                    None => "the label".to_owned(),
                }
            }
            (kind, _) => match kind {
                Kind::InteractionRecorded => "the chat",
                Kind::SignalDerived => "the signal",
                Kind::NoticeRecorded => "the notice",
                Kind::AccountLinked => "the link of the account",
                Kind::AccountUnlinked => "the end of the link",
                Kind::PolicyAdopted => "the policy",
                Kind::SubjectErased => "the erasure",
                Kind::ConsentRecorded => "the consent",
                Kind::AgeObserved => "the age",
                _ => "the choice",
            }
            .to_owned(),
        };
        let of = if what.ends_with(" at") { "" } else { " of" };
        format!("{what}{of} {}", entry.header.occurred_at)
    }

    /// Readable entries of some kinds.
    pub fn of(&self, kinds: &'a [Kind]) -> impl Iterator<Item = (&'a Entry, &'a Body)> {
        let readable = self.entries.iter().filter_map(|entry| Some((entry, &entry.record.as_ref()?.body)));
        readable.filter(move |(entry, _)| kinds.contains(&entry.header.kind))
    }

    /// True if it was recorded behind the decision though it happened before it.
    pub fn is_late(&self, entry: &Entry) -> bool {
        let (own, decision) = (&entry.header, &self.decision.header);
        own.seq > decision.seq && own.occurred_at.at < decision.occurred_at.at
    }

    /// True if the decision could see it in some view.
    pub fn is_seen(&self, entry: &Entry) -> bool {
        let (own, decision) = (&entry.header, &self.decision.header);
        (own.occurred_at.at, own.seq) < (decision.occurred_at.at, decision.seq)
    }
}
