//! Streams by number: what is kept of each stands in a list, where it is found again without looking for its name.

use super::blocks::Blocks;
use crate::codec::StreamId;
use crate::keyring::Slot;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use std::hash::BuildHasher;
use std::num::NonZeroU32;

/// A stream's number, in the order in which streams were met, from one on: so none of them takes no more room than one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamNo(NonZeroU32);

impl StreamNo {
    fn at(place: usize) -> StreamNo {
        let number = u32::try_from(place + 1).ok().and_then(NonZeroU32::new);
        StreamNo(number.expect("there are fewer streams"))
    }

    /// Its place in a list by number.
    pub fn place(self) -> usize {
        self.0.get() as usize - 1
    }
}

/// Every stream that was met.
#[derive(Default)]
pub struct Streams {
    /// A map by name would be half empty after it grew, and stand there twice while it does: here only numbers are moved.
    numbers: HashTable<StreamNo>,
    names: Blocks<StreamId>,
    /// By the slots of their keys, where somebody knew them: for the most streams this saves the look-up.
    by_slot: Vec<Option<StreamNo>>,
    state: RandomState,
}

impl Streams {
    /// The number of a stream that was met.
    pub fn find(&self, stream: StreamId) -> Option<StreamNo> {
        self.numbers.find(self.state.hash_one(stream), |&number| self.name(number) == stream).copied()
    }

    /// The number of a stream, which is met now if it was not before.
    pub fn meet(&mut self, stream: StreamId) -> StreamNo {
        let (names, state) = (&mut self.names, &self.state);
        let is = |number: &StreamNo| names[number.place()] == stream;
        match self.numbers.entry(state.hash_one(stream), is, |number| state.hash_one(names[number.place()])) {
            Entry::Occupied(there) => *there.get(),
            Entry::Vacant(free) => {
                let number = StreamNo::at(names.len());
                free.insert(number);
                names.push(stream);
                number
            }
        }
    }

    /// The same for a stream whose keys stand in `slot`: no other stream's ever do.
    pub fn meet_in(&mut self, slot: Option<Slot>, stream: StreamId) -> StreamNo {
        let Some(slot) = slot else { return self.meet(stream) };
        if let Some(number) = self.in_slot(slot) {
            return number;
        }
        let number = self.meet(stream);
        if self.by_slot.len() <= slot.place() {
            self.by_slot.resize(slot.place() + 1, None);
        }
        self.by_slot[slot.place()] = Some(number);
        number
    }

    /// The number of a stream that was met, whose keys stand in `slot`.
    pub fn find_in(&self, slot: Slot, stream: StreamId) -> Option<StreamNo> {
        self.in_slot(slot).or_else(|| self.find(stream))
    }

    /// The number of the stream whose keys stand there, if somebody knew.
    pub fn in_slot(&self, slot: Slot) -> Option<StreamNo> {
        self.by_slot.get(slot.place()).copied().flatten()
    }

    /// Makes room for so many streams at once.
    pub fn reserve(&mut self, streams: usize) {
        self.numbers.reserve(streams, |number| self.state.hash_one(self.names[number.place()]));
        self.by_slot.reserve(streams);
    }

    /// The name of a stream.
    pub fn name(&self, number: StreamNo) -> StreamId {
        self.names[number.place()]
    }
}
