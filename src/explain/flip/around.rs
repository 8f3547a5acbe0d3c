//! The entries around a decision, with room between them, and worlds of them.

use super::Edit;
use crate::codec::Link;
use crate::entry::Entry;
use crate::fact::{Body, DecisionMade, Digest, Kind, Time};
use crate::judge::{Judgement, version_of};
use crate::timeline::{NodeIx, World};
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
        let used: BTreeSet<NodeIx> =
            views.iter().flat_map(|view| view.use_versions.iter().map(|(node, _)| *node)).collect();
        let uses = used.into_iter().filter_map(|node| at(world.node(node).seq)).filter(|entry| entry.record.is_some());
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
            uses: uses.collect(),
            versions: versions.collect(),
            forbidden: permits.contains(&false),
            permitted: permits.contains(&true),
        })
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
