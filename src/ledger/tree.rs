//! The growing tree on disk, and the signed checkpoint beside it.
//!
//! The files of hashes follow the journal and are rebuilt from it; the checkpoint is not: it is what the journal is held
//! to. INVARIANT (leaves first): a level's file never covers more than `leaves` held when it was written.

use super::config::read_text;
use super::stored::{Stored, TOP, file_name, level_of};
use super::{Config, LedgerError};
use crate::checkpoint::Checkpoint;
use crate::codec::EntryHash;
use crate::disk::{self, Disk, DiskFile, Open};
use crate::merkle::{self, Frontier, NodeHash};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The growing tree.
pub struct Tree {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    /// `leaves`, then `level-1`, and so on as far as there are.
    files: Vec<Box<dyn DiskFile>>,
    frontier: Frontier,
    /// Hashes that the journal tells and the files do not hold: level, place, hash.
    missing: Vec<(usize, u64, NodeHash)>,
}

/// The tree with leaves that are not appended yet.
pub struct Grown {
    frontier: Frontier,
    /// What each file gets.
    fresh: Vec<Vec<NodeHash>>,
}

impl Tree {
    /// Opens the files of hashes, however long they are; leaves are then appended from 0 on and checked against what is
    /// there.
    pub fn open(disk: Arc<dyn Disk>, dir: &Path) -> Result<Tree, LedgerError> {
        if !disk.exists(dir) {
            disk.create_dir(dir).map_err(|error| LedgerError::Io(dir.to_owned(), error))?;
        }
        let mut tree =
            Tree { disk, dir: dir.to_owned(), files: Vec::new(), frontier: Frontier::default(), missing: Vec::new() };
        while tree.files.is_empty() || tree.files.len() <= TOP && tree.disk.exists(&tree.path(tree.files.len())) {
            tree.open_next()?;
        }
        Ok(tree)
    }

    fn path(&self, level: usize) -> PathBuf {
        self.dir.join(file_name(level))
    }

    fn open_next(&mut self) -> Result<(), LedgerError> {
        let path = self.path(self.files.len());
        let file = self.disk.open(&path, Open::Create).map_err(|error| LedgerError::Io(path, error))?;
        self.files.push(file);
        Ok(())
    }

    /// Takes the tree as it is stored up to some size: leaves are then appended from there on.
    pub fn resume(&mut self, frontier: Frontier) {
        self.frontier = frontier;
    }

    /// Makes durable what was written.
    pub fn sync(&self) -> Result<(), LedgerError> {
        self.files
            .iter()
            .enumerate()
            .try_for_each(|(level, file)| file.sync_data().map_err(|error| LedgerError::Io(self.path(level), error)))
    }

    /// The tree so far.
    pub fn frontier(&self) -> &Frontier {
        &self.frontier
    }

    /// Takes the leaf of an entry that the journal holds; notes what of it is not `stored`.
    pub fn replay(&mut self, leaf: NodeHash, stored: &Stored) {
        let (first, missing) = (self.frontier.size().0, &mut self.missing);
        let mut compare = |level, hash| {
            if stored.node(level, first + 1) != Some(&hash) {
                missing.push((level, first >> (8 * level), hash));
            }
        };
        compare(0, leaf);
        self.frontier.append_noting(leaf, |height, root| {
            if let Some(level) = level_of(height) {
                compare(level, root);
            }
        });
    }

    /// Writes what was noted. To be called once the entries behind it are durable: a leaf says that its entry is.
    pub fn write_missing(&mut self) -> Result<(), LedgerError> {
        let mut missing = std::mem::take(&mut self.missing);
        missing.sort_unstable_by_key(|&(level, place, _)| (level, place));
        for run in missing.chunk_by(|a, b| (a.0, a.1 + 1) == (b.0, b.1)) {
            let hashes: Vec<NodeHash> = run.iter().map(|&(.., hash)| hash).collect();
            self.write(run[0].0, run[0].1, &hashes)?;
        }
        Ok(())
    }

    /// What more leaves make of the tree; nothing is changed yet.
    pub fn grown(&self, leaves: impl Iterator<Item = NodeHash>) -> Grown {
        let mut grown = Grown { frontier: self.frontier.clone(), fresh: vec![Vec::new()] };
        for leaf in leaves {
            let fresh = &mut grown.fresh;
            fresh[0].push(leaf);
            grown.frontier.append_noting(leaf, |height, root| {
                let Some(level) = level_of(height) else { return };
                fresh.resize_with(fresh.len().max(level + 1), Vec::new);
                fresh[level].push(root);
            });
        }
        grown
    }

    /// Appends what was made of it to files and frontier; not synced, since the journal can tell it again.
    pub fn grow(&mut self, grown: Grown) -> Result<(), LedgerError> {
        let first = std::mem::replace(&mut self.frontier, grown.frontier).size().0;
        let mut fresh = grown.fresh.iter().enumerate();
        fresh.try_for_each(|(level, hashes)| self.write(level, first >> (8 * level), hashes))
    }

    /// Writes hashes of a level from `place` on.
    fn write(&mut self, level: usize, place: u64, hashes: &[NodeHash]) -> Result<(), LedgerError> {
        if hashes.is_empty() {
            return Ok(());
        }
        while self.files.len() <= level {
            self.open_next()?;
        }
        let bytes: Vec<u8> = hashes.iter().flat_map(|hash| hash.0).collect();
        let written = self.files[level].write_all_at(&bytes, place * 32);
        written.map_err(|error| LedgerError::Io(self.path(level), error))
    }

    /// Cuts hashes that no entry stands behind.
    pub fn truncate(&self) -> Result<(), LedgerError> {
        for (level, file) in self.files.iter().enumerate() {
            let len = (self.frontier.size().0 >> (8 * level)) * 32;
            file.set_len(len).map_err(|error| LedgerError::Io(self.path(level), error))?;
        }
        Ok(())
    }
}

/// The leaf of an entry.
pub fn leaf(hash: &EntryHash) -> NodeHash {
    merkle::leaf(hash)
}

/// Signs and writes the checkpoint: a new file, synced, moved over the old one.
pub fn write_checkpoint(
    disk: &dyn Disk,
    path: &Path,
    config: &Config,
    frontier: &Frontier,
    key: &ed25519_dalek::SigningKey,
) -> Result<String, LedgerError> {
    let checkpoint = Checkpoint { origin: config.origin.clone(), size: frontier.size(), root: frontier.root() };
    let note = checkpoint.sign(key);
    disk::replace(disk, path, note.as_bytes()).map_err(|error| LedgerError::Io(path.to_owned(), error))?;
    Ok(note)
}

/// The checkpoint, its signature and origin checked.
pub fn read_checkpoint(disk: &dyn Disk, path: &Path, config: &Config) -> Result<Checkpoint, LedgerError> {
    let note = read_text(disk, path).map_err(|error| LedgerError::Io(path.to_owned(), error))?;
    config.open_checkpoint(&note)
}
