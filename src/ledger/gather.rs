//! Everything that one decision can have been judged by, looked up rather than read through.
//!
//! More may be gathered than a judgement turns out to need (whole streams of every account that was ever linked to one of
//! the decision's); what is shown to others is chosen by whoever asked. Nothing from behind the given size is gathered.

use super::shelf::Shelf;
use super::{Ledger, LedgerError};
use crate::codec::{self, Link, StreamId};
use crate::entry::Entry;
use crate::exhibit::Exhibit;
use crate::fact::{Body, FactId, Kind, Source};
use crate::index::{Field, Term};
use crate::keyring::Keyring;
use crate::merkle::TreeSize;
use crate::policy;
use std::collections::{BTreeMap, BTreeSet};

/// Exhibits by seq.
pub type Exhibits = BTreeMap<u64, Exhibit>;

impl Ledger {
    /// What a judgement of the decision at `seq` can rest on, among the first `size` entries; the decision is one of
    /// them. Empty if `seq` is not that of a decision.
    pub fn gather(&self, seq: u64, size: TreeSize) -> Result<Exhibits, LedgerError> {
        let shelf = self.shelf()?;
        let keyring = self.keyring.read().expect("no holder panics");
        let mut gathering = Gathering {
            shelf,
            keyring: &keyring,
            size,
            found: Exhibits::new(),
            streams: BTreeSet::new(),
            uses: BTreeSet::new(),
            by_conversation: false,
        };
        gathering.run(seq)?;
        Ok(gathering.found)
    }

    /// The seqs of the decisions of that id, whatever their source; ascending.
    pub fn decisions_of(&self, id: &str) -> Result<Vec<u64>, LedgerError> {
        self.named(Term::new(Field::Decision, id.as_bytes()), |name| name.id == id)
    }

    /// The seq of the decision of that source and id.
    pub fn decision_of(&self, name: &FactId) -> Result<Option<u64>, LedgerError> {
        let found = self.named(Term::new(Field::Decision, name.id.as_bytes()), |other| other == name)?;
        Ok(found.first().copied())
    }

    /// Every entry in the stream of an account as it stands now, ascending; none for one that was never heard of, or was
    /// erased.
    pub fn facts_of(&self, account: &str) -> Result<Vec<Entry>, LedgerError> {
        let shelf = self.shelf()?;
        let keyring = self.keyring.read().expect("no holder panics");
        keyring.fetch_account(account)?;
        let Some(stream) = keyring.slot_of(account).map(|slot| keyring.stream(slot)) else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        for seq in shelf.postings(Term::stream(Field::Account, &stream))? {
            let entry = shelf.entry(seq, &keyring)?;
            // A term is a hash, and names others now and then.
            found.extend(entry.filter(|entry| entry.header.streams[0].stream == stream));
        }
        Ok(found)
    }

    fn named(&self, term: Term, wanted: impl Fn(&FactId) -> bool) -> Result<Vec<u64>, LedgerError> {
        let shelf = self.shelf()?;
        let keyring = self.keyring.read().expect("no holder panics");
        let mut found = Vec::new();
        for seq in shelf.postings(term)? {
            let entry = shelf.entry(seq, &keyring)?;
            let record = entry.as_ref().and_then(|entry| entry.record.as_ref());
            if record.is_some_and(|record| record.body.kind() == Kind::DecisionMade && wanted(&record.id)) {
                found.push(seq);
            }
        }
        Ok(found)
    }
}

struct Gathering<'a> {
    shelf: Shelf<'a>,
    keyring: &'a Keyring,
    size: TreeSize,
    found: Exhibits,
    /// Streams that were gathered whole.
    streams: BTreeSet<StreamId>,
    /// Interactions that were followed.
    uses: BTreeSet<u64>,
    /// True if some policy reads the labels of whole conversations.
    by_conversation: bool,
}

