//! Ids recorded lately, so that what was just recorded is found without an index.
//!
//! A bounded number of them, a stretch of seqs without a gap; each takes the place of the one that many before it.

use super::blocks::Blocks;
use crate::codec::{EntryHash, Identity};
use hashbrown::HashTable;

/// As many as the index holds in memory before they are in a run.
const MOST: usize = crate::index::RUN as usize;

#[derive(Default)]
pub struct RecentIds {
    /// The seq of the first that was taken since they began anew.
    start: u64,
    /// How many were taken since.
    taken: u64,
    /// Entry `start + n` at place `n` modulo `MOST`.
    entries: Blocks<(Identity, EntryHash)>,
    /// Places in `entries`.
    table: HashTable<u32>,
}

impl RecentIds {
    /// The entry of an identity, if it is one of the last.
    pub fn get(&self, identity: &Identity) -> Option<(u64, EntryHash)> {
        let is = |&place: &u32| self.entries[place as usize].0 == *identity;
        let &place = self.table.find(hash(identity), is)?;
        let last = self.taken - 1;
        // So many were taken behind it.
        let behind = (last - u64::from(place)) % MOST as u64;
        Some((self.start + last - behind, self.entries[place as usize].1))
    }

    /// Every entry from this seq on is known.
    pub fn first(&self) -> u64 {
        match self.entries.len() as u64 {
            0 => u64::MAX,
            held => self.start + self.taken - held,
        }
    }

    /// Takes an entry. One that does not follow those before makes them forgotten.
    pub fn insert(&mut self, seq: u64, identity: Identity, hash_of_it: EntryHash) {
        if self.start + self.taken != seq {
            (self.start, self.taken) = (seq, 0);
            self.entries.clear();
            self.table.clear();
        }
        let place = (self.taken % MOST as u64) as usize;
        if place == self.entries.len() {
            self.entries.push((identity, hash_of_it));
        } else {
            let (before, _) = std::mem::replace(&mut self.entries[place], (identity, hash_of_it));
            let known = self.table.find_entry(hash(&before), |&other| other as usize == place);
            known.expect("what is held is in the table").remove();
            if self.table.len() == self.table.capacity() {
                self.refill(place);
            }
        }
        self.file(place);
        self.taken += 1;
    }

    /// Files anew all but one place: a table where much was removed would be twice as large otherwise.
    fn refill(&mut self, without: usize) {
        self.table.clear();
        (0..self.entries.len()).filter(|&place| place != without).for_each(|place| self.file(place));
    }

    fn file(&mut self, place: usize) {
        let entries = &self.entries;
        let hash_at = |place: usize| hash(&entries[place].0);
        self.table.insert_unique(hash_at(place), place as u32, |&place| hash_at(place as usize));
    }
}

/// An identity is a keyed hash already: any of its bytes are as good as another.
fn hash(identity: &Identity) -> u64 {
    u64::from_le_bytes(identity.0[8..].try_into().expect("eight bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u64) -> Identity {
        Identity(blake3::hash(&n.to_le_bytes()).as_bytes()[..16].try_into().expect("16 bytes"))
    }

    #[test]
    fn the_last_are_known_and_what_does_not_follow_begins_anew() {
        let (mut ids, hash) = (RecentIds::default(), EntryHash([7; 32]));
        assert_eq!((ids.first(), ids.get(&id(0))), (u64::MAX, None));
        // Begun at either, so that places and seqs are not the same.
        for start in [0, 3] {
            let end = start + 2 * MOST as u64 + 10;
            (start..end).for_each(|seq| ids.insert(seq, id(seq), hash));
            let first = end - MOST as u64;
            assert_eq!((ids.first(), ids.table.len()), (first, MOST));
            for seq in [first, first + 1, end - 11, end - 10, end - 1] {
                assert_eq!(ids.get(&id(seq)), Some((seq, hash)), "{seq}");
            }
            assert_eq!((ids.get(&id(first - 1)), ids.get(&id(end))), (None, None));
            ids.insert(end + 5, id(end + 5), hash);
            assert_eq!((ids.first(), ids.get(&id(end - 1))), (end + 5, None));
            assert_eq!(ids.get(&id(end + 5)), Some((end + 5, hash)));
        }
    }
}
