//! What the deriver has left to do in a ledger: a fold over its entries, in the order of seq.
//!
//! An interaction with the assistant whose text can be read has a gap if no label targets it, and another if no signal
//! cites it. What anybody said about it, this deriver or another, closes the gap. Deliberately absent: reading the
//! ledger.

use super::turn::{self, Turn};
use crate::codec::Link;
use crate::entry::Entry;
use crate::fact::{Agent, Body, Fact, Instant, Source};
use std::collections::{HashMap, HashSet};

/// The gaps found so far.
#[derive(Default)]
pub struct Gaps {
    turns: Vec<(u64, Turn)>,
    unread: Vec<u64>,
    labelled: HashSet<u64>,
    cited: HashSet<u64>,
    /// Conversations that a signal cites as a whole, and the latest time of one that does.
    whole: HashMap<String, Instant>,
}

/// What fills them.
#[derive(Debug, Default)]
pub struct Filling {
    /// The facts of each conversation, in the order of their first turns: labels, then signals.
    pub groups: Vec<Vec<Fact>>,
    /// How many labels are among them.
    pub labelled: u64,
    /// How many signals.
    pub signals: u64,
    /// Interactions with the assistant that nobody labelled and whose text was erased or never recorded.
    pub skipped: u64,
}

impl Gaps {
    /// Takes the next entry.
    pub fn take(&mut self, entry: &Entry) {
        let seq = entry.header.seq;
        let resolved = entry.header.links.iter().filter_map(|link| match link {
            Link::Resolved { seq, .. } => Some(*seq),
            Link::Unresolved { .. } => None,
        });
        let Some(record) = &entry.record else { return };
        match &record.body {
            Body::InteractionRecorded(body) if body.agent == Agent::Assistant => match &entry.content {
                Some(text) => {
                    let time = entry.header.occurred_at;
                    let turn = Turn::read(record.id.clone(), &record.subject, &body.conversation, time, text);
                    self.turns.push((seq, turn));
                }
                None => self.unread.push(seq),
            },
            Body::InteractionLabelled(_) => self.labelled.extend(resolved),
            Body::SignalDerived(body) => {
                self.cited.extend(resolved);
                for source in &body.sources {
                    let Source::Conversation(id) = source else { continue };
                    let latest = self.whole.entry(id.clone()).or_insert(Instant(0));
                    *latest = entry.header.occurred_at.at.max(*latest);
                }
            }
            _ => {}
        }
    }

    /// The facts that fill the gaps; `now` is the clock's reading.
    pub fn fill(&self, now: Instant) -> Filling {
        let skipped = self.unread.iter().filter(|seq| !self.labelled.contains(seq)).count() as u64;
        let mut filling = Filling { skipped, ..Filling::default() };
        for turns in self.by_conversation() {
            let unlabelled = turns.iter().filter(|(seq, _)| !self.labelled.contains(seq));
            let mut group: Vec<Fact> = unlabelled.map(|(_, turn)| turn.label(now)).collect();
            filling.labelled += group.len() as u64;
            let uncited: Vec<&Turn> = turns.iter().filter(|one| !self.is_cited(one)).map(|(_, turn)| turn).collect();
            let signals = turn::signals(&uncited, now);
            filling.signals += signals.len() as u64;
            group.extend(signals);
            if !group.is_empty() {
                filling.groups.push(group);
            }
        }
        filling
    }

    fn is_cited(&self, (seq, turn): &(u64, Turn)) -> bool {
        self.cited.contains(seq) || self.whole.get(&turn.conversation).is_some_and(|&latest| turn.time.at < latest)
    }

    /// The turns of each account and conversation, in the order of their first turns.
    fn by_conversation(&self) -> Vec<Vec<&(u64, Turn)>> {
        let mut places: HashMap<(&str, &str), usize> = HashMap::new();
        let mut groups: Vec<Vec<&(u64, Turn)>> = Vec::new();
        for one in &self.turns {
            let place = *places.entry((&one.1.account, &one.1.conversation)).or_insert(groups.len());
            if place == groups.len() {
                groups.push(Vec::new());
            }
            groups[place].push(one);
        }
        groups
    }
}