impl Gathering<'_> {
    fn run(&mut self, decision: u64) -> Result<(), LedgerError> {
        self.shelf.reach(self.size, self.keyring)?;
        if self.take(decision)? != Some(Kind::DecisionMade) {
            self.found.clear();
            return Ok(());
        }
        for seq in self.shelf.postings(Term::number(Field::Kind, Kind::PolicyAdopted as u64))? {
            self.take_if(seq, |exhibit| exhibit.entry.header.kind == Kind::PolicyAdopted)?;
        }
        self.by_conversation = self.found.values().any(|exhibit| match body(exhibit) {
            Some(Body::PolicyAdopted(adopted)) => policy::goes_by_conversation(adopted),
            _ => false,
        });
        let own = self.stream_of(decision);
        self.stream(own, Field::Account)?;
        self.lineage(decision)?;
        for seq in self.shelf.postings(Term::number(Field::Target, decision))? {
            self.take_if(seq, |exhibit| exhibit.entry.header.kind == Kind::VerdictAttested)?;
        }
        let owners: BTreeSet<StreamId> = self.uses.iter().map(|&used| self.stream_of(used)).chain([own]).collect();
        owners.into_iter().try_for_each(|owner| self.neighbours(owner))?;
        self.erasures()
    }

    /// What destroyed something of what was gathered: an erasure in the same stream.
    fn erasures(&mut self) -> Result<(), LedgerError> {
        let streams: BTreeSet<StreamId> = self
            .found
            .values()
            .filter(|exhibit| exhibit.is_erased())
            .map(|exhibit| exhibit.entry.header.streams[0].stream)
            .filter(|stream| !self.streams.contains(stream))
            .collect();
        for stream in streams {
            for seq in self.shelf.postings(Term::stream(Field::Account, &stream))? {
                self.take_if(seq, |exhibit| {
                    let header = &exhibit.entry.header;
                    header.kind == Kind::SubjectErased && header.streams[0].stream == stream
                })?;
            }
        }
        Ok(())
    }

    /// Down to every interaction, and to each one's account and labels.
    fn lineage(&mut self, decision: u64) -> Result<(), LedgerError> {
        let (mut waiting, mut seen) = (vec![decision], BTreeSet::from([decision]));
        while let Some(seq) = waiting.pop() {
            let exhibit = &self.found[&seq];
            let cited: Vec<u64> = exhibit.entry.header.links.iter().filter_map(resolved).collect();
            let conversations: Vec<String> = match body(exhibit) {
                Some(Body::SignalDerived(signal)) => signal.sources.iter().filter_map(conversation).collect(),
                Some(Body::InteractionRecorded(body)) if self.by_conversation => vec![body.conversation.clone()],
                _ => Vec::new(),
            };
            let follow = exhibit.entry.header.kind == Kind::SignalDerived;
            if exhibit.entry.header.kind == Kind::InteractionRecorded {
                self.interaction(seq)?;
            }
            for cited in cited {
                let kind = self.take(cited)?;
                let followed = matches!(kind, Some(Kind::SignalDerived | Kind::InteractionRecorded));
                if followed && seen.insert(cited) {
                    waiting.push(cited);
                }
            }
            for conversation in conversations {
                for turn in self.turns(&conversation)? {
                    self.labels(turn)?;
                    if follow && seen.insert(turn) {
                        waiting.push(turn);
                    }
                }
            }
        }
        Ok(())
    }

    fn interaction(&mut self, seq: u64) -> Result<(), LedgerError> {
        if !self.uses.insert(seq) {
            return Ok(());
        }
        let owner = self.stream_of(seq);
        self.stream(owner, Field::Account)?;
        self.labels(seq)
    }

    fn turns(&mut self, conversation: &str) -> Result<Vec<u64>, LedgerError> {
        let is_turn = |exhibit: &Exhibit| match body(exhibit) {
            Some(Body::InteractionRecorded(body)) => body.conversation == conversation,
            _ => false,
        };
        let mut turns = Vec::new();
        for seq in self.shelf.postings(Term::new(Field::Conversation, conversation.as_bytes()))? {
            if self.take_if(seq, is_turn)? {
                turns.push(seq);
            }
        }
        Ok(turns)
    }

    fn labels(&mut self, target: u64) -> Result<(), LedgerError> {
        let is_label = |exhibit: &Exhibit| {
            let header = &exhibit.entry.header;
            header.kind == Kind::InteractionLabelled
                && header.links.iter().filter_map(resolved).any(|seq| seq == target)
        };
        for seq in self.shelf.postings(Term::number(Field::Target, target))? {
            self.take_if(seq, is_label)?;
        }
        Ok(())
    }

    /// The streams of every center that an account was ever linked to, and of every account that was linked to one.
    fn neighbours(&mut self, account: StreamId) -> Result<(), LedgerError> {
        for center in self.seconds(account, 0) {
            self.stream(center, Field::Center)?;
            for member in self.seconds(center, 1) {
                self.stream(member, Field::Account)?;
            }
        }
        Ok(())
    }

    /// The other streams of links in whose streams the given one stands at `place`.
    fn seconds(&self, stream: StreamId, place: usize) -> BTreeSet<StreamId> {
        let links = self.found.values().map(|exhibit| &exhibit.entry.header.streams);
        let of_stream = links.filter(|links| links.len() == 2 && links[place].stream == stream);
        of_stream.map(|links| links[1 - place].stream).collect()
    }

    fn stream(&mut self, stream: StreamId, field: Field) -> Result<(), LedgerError> {
        if !self.streams.insert(stream) {
            return Ok(());
        }
        for seq in self.shelf.postings(Term::stream(field, &stream))? {
            self.take_if(seq, |exhibit| exhibit.entry.header.streams.iter().any(|link| link.stream == stream))?;
        }
        Ok(())
    }

    fn stream_of(&self, seq: u64) -> StreamId {
        self.found[&seq].entry.header.streams[0].stream
    }

    /// Takes an entry, and says its kind; none behind the size.
    fn take(&mut self, seq: u64) -> Result<Option<Kind>, LedgerError> {
        self.take_if(seq, |_| true)?;
        Ok(self.found.get(&seq).map(|exhibit| exhibit.entry.header.kind))
    }

    /// Takes an entry that is wanted: a term is a hash, and names others now and then.
    fn take_if(&mut self, seq: u64, wanted: impl Fn(&Exhibit) -> bool) -> Result<bool, LedgerError> {
        if let Some(exhibit) = self.found.get(&seq) {
            return Ok(wanted(exhibit));
        }
        if seq >= self.size.0 {
            return Ok(false);
        }
        let exhibit = self.shelf.exhibit(seq, self.keyring)?;
        let exhibit = exhibit.ok_or_else(|| super::BadEntry::new(seq, "the index does not know where it stands"))?;
        let is_wanted = wanted(&exhibit);
        if is_wanted {
            self.found.insert(seq, exhibit);
        }
        Ok(is_wanted)
    }
}

fn body(exhibit: &Exhibit) -> Option<&Body> {
    exhibit.entry.record.as_ref().map(|record| &record.body)
}

fn resolved(link: &Link) -> Option<u64> {
    match link {
        codec::Link::Resolved { seq, .. } => Some(*seq),
        codec::Link::Unresolved { .. } => None,
    }
}

fn conversation(source: &Source) -> Option<String> {
    match source {
        Source::Conversation(id) => Some(id.clone()),
        Source::Fact(_) => None,
    }
}
