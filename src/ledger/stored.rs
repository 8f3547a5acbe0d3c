//! What the files of the tree hold, as a whole, for passes that compare every hash with the journal's.
//!
//! `tree/leaves` has the leaves, `tree/level-1` the roots of complete subtrees of 256 leaves, `tree/level-2` of 65,536,
//! and so on: the levels of tlog-tiles. A level's hash `n` covers the hashes `256 n` to `256 n + 255` of the one below.

use super::LedgerError;
use crate::disk::Disk;
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

/// Every hash that is stored.
pub struct Stored {
    /// The leaves; a cut one at the end is left out.
    pub leaves: Vec<NodeHash>,
    levels: Levels,
}

impl Stored {
    /// Reads all that is there.
    pub fn read(disk: &dyn Disk, dir: &Path) -> Result<Stored, LedgerError> {
        let levels = Levels::read(disk, dir)?;
        Ok(Stored { leaves: hashes(disk, &dir.join(file_name(0)))?, levels })
    }

    /// How many leaves there must be: all of it is written only once the journal's sync returned.
    pub fn covered(&self) -> u64 {
        self.levels.covered().max(self.leaves.len() as u64)
    }

    /// The hash of the complete subtree of a level that ends before leaf `end`.
    pub fn node(&self, level: usize, end: u64) -> Option<&NodeHash> {
        if level == 0 { self.leaves.get(end as usize - 1) } else { self.levels.node(level, end) }
    }
}

/// The levels above the leaves, from 1: a 255th of them.
pub struct Levels(Vec<Vec<NodeHash>>);

impl Levels {
    /// Reads all that is there, from the top: beside a writer, what is read later covers what was read before. Leaves
    /// are to be read behind it.
    pub fn read(disk: &dyn Disk, dir: &Path) -> Result<Levels, LedgerError> {
        let count = (0..=TOP).take_while(|&level| disk.exists(&dir.join(file_name(level)))).count();
        let levels = (1..count.max(1)).rev().map(|level| hashes(disk, &dir.join(file_name(level))));
        let mut levels = levels.collect::<Result<Vec<_>, _>>()?;
        levels.reverse();
        Ok(Levels(levels))
    }

    /// How many leaves there must be.
    pub fn covered(&self) -> u64 {
        let above = self.0.iter().enumerate().map(|(at, hashes)| (hashes.len() as u64) << (8 * (at + 1)));
        above.max().unwrap_or(0)
    }

    /// The hash of the complete subtree of a level, at least 1, that ends before leaf `end`.
    pub fn node(&self, level: usize, end: u64) -> Option<&NodeHash> {
        self.0.get(level - 1)?.get((end >> (8 * level)) as usize - 1)
    }
}

/// The hashes of a file; one that is cut at the end is left out.
fn hashes(disk: &dyn Disk, path: &Path) -> Result<Vec<NodeHash>, LedgerError> {
    let bytes = match disk.read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        other => other.map_err(|error| LedgerError::Io(path.to_owned(), error))?,
    };
    Ok(bytes.chunks_exact(32).map(|hash| NodeHash(hash.try_into().expect("32 bytes"))).collect())
}
