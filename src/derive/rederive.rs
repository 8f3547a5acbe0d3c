//! The deriver once more: a fold over a ledger's entries that finds labels and signals which do not come out the same.
//!
//! Only what names this deriver, by name and digest, can be checked; what carries another digest of the same name is
//! told apart, and so is what rests on text that was erased. Labels and signals of other programs are none of our
//! business. Deliberately absent: reading the ledger, and when a fact was derived, which is no part of what it says.

use super::NAME;
use super::turn::{self, Turn};
use crate::codec::Link;
use crate::entry::Entry;
use crate::fact::*;
use std::collections::{BTreeSet, HashMap, HashSet};

/// What was taken so far.
#[derive(Default)]
pub struct Rederive {
    turns: HashMap<u64, Turn>,
    /// Interactions whose text cannot be read.
    unread: HashSet<u64>,
    said: Vec<Said>,
    /// Turns that signals of other programs, or other digests, cite: the deriver leaves them alone.
    taken: HashSet<u64>,
    conversations: HashMap<(String, String), Vec<u64>>,
}

/// One label or signal of the deriver.
struct Said {
    seq: u64,
    id: FactId,
    body: Body,
    /// What it cites, by seq; `None` where that was never recorded.
    cites: Vec<Option<u64>>,
}

/// A label or signal that did not come out the same, or that could not be checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rederived {
    /// Its entry.
    pub seq: u64,
    /// Its identity.
    pub id: FactId,
    /// What it says.
    pub recorded: Body,
    /// What became of it.
    pub again: Again,
}

/// What came out when it was derived again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Again {
    /// This instead; nothing if the deriver would not say it at all.
    Differs(Option<Body>),
    /// It could not be derived again.
    Unchecked(Unchecked),
}

/// Why something could not be derived again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unchecked {
    /// The text that it rests on was erased, or never recorded.
    NoText,
    /// It was derived by another code or lexicon.
    OtherDigest,
    /// What it cites was never recorded.
    Unresolved,
}

impl Unchecked {
    /// The name in the output.
    pub const fn name(self) -> &'static str {
        match self {
            Unchecked::NoText => "no-text",
            Unchecked::OtherDigest => "other-digest",
            Unchecked::Unresolved => "unresolved",
        }
    }
}

impl Rederive {
    /// Takes the next entry.
    pub fn take(&mut self, entry: &Entry) {
        let Some(record) = &entry.record else {
            // Of what was destroyed the header still says the kind.
            if entry.header.kind == Kind::InteractionRecorded {
                self.unread.insert(entry.header.seq);
            }
            return;
        };
        let seq = entry.header.seq;
        let cites = entry.header.links.iter().map(|link| match link {
            Link::Resolved { seq, .. } => Some(*seq),
            Link::Unresolved { .. } => None,
        });
        let (by, cites) = match &record.body {
            Body::InteractionRecorded(body) => return self.take_turn(entry, &record.id, &record.subject, body),
            Body::InteractionLabelled(body) => (&body.labeller, cites.collect::<Vec<_>>()),
            Body::SignalDerived(body) => (&body.deriver, cites.collect()),
            _ => return,
        };
        if matches!(record.body, Body::SignalDerived(_)) && !is_own(by) {
            self.taken.extend(cites.iter().flatten());
        }
        if by.name == NAME {
            self.said.push(Said { seq, id: record.id.clone(), body: record.body.clone(), cites });
        }
    }

    fn take_turn(&mut self, entry: &Entry, id: &FactId, account: &str, body: &InteractionRecorded) {
        let seq = entry.header.seq;
        match (&entry.content, body.agent) {
            (Some(text), Agent::Assistant) => {
                let turn = Turn::read(id.clone(), account, &body.conversation, entry.header.occurred_at, text);
                self.conversations.entry((account.to_owned(), body.conversation.clone())).or_default().push(seq);
                self.turns.insert(seq, turn);
            }
            (None, Agent::Assistant) => drop(self.unread.insert(seq)),
            _ => {}
        }
    }

    /// How many labels and signals name the deriver.
    pub fn checked(&self) -> usize {
        self.said.len()
    }

