//! Postings and locations that are in no run yet, in memory.

use super::Term;
use super::run::KEY_BITS;
use rayon::prelude::*;

/// Bits of a key that tell its bucket: one is small enough to be looked through, and all of them to be added to at once.
const BUCKET_BITS: u32 = 10;
/// Bits of a posting that are its seq's distance from the first.
const SEQ_BITS: u32 = 64 - (KEY_BITS - BUCKET_BITS);

/// The most postings of a bucket whose room is used again. Kinds, days and policies bring very many to a few buckets, days to
/// others each time: with their room kept, one bucket after another would stay as large as the largest.
const KEPT: usize = 1 << 11;

/// What was added lately, from seq `first` on.
pub struct Recent {
    first: u64,
    /// By the top bits of their keys: the rest of each key above a seq, in the order in which they were added.
    buckets: Vec<Vec<u64>>,
    locations: Vec<u64>,
}

impl Recent {
    pub fn new(first: u64) -> Recent {
        Recent { first, buckets: vec![Vec::new(); 1 << BUCKET_BITS], locations: Vec::new() }
    }

    /// Forgets all of it, and begins anew at `first`, mostly in the same room.
    pub fn restart(&mut self, first: u64) {
        self.first = first;
        for bucket in &mut self.buckets {
            bucket.clear();
            if bucket.capacity() > KEPT {
                *bucket = Vec::new();
            }
        }
        self.locations.clear();
    }

    /// How many entries.
    pub fn entries(&self) -> u64 {
        self.locations.len() as u64
    }

    /// Takes the next entry.
    pub fn add(&mut self, location: u64, terms: &[Term]) {
        let seq = self.locations.len() as u64;
        assert!(seq >> SEQ_BITS == 0, "{seq} entries fit into memory");
        self.locations.push(location);
        for term in terms {
            let (bucket, rest) = split(term.key());
            self.buckets[bucket].push(rest | seq);
        }
    }

    /// The seqs of a term, descending.
    pub fn find(&self, term: Term) -> impl Iterator<Item = u64> + '_ {
        let (bucket, rest) = split(term.key());
        let is_of = move |posting: &&u64| (**posting ^ rest) >> SEQ_BITS == 0;
        self.buckets[bucket].iter().rev().filter(is_of).map(|posting| self.seq(*posting))
    }

    fn seq(&self, posting: u64) -> u64 {
        self.first + (posting & ((1 << SEQ_BITS) - 1))
    }

    pub fn location(&self, seq: u64) -> Option<u64> {
        self.locations.get(seq.checked_sub(self.first)? as usize).copied()
    }

    pub fn locations(&self) -> &[u64] {
        &self.locations
    }

    /// Puts postings into the order of key and seq, each once; returns how many keys there are in either half. Those of one
    /// term stay in the order in which they were added.
    pub fn sort(&mut self) -> [u64; 2] {
        let sort = |bucket: &mut Vec<u64>| {
            bucket.sort_unstable();
            bucket.dedup();
            bucket.chunk_by(|a, b| (a ^ b) >> SEQ_BITS == 0).count() as u64
        };
        // A bucket is the top bits of a key, the first of which is its half.
        let (lower, upper) = self.buckets.split_at_mut(1 << (BUCKET_BITS - 1));
        [lower, upper].map(|half| half.par_iter_mut().with_min_len(16).map(sort).sum())
    }

    /// Every posting by key and seq, in the order in which they stand.
    pub fn postings(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        (0..).zip(&self.buckets).flat_map(move |(bucket, postings)| {
            let key = move |posting: u64| bucket << (KEY_BITS - BUCKET_BITS) | posting >> SEQ_BITS;
            postings.iter().map(move |&posting| (key(posting), self.seq(posting)))
        })
    }
}

/// The bucket of a key, and what is left of it, above the room for a seq.
fn split(key: u64) -> (usize, u64) {
    ((key >> (KEY_BITS - BUCKET_BITS)) as usize, key << SEQ_BITS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::Field;

    #[test]
    fn room_that_one_term_took_is_not_kept() {
        let mut recent = Recent::new(0);
        let term = |day: u64| Term::number(Field::Day, day);
        for day in 0..3 {
            (0..20_000).for_each(|entry| recent.add(entry, &[term(day), term(1000 + entry)]));
            assert_eq!(recent.find(term(day)).count(), 20_000);
            recent.restart(20_000 * (day + 1));
            assert!(recent.find(term(day)).next().is_none() && recent.entries() == 0);
            assert!(recent.buckets.iter().all(|bucket| bucket.capacity() <= KEPT));
        }
        assert!(recent.buckets.iter().any(|bucket| bucket.capacity() > 0), "of most terms it is used again");
    }
}
