//! What a judgement of one decision rests on: which streams must be there whole, and which bodies must be open.
//!
//! Whoever makes a bundle chooses by it, and whoever checks one holds the bundle to it, so neither can drift from the
//! other. Everything else is left out or withheld: a verdict is no reason to show the rest of a person's life.

use super::chart::Chart;
use crate::codec::{Link, StreamId};
use crate::exhibit::Exhibit;
use crate::fact::{Body, Kind, Moment, Source};
use crate::judge::{Judgement, Ref};
use crate::lineage::{self, Lineage};
use crate::timeline::{NodeIx, View, World};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Why a stream is there, in the order of how much it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The decision's own account.
    Account,
    /// In the decision's center, or of an interaction that it rests on, or in that one's center.
    Linked,
    /// A center.
    Center,
    /// A policy.
    Policy,
}

/// What must be there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Streams that must be whole, from their first entry on.
    pub streams: BTreeMap<StreamId, Role>,
    /// Entries that must be there, in a stream or beside all.
    pub entries: BTreeSet<u64>,
    /// Entries whose bodies must be open, unless they were erased.
    pub open: BTreeSet<u64>,
    /// Interactions that the decision rests on.
    pub uses: BTreeSet<u64>,
}

/// What `judgement` rests on, as far as `exhibits` and the world made of them tell.
pub fn of(exhibits: &BTreeMap<u64, Exhibit>, world: &World, judgement: &Judgement) -> Needs {
    let chart = Chart::new(exhibits);
    let decision = world.node(judgement.decision);
    let known = View { decision: decision.moment(), known: true };
    let own = chart.owner(decision.seq);
    let mut search = Search {
        exhibits,
        world,
        chart,
        labels: labels(exhibits),
        decision: known.decision,
        own,
        needs: Needs::default(),
    };
    search.needs.streams.insert(search.own, Role::Account);
    search.policies();
    search.needs.open.insert(decision.seq);
    let by_conversation = world.policies.iter().any(|line| line.goes_by_conversation());
    for view in [known, View { known: false, ..known }] {
        search.view(judgement.decision, view, by_conversation);
    }
    for reference in judgement.today.findings.iter().flat_map(|finding| &finding.refs) {
        if let Ref::Late { seq, .. } = reference {
            search.needs.open.insert(*seq);
        }
    }
    let Search { mut needs, .. } = search;
    needs.entries.extend(needs.open.iter().copied());
    needs
}

struct Search<'a> {
    exhibits: &'a BTreeMap<u64, Exhibit>,
    world: &'a World,
    chart: Chart<'a>,
    /// The labels of each interaction, in whatever stream: the header says what it labels.
    labels: BTreeMap<u64, Vec<u64>>,
    decision: Moment,
    own: StreamId,
    needs: Needs,
}