    /// Everything that did not come out the same or could not be checked, in the order of seq.
    pub fn finish(&self) -> Vec<Rederived> {
        let cited: HashSet<(u64, &str)> = self
            .said
            .iter()
            .flat_map(|said| {
                let topic = match &said.body {
                    Body::SignalDerived(body) if is_own(&body.deriver) => Some(body.topic.as_str()),
                    _ => None,
                };
                said.cites.iter().flatten().filter_map(move |&seq| Some((seq, topic?)))
            })
            .collect();
        let rederived = self.said.iter().filter_map(|said| {
            let again = self.again(said, &cited)?;
            Some(Rederived { seq: said.seq, id: said.id.clone(), recorded: said.body.clone(), again })
        });
        rederived.collect()
    }

    /// What came out, unless it is the same.
    fn again(&self, said: &Said, cited: &HashSet<(u64, &str)>) -> Option<Again> {
        let by = match &said.body {
            Body::InteractionLabelled(body) => &body.labeller,
            Body::SignalDerived(body) => &body.deriver,
            _ => unreachable!("only labels and signals are kept"),
        };
        if !is_own(by) {
            return Some(Again::Unchecked(Unchecked::OtherDigest));
        }
        if said.cites.contains(&None) {
            return Some(Again::Unchecked(Unchecked::Unresolved));
        }
        if said.cites.iter().flatten().any(|seq| self.unread.contains(seq)) {
            return Some(Again::Unchecked(Unchecked::NoText));
        }
        let again = match &said.body {
            Body::InteractionLabelled(body) => self.label_again(said, body).map(Body::InteractionLabelled),
            Body::SignalDerived(body) => self.signal_again(said, body, cited).map(Body::SignalDerived),
            _ => unreachable!("only labels and signals are kept"),
        };
        (again.as_ref() != Some(&said.body)).then_some(Again::Differs(again))
    }

    fn label_again(&self, said: &Said, recorded: &InteractionLabelled) -> Option<Box<InteractionLabelled>> {
        let turn = self.turns.get(said.cites.first()?.as_ref()?)?;
        Some(Box::new(InteractionLabelled { sensitive: turn.sensitive, topics: turn.topics(), ..recorded.clone() }))
    }

    /// The signal as the turns of its conversation give it: those that it cites, and those that it should have cited,
    /// recorded before it and given to no other signal.
    fn signal_again(
        &self,
        said: &Said,
        recorded: &SignalDerived,
        cited: &HashSet<(u64, &str)>,
    ) -> Option<Box<SignalDerived>> {
        let topic = recorded.topic.as_str();
        let gives = |seq: &u64| self.turns.get(seq).is_some_and(|turn| turn.signal(topic).is_some());
        let own = || said.cites.iter().flatten().copied().filter(gives);
        let first = self.turns.get(&own().next()?)?;
        let key = (first.account.clone(), first.conversation.clone());
        let conversation = &self.conversations[&key];
        let is_free = |seq: &u64| *seq < said.seq && !self.taken.contains(seq) && !cited.contains(&(*seq, topic));
        let missing = conversation.iter().copied().filter(gives).filter(is_free);
        let all: BTreeSet<u64> = own().filter(|seq| conversation.contains(seq)).chain(missing).collect();
        let citing: Vec<&Turn> = all.iter().map(|seq| &self.turns[seq]).collect();
        let one = first.signal(topic)?;
        let ids: BTreeSet<&FactId> = citing.iter().map(|turn| &turn.id).collect();
        let given: BTreeSet<&FactId> = recorded
            .sources
            .iter()
            .filter_map(|source| match source {
                Source::Fact(id) => Some(id),
                Source::Conversation(_) => None,
            })
            .collect();
        // The order of the sources is no part of what a signal says.
        let same = ids == given && recorded.sources.len() == given.len();
        let sources = if same {
            recorded.sources.clone()
        } else {
            citing.iter().map(|turn| Source::Fact(turn.id.clone())).collect()
        };
        Some(Box::new(SignalDerived {
            topic: topic.to_owned(),
            taxonomy: one.taxonomy.map(str::to_owned),
            sensitive: turn::categories(&one.sensitive),
            confidence_ppm: turn::confidence(topic, &citing),
            sources,
            deriver: recorded.deriver.clone(),
        }))
    }
}

/// True if it is this very deriver.
fn is_own(by: &Program) -> bool {
    by.name == NAME && by.digest == turn::program().digest
}
