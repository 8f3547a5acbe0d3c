//! Slots in parts, by hashes of one of their fields.

use super::slot::{Hashed, Slot};

/// Parts, as a logarithm: with blocks sorted together as they are, one is sixteen slots.
const SORTED_PARTS_LOG: u32 = 12;

/// Slots in parts by the high bits of their hashes, those of a part in the order that they came in.
pub struct Sorted {
    hashes: Vec<u32>,
    slots: Vec<Slot>,
    /// Where each part begins, and the last ends.
    bounds: Vec<u32>,
}

impl Sorted {
    pub fn new(hashed: &[Hashed]) -> Sorted {
        let (bounds, ordered) = ordered(std::iter::once(hashed), 0, SORTED_PARTS_LOG);
        let (hashes, slots) = ordered.into_iter().map(|(hash, slot)| ((hash >> 32) as u32, slot)).unzip();
        Sorted { hashes, slots, bounds: bounds.into_iter().map(|bound| bound as u32).collect() }
    }

    /// Those that may be of this hash, the last first.
    pub fn same(&self, hash: u64) -> impl Iterator<Item = Slot> {
        let (part, high) = (part(hash, 0, SORTED_PARTS_LOG), (hash >> 32) as u32);
        let within = self.bounds[part] as usize..self.bounds[part + 1] as usize;
        within.rev().filter(move |&place| self.hashes[place] == high).map(|place| self.slots[place])
    }
}

/// Slots in parts by so many of the highest bits of their hashes, as a logarithm, leaving out those `above`; and where each
/// part begins and the last ends.
pub fn ordered<'a>(
    hashed: impl Iterator<Item = &'a [Hashed]> + Clone,
    above: u32,
    parts_log: u32,
) -> (Vec<usize>, Vec<Hashed>) {
    let mut bounds = vec![0; (1 << parts_log) + 1];
    hashed.clone().flatten().for_each(|&(hash, _)| bounds[part(hash, above, parts_log) + 1] += 1);
    (1..bounds.len()).for_each(|part| bounds[part] += bounds[part - 1]);
    let (mut next, mut ordered) = (bounds.clone(), vec![(0, Slot(0)); bounds[1 << parts_log]]);
    for &(hash, slot) in hashed.flatten() {
        let next = &mut next[part(hash, above, parts_log)];
        ordered[*next] = (hash, slot);
        *next += 1;
    }
    (bounds, ordered)
}

fn part(hash: u64, above: u32, parts_log: u32) -> usize {
    (hash << above >> (64 - parts_log)) as usize
}
