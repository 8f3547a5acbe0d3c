//! "What must be there": the streams that the verdict of either view rests on, and the bodies that it reads.
//!
//! It is told from headers, open records and times, without judging. Every loop is over entries, accounts, or intervals
//! between links: never over pairs of uses.

use crate::chart::{Chart, Moment};
use crate::evidence::{Evidence, Item, View};
use crate::hash::StreamId;
use crate::json::Json;
use crate::record::{Kind, Says};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// Bodies of accounts in the decision's center.
const OF_PERSON: [Kind; 6] = [Kind::LINKED, Kind::UNLINKED, Kind::PREFERENCE, Kind::CONSENT, Kind::AGE, Kind::CONTROL];
/// Bodies of accounts in an interaction's center.
const OF_USE: [Kind; 3] = [Kind::LINKED, Kind::UNLINKED, Kind::NOTICE];

/// What must be there.
pub struct Needs {
    pub streams: BTreeSet<StreamId>,
    /// Places of the items whose bodies the verdict reads.
    pub open: BTreeSet<usize>,
    /// Places of the items that may stand in a stream that is not listed.
    pub outside: BTreeSet<usize>,
}

impl Needs {
    /// Refused is lineage that leads to an entry that is not there.
    pub fn of(evidence: &Evidence) -> Result<Self, String> {
        let lineage = Lineage::of(evidence)?;
        let mut needs = Self {
            streams: evidence.policies().collect(),
            open: lineage.places.clone(),
            outside: lineage.places.clone(),
        };
        for view in [View::Known, View::True] {
            needs.view(evidence, view, &lineage);
        }
        let decision = evidence.decision().header.moment();
        for (place, item) in evidence.items.iter().enumerate() {
            let late = item.header.seq > decision.1 && item.header.moment() < decision;
            if late || item.kind() == Kind::POLICY {
                needs.open.insert(place);
            }
        }
        let mut labelled = lineage.uses.clone();
        if let Some(turns) = lineage.conversations(evidence) {
            let all = evidence.items.iter().enumerate();
            let before = |item: &Item| item.header.moment() < decision;
            let of_them = all.filter(|(_, item)| item.kind() == Kind::INTERACTION && before(item));
            let of_them =
                of_them.filter(|(_, item)| item.header.own_stream().is_some_and(|own| needs.streams.contains(&own)));
            needs.open.extend(of_them.map(|(place, _)| place));
            needs.outside.extend(turns.iter().filter_map(|seq| evidence.place(*seq)));
            labelled.extend(turns);
        }
        for (place, item) in evidence.items.iter().enumerate() {
            if item.kind() == Kind::LABEL && item.cites().any(|seq| labelled.contains(&seq)) {
                needs.open.insert(place);
                needs.outside.insert(place);
            }
        }
        Ok(needs)
    }

    fn view(&mut self, evidence: &Evidence, view: View, lineage: &Lineage) {
        let chart = Chart::of(evidence, view);
        let decision = evidence.decision();
        let (mut person, mut of_uses) = (BTreeSet::new(), BTreeSet::new());
        if let Some(account) = decision.header.own_stream() {
            person.insert(account);
            self.center(&chart, account, [decision.header.moment()].into(), &mut person);
        }
        // One set of moments for each account would be the same, and slower: centers are shared.
        let mut moments: BTreeMap<StreamId, BTreeSet<Moment>> = BTreeMap::new();
        for item in lineage.uses.iter().filter_map(|seq| evidence.by_seq(*seq)) {
            let Some(account) = item.header.own_stream() else { continue };
            of_uses.insert(account);
            if let Some(center) = chart.center_of(account, item.header.moment()) {
                moments.entry(center).or_default().insert(item.header.moment());
            }
        }
        for (center, moments) in moments {
            self.streams.insert(center);
            self.streams.extend(chart.not_gone(center, &moments));
            of_uses.extend(chart.members(center, &moments));
        }
        self.streams.extend(person.iter().chain(&of_uses));
        for (accounts, kinds) in [(person, OF_PERSON.as_slice()), (of_uses, OF_USE.as_slice())] {
            for (place, item) in evidence.items.iter().enumerate() {
                let theirs = item.header.own_stream().is_some_and(|own| accounts.contains(&own));
                let before = item.header.moment() < decision.header.moment();
                if theirs && before && kinds.contains(&item.kind()) {
                    self.open.insert(place);
                }
            }
        }
    }

