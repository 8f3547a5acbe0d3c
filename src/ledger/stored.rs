//! What the files of the tree hold, as a whole, for passes that compare every hash with the journal's.
//!
//! `tree/leaves` has the leaves, `tree/level-1` the roots of complete subtrees of 256 leaves, `tree/level-2` of 65,536,
//! and so on: the levels of tlog-tiles. A level's hash `n` covers the hashes `256 n` to `256 n + 255` of the one below.

use super::LedgerError;
use crate::disk::{Disk, Open};
use crate::merkle::NodeHash;
use std::io;
use std::path::Path;

/// The highest level that a tree of 2^64 leaves fills: a file above it is nobody's.
pub const TOP: usize = 7;

/// The level whose hashes are roots of subtrees of that height, if there is one.
pub fn level_of(height: u32) -> Option<usize> {
    height.is_multiple_of(8).then_some(height as usize / 8)
}

/// The name of a level's file; level 0 are the leaves.
pub fn file_name(level: usize) -> String {
    if level == 0 { "leaves".to_owned() } else { format!("level-{level}") }
}

/// Every hash that is stored, or those from some leaf on.
pub struct Stored {
    /// The leaves; a cut one at the end is left out.
    pub leaves: Vec<NodeHash>,
    levels: Levels,
    /// The first leaf that is held.
    first: u64,
}

impl Stored {
    /// Reads all that is there.
    pub fn read(disk: &dyn Disk, dir: &Path) -> Result<Stored, LedgerError> {
        Stored::read_from(disk, dir, 0)
    }

    /// Reads what is there from a leaf on, and of the levels above from the hash over it on.
    pub fn read_from(disk: &dyn Disk, dir: &Path, first: u64) -> Result<Stored, LedgerError> {
        let levels = Levels::read_from(disk, dir, first)?;
        Ok(Stored { leaves: hashes(disk, &dir.join(file_name(0)), first)?, levels, first })
    }

    /// How many leaves there must be: all of it is written only once the journal's sync returned.
    pub fn covered(&self) -> u64 {
        let held = if self.leaves.is_empty() { 0 } else { self.first + self.leaves.len() as u64 };
        self.levels.covered().max(held)
    }

    /// The hash of the complete subtree of a level that ends before leaf `end`.
    pub fn node(&self, level: usize, end: u64) -> Option<&NodeHash> {
        if level > 0 {
            return self.levels.node(level, end);
        }
        self.leaves.get((end - 1).checked_sub(self.first)? as usize)
    }
}

/// The levels above the leaves, from 1: a 255th of them.
pub struct Levels {
    hashes: Vec<Vec<NodeHash>>,
    /// The first leaf that is held.
    first: u64,
}

impl Levels {
    /// Reads all that is there, from the top: beside a writer, what is read later covers what was read before. Leaves
    /// are to be read behind it.
    pub fn read(disk: &dyn Disk, dir: &Path) -> Result<Levels, LedgerError> {
        Levels::read_from(disk, dir, 0)
    }

    fn read_from(disk: &dyn Disk, dir: &Path, first: u64) -> Result<Levels, LedgerError> {
        let count = (0..=TOP).take_while(|&level| disk.exists(&dir.join(file_name(level)))).count();
        let levels = (1..count.max(1)).rev();
        let levels = levels.map(|level| hashes(disk, &dir.join(file_name(level)), first >> (8 * level)));
        let mut hashes = levels.collect::<Result<Vec<_>, _>>()?;
        hashes.reverse();
        Ok(Levels { hashes, first })
    }

    /// How many leaves there must be.
    pub fn covered(&self) -> u64 {
        let held = |(at, hashes): (usize, &Vec<NodeHash>)| {
            let level = at + 1;
            let count = (self.first >> (8 * level)) + hashes.len() as u64;
            if hashes.is_empty() { 0 } else { count << (8 * level) }
        };
        self.hashes.iter().enumerate().map(held).max().unwrap_or(0)
    }

    /// The hash of the complete subtree of a level, at least 1, that ends before leaf `end`.
    pub fn node(&self, level: usize, end: u64) -> Option<&NodeHash> {
        let place = ((end >> (8 * level)) - 1).checked_sub(self.first >> (8 * level))?;
        self.hashes.get(level - 1)?.get(place as usize)
    }
}

/// The hashes of a file from the given one on; one that is cut at the end is left out.
fn hashes(disk: &dyn Disk, path: &Path, first: u64) -> Result<Vec<NodeHash>, LedgerError> {
    let bytes = match tail(disk, path, first * 32) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        other => other.map_err(|error| LedgerError::Io(path.to_owned(), error))?,
    };
    Ok(bytes.chunks_exact(32).map(|hash| NodeHash(hash.try_into().expect("32 bytes"))).collect())
}

fn tail(disk: &dyn Disk, path: &Path, from: u64) -> io::Result<Vec<u8>> {
    if from == 0 {
        return disk.read(path);
    }
    let file = disk.open(path, Open::Read)?;
    let mut bytes = vec![0; file.len()?.saturating_sub(from) as usize];
    file.read_exact_at(&mut bytes, from)?;
    Ok(bytes)
}
