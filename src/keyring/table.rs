//! Slots found by one of their fields.

use super::slot::{Hashed, Slot, hash};
use super::slots::Slots;
use super::sorted::{Sorted, ordered};
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use std::io;
use std::ops::Range;

/// Parts in which a table is filled, as a logarithm: one of them fits a processor's cache.
const PARTS_LOG: u32 = 8;

/// Slots by one of their fields, which is random or a keyed hash: its first bytes are as good as a hash of it.
pub struct Table {
    field: Range<usize>,
    kind: TableKind,
}

enum TableKind {
    Growing(HashTable<u32>),
    /// By blocks, a few together.
    Fixed(Vec<Sorted>),
}

impl Table {
    /// All of these slots; of two with the same field the later one.
    ///
    /// A table is filled from its beginning to its end, so that what is being filled is in the processor's cache: the place
    /// of an element is told by the low bits of its hash, as many as the table has room for.
    pub fn growing<'a>(
        field: Range<usize>,
        slots: &Slots,
        hashed: impl Iterator<Item = &'a [Hashed]> + Clone,
    ) -> Table {
        let growing = HashTable::with_capacity(hashed.clone().map(<[Hashed]>::len).sum());
        let bits = (growing.capacity() + 1).next_power_of_two().ilog2().max(1);
        let mut table = Table { field, kind: TableKind::Growing(growing) };
        ordered(hashed, 64 - bits, PARTS_LOG)
            .1
            .into_iter()
            .for_each(|(hash, slot)| table.insert_hashed(hash, slot, slots));
        table
    }

    /// Slots that stand in blocks: none is added or removed.
    pub fn fixed(field: Range<usize>, blocks: Vec<Sorted>) -> Table {
        Table { field, kind: TableKind::Fixed(blocks) }
    }

    /// The slot of a field's value.
    pub fn get(&self, key: &[u8; 16], slots: &Slots) -> Option<Slot> {
        let is = |slot: Slot| slots.at(slot)[self.field.clone()] == *key;
        match &self.kind {
            TableKind::Growing(table) => table.find(hash(key), |&slot| is(Slot(slot))).copied().map(Slot),
            TableKind::Fixed(blocks) => same(blocks, hash(key)).find(|&slot| is(slot)),
        }
    }

    /// The same of many keys, in place of what stood in `found`. What is looked at for each stands anywhere in memory; looked at
    /// one after another, with nothing between them, none waits for the memory of the one before.
    pub fn get_each<'k>(
        &self,
        keys: impl Iterator<Item = Option<&'k [u8; 16]>> + Clone,
        slots: &Slots,
        found: &mut Vec<Option<Slot>>,
    ) {
        found.clear();
        found.extend(keys.clone().map(|key| self.guess(key?)));
        for (found, key) in found.iter_mut().zip(keys) {
            let is_key = |slot: &Slot| key.is_some_and(|key| slots.at(*slot)[self.field.clone()] == *key);
            *found = found.filter(is_key).or_else(|| self.get(key?, slots));
        }
    }

    /// What [`Table::get`] mostly finds: it is told by a few bits of the hash, and not compared.
    fn guess(&self, key: &[u8; 16]) -> Option<Slot> {
        match &self.kind {
            TableKind::Growing(table) => table.find(hash(key), |_| true).copied().map(Slot),
            TableKind::Fixed(_) => None,
        }
    }

    /// Has what [`Table::get`] will compare read, if it is not in memory.
    pub fn fetch(&self, key: &[u8; 16], slots: &Slots) -> io::Result<()> {
        match &self.kind {
            TableKind::Growing(_) => Ok(()),
            TableKind::Fixed(blocks) => same(blocks, hash(key)).try_for_each(|slot| slots.block(slot).map(drop)),
        }
    }

    pub fn insert(&mut self, slot: Slot, slots: &Slots) {
        self.insert_hashed(hash(&slots.at(slot)[self.field.clone()]), slot, slots);
    }

    fn insert_hashed(&mut self, hashed: u64, slot: Slot, slots: &Slots) {
        let field = self.field.clone();
        let of = |slot: u32| &slots.at(Slot(slot))[field.clone()];
        match self.growing_mut().entry(hashed, |&other| of(other) == of(slot.0), |&other| hash(of(other))) {
            Entry::Occupied(mut there) => *there.get_mut() = slot.0,
            Entry::Vacant(free) => drop(free.insert(slot.0)),
        }
    }

    pub fn remove(&mut self, slot: Slot, slots: &Slots) {
        let hashed = hash(&slots.at(slot)[self.field.clone()]);
        if let Ok(found) = self.growing_mut().find_entry(hashed, |other| *other == slot.0) {
            found.remove();
        }
    }

    fn growing_mut(&mut self) -> &mut HashTable<u32> {
        match &mut self.kind {
            TableKind::Growing(table) => table,
            TableKind::Fixed(_) => unreachable!("a keyring that is looked into is not written to"),
        }
    }
}

fn same(blocks: &[Sorted], hash: u64) -> impl Iterator<Item = Slot> {
    blocks.iter().rev().flat_map(move |block| block.same(hash))
}
