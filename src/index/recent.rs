//! Postings and locations that are in no run yet, in memory.

use super::Term;
use foldhash::HashMap;

/// What was added lately, from seq `first` on.
#[derive(Default)]
pub struct Recent {
    first: u64,
    /// Each with the place of the same term's posting before it, counted from 1; 0 where there is none.
    postings: Vec<Posting>,
    last: HashMap<Term, u32>,
    locations: Vec<u64>,
}

struct Posting {
    term: Term,
    seq: u32,
    before: u32,
}

impl Recent {
    pub fn new(first: u64) -> Recent {
        Recent { first, ..Recent::default() }
    }

    /// How many entries.
    pub fn entries(&self) -> u64 {
        self.locations.len() as u64
    }

    /// Takes the next entry.
    pub fn add(&mut self, location: u64, terms: impl Iterator<Item = Term>) {
        let seq = self.locations.len() as u32;
        self.locations.push(location);
        for term in terms {
            let place = self.postings.len() as u32 + 1;
            let before = self.last.insert(term, place).unwrap_or(0);
            self.postings.push(Posting { term, seq, before });
        }
    }

    /// The seqs of a term, descending.
    pub fn find(&self, term: Term) -> impl Iterator<Item = u64> + '_ {
        let mut place = self.last.get(&term).copied().unwrap_or(0);
        std::iter::from_fn(move || {
            let posting = self.postings.get((place as usize).checked_sub(1)?)?;
            place = posting.before;
            Some(self.first + u64::from(posting.seq))
        })
    }

    pub fn location(&self, seq: u64) -> Option<u64> {
        self.locations.get(seq.checked_sub(self.first)? as usize).copied()
    }

    pub fn locations(&self) -> &[u64] {
        &self.locations
    }

    /// Every posting by key and seq, each once, and how many keys there are.
    pub fn sorted(&self) -> (Vec<(u64, u64)>, u64) {
        let mut all: Vec<(u64, u32)> = self.postings.iter().map(|posting| (posting.term.key(), posting.seq)).collect();
        all.sort_unstable();
        all.dedup();
        let keys = all.chunk_by(|a, b| a.0 == b.0).count() as u64;
        (all.into_iter().map(|(key, seq)| (key, self.first + u64::from(seq))).collect(), keys)
    }
}
