//! Something of each stream, found by its name and numbered in the order of arrival.
//!
//! A map of them would be half empty after it grew, and stand there twice while it does: here only numbers are moved.

use super::blocks::Blocks;
use crate::codec::StreamId;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use std::hash::BuildHasher;

/// What has a stream's name.
pub trait Named {
    fn stream(&self) -> StreamId;
}

pub struct ByStream<T> {
    all: Blocks<T>,
    numbers: HashTable<u32>,
    state: RandomState,
}

impl<T> Default for ByStream<T> {
    fn default() -> Self {
        ByStream { all: Blocks::default(), numbers: HashTable::default(), state: RandomState::default() }
    }
}

impl<T: Named> ByStream<T> {
    pub fn get(&self, stream: StreamId) -> Option<&T> {
        self.number(stream).map(|number| self.at(number))
    }

    pub fn number(&self, stream: StreamId) -> Option<u32> {
        self.numbers.find(self.state.hash_one(stream), |&number| self.at(number).stream() == stream).copied()
    }

    pub fn at(&self, number: u32) -> &T {
        &self.all[number as usize]
    }

    pub fn at_mut(&mut self, number: u32) -> &mut T {
        &mut self.all[number as usize]
    }

    /// Puts it in the place of the one with its stream, which is returned, if there is one.
    pub fn put(&mut self, one: T) -> Option<T> {
        let (number, left) = self.add(one);
        left.map(|one| std::mem::replace(self.at_mut(number), one))
    }

    /// Adds it unless there is one with its stream: then it is returned. Either way tells the number of the one that is there.
    pub fn add(&mut self, one: T) -> (u32, Option<T>) {
        let (all, state, stream) = (&mut self.all, &self.state, one.stream());
        let name = |number: u32| all[number as usize].stream();
        let is = |&number: &u32| name(number) == stream;
        match self.numbers.entry(state.hash_one(stream), is, |&number| state.hash_one(name(number))) {
            Entry::Occupied(there) => (*there.get(), Some(one)),
            Entry::Vacant(free) => {
                let number = u32::try_from(all.len()).expect("there are not as many accounts");
                free.insert(number);
                all.push(one);
                (number, None)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{EntryHash, Head};

    #[test]
    fn finds_what_was_put_last() {
        let mut heads = ByStream::default();
        let head = |n: u64, revision| Head {
            stream: StreamId(blake3::hash(&n.to_le_bytes()).as_bytes()[..16].try_into().expect("16 bytes")),
            revision,
            hash: EntryHash([n as u8; 32]),
        };
        (0..10_000).for_each(|n| assert_eq!(heads.put(head(n, 0)), None));
        for n in (0..10_000).step_by(3) {
            assert_eq!(heads.put(head(n, 1)), Some(head(n, 0)));
            assert_eq!(heads.add(head(n, 2)), (n as u32, Some(head(n, 2))));
        }
        for n in 0..10_000 {
            assert_eq!(heads.get(head(n, 0).stream), Some(&head(n, u64::from(n % 3 == 0))));
        }
        assert_eq!(heads.number(head(10_000, 0).stream), None);
    }
}