impl Search<'_> {
    fn policies(&mut self) {
        for stream in self.chart.policies() {
            self.needs.streams.insert(stream, Role::Policy);
            self.needs.open.extend(self.chart.entries(stream).map(Exhibit::seq));
        }
    }

    fn view(&mut self, decision: NodeIx, view: View, by_conversation: bool) {
        let lineage = lineage::trace(self.world, decision, view);
        self.lineage(&lineage);
        let group = self.group(self.own, view, view.decision);
        for &account in &group {
            self.open(account, |kind| is_link(kind) || is_state(kind));
        }
        let mut accounts = group;
        for used in lineage.uses.iter().map(|used| used.node) {
            let node = self.world.node(used);
            let owner = self.chart.owner(node.seq);
            self.whole(owner);
            let reached = self.group(owner, view, node.moment());
            for &account in &reached {
                self.open(account, |kind| is_link(kind) || kind == Kind::NoticeRecorded);
            }
            self.open(owner, is_link);
            accounts.extend(reached);
            accounts.insert(owner);
            self.labels(node.seq);
        }
        if by_conversation || !lineage.by_conversation.is_empty() {
            self.conversations(&lineage, &accounts);
        }
    }

    /// The decision's signals, its uses, and whatever they cite.
    fn lineage(&mut self, lineage: &Lineage) {
        let uses = lineage.uses.iter().map(|used| used.node);
        let cited = lineage.edges.iter().map(|&(_, to)| to);
        let seqs: BTreeSet<u64> = lineage
            .signals
            .iter()
            .copied()
            .chain(uses.clone())
            .chain(cited)
            .map(|node| self.world.node(node).seq)
            .collect();
        self.needs.open.extend(seqs);
        self.needs.uses.extend(uses.map(|node| self.world.node(node).seq));
    }

    /// An account, and those in its center at `bound`: their streams, and those of all that may have been in it.
    fn group(&mut self, account: StreamId, view: View, bound: Moment) -> BTreeSet<StreamId> {
        let mut group = BTreeSet::from([account]);
        if let Some(center) = self.chart.center_at(account, view, bound) {
            self.needs.streams.insert(center, Role::Center);
            for candidate in self.chart.candidates(center, view, bound) {
                self.whole(candidate);
            }
            group.extend(self.chart.members(center, view, bound));
        }
        group
    }

    fn whole(&mut self, account: StreamId) {
        self.needs.streams.entry(account).or_insert(Role::Linked);
    }

    /// Opens the entries of a stream that are of wanted kinds and happened before the decision: of what came after, no
    /// view reads anything.
    fn open(&mut self, stream: StreamId, wanted: impl Fn(Kind) -> bool) {
        let before = |exhibit: &&Exhibit| {
            let header = &exhibit.entry.header;
            wanted(header.kind) && Moment { at: header.occurred_at.at, seq: header.seq } < self.decision
        };
        let seqs: Vec<u64> = self.chart.entries(stream).filter(before).map(Exhibit::seq).collect();
        self.needs.open.extend(seqs);
    }

    fn labels(&mut self, target: u64) {
        self.needs.open.extend(self.labels.get(&target).into_iter().flatten());
    }

    /// Turns of whole conversations count by their bodies: so every interaction of these accounts must be open, and
    /// every turn of those conversations that others hold.
    fn conversations(&mut self, lineage: &Lineage, accounts: &BTreeSet<StreamId>) {
        for &account in accounts {
            self.open(account, |kind| kind == Kind::InteractionRecorded);
        }
        let mut ids: BTreeSet<String> = BTreeSet::new();
        for node in lineage.uses.iter().map(|used| used.node).chain(lineage.by_conversation.iter().copied()) {
            match self.body(self.world.node(node).seq) {
                Some(Body::InteractionRecorded(body)) => drop(ids.insert(body.conversation.clone())),
                Some(Body::SignalDerived(body)) => ids.extend(body.sources.iter().filter_map(|source| match source {
                    Source::Conversation(id) => Some(id.clone()),
                    Source::Fact(_) => None,
                })),
                _ => {}
            }
        }
        let is_turn = |exhibit: &&Exhibit| match exhibit.entry.record.as_ref().map(|record| &record.body) {
            Some(Body::InteractionRecorded(body)) => ids.contains(&body.conversation),
            _ => false,
        };
        let turns: Vec<u64> = self.exhibits.values().filter(is_turn).map(Exhibit::seq).collect();
        for turn in turns {
            self.needs.open.insert(turn);
            self.labels(turn);
        }
    }

    fn body(&self, seq: u64) -> Option<&Body> {
        self.exhibits[&seq].entry.record.as_ref().map(|record| &record.body)
    }
}

fn labels(exhibits: &BTreeMap<u64, Exhibit>) -> BTreeMap<u64, Vec<u64>> {
    let mut labels: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    let given = exhibits.values().filter(|exhibit| exhibit.entry.header.kind == Kind::InteractionLabelled);
    for exhibit in given {
        for link in &exhibit.entry.header.links {
            if let Link::Resolved { seq, .. } = link {
                labels.entry(*seq).or_default().push(exhibit.seq());
            }
        }
    }
    labels
}

fn is_link(kind: Kind) -> bool {
    matches!(kind, Kind::AccountLinked | Kind::AccountUnlinked)
}

/// Kinds that say what holds for a person: of every account that counts as the decision's.
fn is_state(kind: Kind) -> bool {
    matches!(kind, Kind::PreferenceChanged | Kind::ConsentRecorded | Kind::AgeObserved | Kind::ControlRequested)
}