    fn center(
        &mut self,
        chart: &Chart,
        account: StreamId,
        moments: BTreeSet<Moment>,
        members: &mut BTreeSet<StreamId>,
    ) {
        let Some(center) = moments.first().and_then(|moment| chart.center_of(account, *moment)) else { return };
        self.streams.insert(center);
        self.streams.extend(chart.not_gone(center, &moments));
        members.extend(chart.members(center, &moments));
    }
}

/// What the decision cites, what that cites, and so on.
struct Lineage {
    places: BTreeSet<usize>,
    /// Seqs of the interactions among them.
    uses: HashSet<u64>,
    /// Conversations that a signal among them rests on as a whole.
    whole: BTreeSet<String>,
}

impl Lineage {
    fn of(evidence: &Evidence) -> Result<Self, String> {
        let turns = turns(evidence);
        let mut taken: BTreeMap<&str, usize> = BTreeMap::new();
        let mut lineage = Self { places: BTreeSet::new(), uses: HashSet::new(), whole: BTreeSet::new() };
        let mut queue = vec![evidence.decision().header.seq];
        while let Some(seq) = queue.pop() {
            let (Some(place), Some(item)) = (evidence.place(seq), evidence.by_seq(seq)) else {
                return Err(format!("entry {seq}, which the decision rests on, is not there"));
            };
            if !lineage.places.insert(place) {
                continue;
            }
            queue.extend(item.cites());
            if item.kind() == Kind::INTERACTION {
                lineage.uses.insert(seq);
            }
            for conversation in whole(item) {
                lineage.whole.insert(conversation.clone());
                let Some((conversation, turns)) = turns.get_key_value(conversation.as_str()) else { continue };
                // Turns before a moment are the first of them, so none is looked at twice.
                let end = turns.partition_point(|(moment, _)| *moment < item.header.moment());
                let from = taken.entry(conversation).or_default();
                queue.extend(turns.get(*from..end).into_iter().flatten().map(|(_, seq)| *seq));
                *from = end.max(*from);
            }
        }
        Ok(lineage)
    }

    /// The turns of all conversations that are read as a whole, if any is: by a signal, or by a policy.
    fn conversations(&self, evidence: &Evidence) -> Option<HashSet<u64>> {
        let mut conversations: BTreeSet<&str> = self.whole.iter().map(String::as_str).collect();
        let by_policy = evidence.items.iter().any(reads_conversations);
        if by_policy {
            conversations.extend(self.uses.iter().filter_map(|seq| conversation(evidence.by_seq(*seq)?)));
        }
        if conversations.is_empty() && !by_policy {
            return None;
        }
        let turns =
            evidence.items.iter().filter(|item| conversation(item).is_some_and(|id| conversations.contains(id)));
        Some(turns.map(|item| item.header.seq).collect())
    }
}

/// The turns of each conversation that count in the true view, by when they happened. The known view has no others.
fn turns<'e>(evidence: &'e Evidence) -> BTreeMap<&'e str, Vec<(Moment, u64)>> {
    let mut turns: BTreeMap<&str, Vec<(Moment, u64)>> = BTreeMap::new();
    for item in evidence.items.iter().filter(|item| evidence.counts(item, View::True)) {
        if let Some(conversation) = conversation(item) {
            turns.entry(conversation).or_default().push((item.header.moment(), item.header.seq));
        }
    }
    turns.values_mut().for_each(|turns| turns.sort_unstable());
    turns
}

fn conversation<'i>(item: &'i Item) -> Option<&'i str> {
    match &item.record.as_ref()?.says {
        Says::Turn { conversation } => Some(conversation),
        _ => None,
    }
}

fn whole<'i>(item: &'i Item) -> &'i [String] {
    match item.record.as_ref().map(|record| &record.says) {
        Some(Says::Signal { conversations }) => conversations,
        _ => &[],
    }
}

fn reads_conversations(item: &Item) -> bool {
    let Some(Says::Policy { params }) = item.record.as_ref().map(|record| &record.says) else { return false };
    // Params that are no JSON are the judge's business; here they ask for all that there may be to ask for.
    let params = Json::parse(params);
    params
        .map_or(true, |params| params.member("sensitive_granularity") == Some(&Json::String("conversation".to_owned())))
}
