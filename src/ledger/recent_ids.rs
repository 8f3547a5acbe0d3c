//! Ids recorded lately, so that what was just recorded is found without an index.
//!
//! In two generations of bounded size, each a stretch of seqs without a gap, the old one just before the young one.

use super::blocks::Blocks;
use crate::codec::{EntryHash, Identity};
use hashbrown::HashTable;

/// Ids a generation: as many as the index holds in memory before they are in a run.
const MOST: usize = crate::index::RUN as usize;

#[derive(Default)]
pub struct RecentIds {
    young: Generation,
    old: Generation,
}

#[derive(Default)]
struct Generation {
    first: u64,
    entries: Blocks<(Identity, EntryHash)>,
    /// Places in `entries`.
    table: HashTable<u32>,
}

impl RecentIds {
    /// The entry of an identity, if it is one of the last.
    pub fn get(&self, identity: &Identity) -> Option<(u64, EntryHash)> {
        self.young.get(identity).or_else(|| self.old.get(identity))
    }

    /// Every entry from this seq on is known.
    pub fn first(&self) -> u64 {
        let known = [&self.old, &self.young].into_iter().find(|generation| generation.entries.len() > 0);
        known.map_or(u64::MAX, |generation| generation.first)
    }

    /// Takes an entry. One that does not follow those before makes them forgotten.
    pub fn insert(&mut self, seq: u64, identity: Identity, hash: EntryHash) {
        if self.young.next() != seq {
            self.young.restart(seq);
            self.old.restart(seq);
        }
        if self.young.entries.len() >= MOST {
            std::mem::swap(&mut self.young, &mut self.old);
            self.young.restart(seq);
        }
        self.young.insert(identity, hash);
    }
}

impl Generation {
    fn next(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    /// Forgets all of it, and begins anew in the same room.
    fn restart(&mut self, first: u64) {
        self.first = first;
        self.entries.clear();
        self.table.clear();
    }

    fn get(&self, identity: &Identity) -> Option<(u64, EntryHash)> {
        let is = |&place: &u32| self.entries[place as usize].0 == *identity;
        let &place = self.table.find(hash(identity), is)?;
        Some((self.first + u64::from(place), self.entries[place as usize].1))
    }

    fn insert(&mut self, identity: Identity, hash_of_it: EntryHash) {
        let place = self.entries.len() as u32;
        self.entries.push((identity, hash_of_it));
        let entries = &self.entries;
        self.table.insert_unique(hash(&identity), place, |&place| hash(&entries[place as usize].0));
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
        let end = 2 * MOST as u64 + 10;
        (0..end).for_each(|seq| ids.insert(seq, id(seq), hash));
        assert_eq!(ids.first(), MOST as u64);
        for seq in [MOST as u64, end - 11, end - 10, end - 1] {
            assert_eq!(ids.get(&id(seq)), Some((seq, hash)));
        }
        assert_eq!((ids.get(&id(0)), ids.get(&id(end))), (None, None));
        ids.insert(end + 5, id(end + 5), hash);
        assert_eq!((ids.first(), ids.get(&id(end - 1))), (end + 5, None));
    }
}
