//! Proofs from the files of the tree, read by offset: a few KiB for ten million leaves, and no journal, key or index.
//!
//! Nothing here is checked against the journal: a proof over hashes that are not the journal's verifies under no root
//! that was signed. `verify` compares them all.

use super::stored::{TOP, file_name};
use super::{Ledger, LedgerError, Paths};
use crate::disk::{Disk, DiskFile, Open};
use crate::merkle::{self, NodeHash, Nodes, TreeSize};
use std::cell::RefCell;
use std::path::{Path, PathBuf};

/// Hashes read at once: more only where a level's file is missing.
const MOST: u64 = 256;

/// Hashes read where they stand: of the highest level that has them, else of the one below.
pub struct StoredNodes {
    /// `leaves`, `level-1`, and so on, with how many hashes each holds.
    files: Vec<(Box<dyn DiskFile>, u64)>,
    dir: PathBuf,
    /// The first read that failed: with it what was computed is worth nothing.
    failed: RefCell<Option<LedgerError>>,
}

impl Nodes for StoredNodes {
    fn node(&self, height: u32, index: u64) -> NodeHash {
        let highest = (height as usize / 8).min(self.files.len() - 1);
        let holds = |level: &usize| (index + 1) << (height as usize - 8 * level) <= self.files[*level].1;
        let level = (0..=highest).rev().find(holds).unwrap_or(0);
        let count = 1u64 << (height as usize - 8 * level);
        if count > MOST {
            let half = |index| self.node(height - 1, index);
            return merkle::node(&half(2 * index), &half(2 * index + 1));
        }
        let mut bytes = vec![0; count as usize * 32];
        if let Err(error) = self.files[level].0.read_exact_at(&mut bytes, index * count * 32) {
            self.failed.borrow_mut().get_or_insert(LedgerError::Io(self.dir.join(file_name(level)), error));
        }
        let hashes: Vec<NodeHash> =
            bytes.chunks_exact(32).map(|hash| NodeHash(hash.try_into().expect("32 bytes"))).collect();
        merkle::subtree(&hashes)
    }
}

impl StoredNodes {
    pub fn open(disk: &dyn Disk, dir: &Path) -> Result<StoredNodes, LedgerError> {
        let mut files: Vec<(Box<dyn DiskFile>, u64)> = Vec::new();
        while files.is_empty() || disk.exists(&dir.join(file_name(files.len()))) {
            let path = dir.join(file_name(files.len()));
            let io = |error| LedgerError::Io(path.clone(), error);
            let file = disk.open(&path, Open::Read).map_err(io)?;
            let held = file.len().map_err(io)? / 32;
            files.push((file, held));
        }
        Ok(StoredNodes { files, dir: dir.to_owned(), failed: RefCell::new(None) })
    }

    /// True if each level that a tree of `size` leaves fills holds as many hashes of it as it must.
    pub fn is_whole(&self, size: TreeSize) -> bool {
        (0..=TOP).all(|level| self.files.get(level).map_or(0, |file| file.1) >= size.0 >> (8 * level))
    }

    fn expect_size(&self, size: TreeSize) -> Result<(), LedgerError> {
        let held = self.files[0].1;
        if size.0 <= held {
            return Ok(());
        }
        Err(LedgerError::BeyondTree { asked: size.0, expected: format!("a size of at most {held}") })
    }

    /// What was computed, if every read behind it succeeded.
    pub fn answer<T>(self, computed: T) -> Result<T, LedgerError> {
        self.failed.into_inner().map_or(Ok(computed), Err)
    }
}

impl Ledger {
    fn stored_nodes(&self) -> Result<StoredNodes, LedgerError> {
        StoredNodes::open(self.disk(), &Paths(&self.dir).tree())
    }

    /// The root over the first `size` entries.
    pub fn root_at(&self, size: TreeSize) -> Result<NodeHash, LedgerError> {
        let nodes = self.stored_nodes()?;
        nodes.expect_size(size)?;
        let root = merkle::range_root(&nodes, 0, size.0);
        nodes.answer(root)
    }

    /// The leaves of entries, in the order asked for.
    pub fn leaves(&self, seqs: impl IntoIterator<Item = u64>) -> Result<Vec<NodeHash>, LedgerError> {
        let nodes = self.stored_nodes()?;
        let leaf = |seq: u64| {
            nodes.expect_size(TreeSize(seq.saturating_add(1)))?;
            Ok(nodes.node(0, seq))
        };
        let leaves = seqs.into_iter().map(leaf).collect::<Result<Vec<_>, LedgerError>>()?;
        nodes.answer(leaves)
    }

    /// The proof that entry `seq` is in the tree of `size` leaves, nearest sibling first.
    pub fn inclusion_proof(&self, seq: u64, size: TreeSize) -> Result<Vec<NodeHash>, LedgerError> {
        let nodes = self.stored_nodes()?;
        nodes.expect_size(size)?;
        if seq >= size.0 {
            return Err(LedgerError::BeyondTree { asked: seq, expected: format!("a seq below {}", size.0) });
        }
        let path = merkle::inclusion(&nodes, seq, size);
        nodes.answer(path)
    }

    /// The proof that the tree of `old` leaves is a prefix of the tree of `new` leaves.
    pub fn consistency_proof(&self, old: TreeSize, new: TreeSize) -> Result<Vec<NodeHash>, LedgerError> {
        let nodes = self.stored_nodes()?;
        nodes.expect_size(new)?;
        if old > new {
            return Err(LedgerError::BeyondTree { asked: old.0, expected: format!("a size of at most {}", new.0) });
        }
        let proof = merkle::consistency(&nodes, old, new);
        nodes.answer(proof)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tree::Tree;
    use super::*;
    use crate::codec::EntryHash;
    use crate::disk::RealDisk;
    use std::sync::Arc;

    /// A tree on disk of so many leaves, handed in in parts, and its leaves.
    fn tree(count: u64, part: usize) -> (tempfile::TempDir, Vec<NodeHash>) {
        let leaf = |n: u64| merkle::leaf(&EntryHash(*blake3::hash(&n.to_le_bytes()).as_bytes()));
        let (dir, leaves) = (tempfile::tempdir().expect("a folder"), (0..count).map(leaf).collect::<Vec<_>>());
        let mut tree = Tree::open(Arc::new(RealDisk), dir.path()).expect("made");
        leaves.chunks(part).for_each(|part| {
            let grown = tree.grown(part.iter().copied());
            tree.grow(grown).expect("written");
        });
        (dir, leaves)
    }

    /// Every proof of `size` for some leaves and older sizes, against the leaves in memory.
    fn check(dir: &Path, leaves: &[NodeHash], size: u64, others: &[u64]) {
        let stored = StoredNodes::open(&RealDisk, dir).expect("opens");
        let (all, size) = (&leaves[..size as usize], TreeSize(size));
        assert_eq!(merkle::range_root(&stored, 0, size.0), merkle::range_root(all, 0, size.0), "{size:?}");
        for &other in others.iter().filter(|&&other| other < size.0) {
            let path = merkle::inclusion(&stored, other, size);
            assert_eq!(path, merkle::inclusion(all, other, size), "{other} in {size:?}");
            let proof = merkle::consistency(&stored, TreeSize(other), size);
            assert_eq!(proof, merkle::consistency(all, TreeSize(other), size), "{other} in {size:?}");
        }
        assert!(stored.failed.borrow().is_none());
    }

    #[test]
    fn stored_nodes_are_those_of_the_leaves_for_every_small_size() {
        let (dir, leaves) = tree(700, 7);
        for size in 0..=64 {
            check(dir.path(), &leaves, size, &(0..size).collect::<Vec<_>>());
        }
        for size in (65..=300).chain(508..=516) {
            check(dir.path(), &leaves, size, &[0, 64, 255, 256, 511, size / 2, size - 1]);
        }
        // Without the level's file, and with a cut one.
        for len in [32 + 9, 0] {
            RealDisk.open(&dir.path().join("level-1"), Open::Write).expect("there").set_len(len).expect("cut");
            check(dir.path(), &leaves, 700, &[0, 300, 699]);
        }
        std::fs::remove_file(dir.path().join("level-1")).expect("removed");
        check(dir.path(), &leaves, 700, &[0, 300, 699]);
    }

    #[test]
    fn stored_nodes_are_those_of_the_leaves_at_the_borders_of_levels() {
        let (dir, leaves) = tree(2 * 65_536 + 300, 1000);
        for size in [65_535, 65_536, 65_537, 65_792, 131_073] {
            check(dir.path(), &leaves, size, &[256, size - 1]);
        }
        let len = |name: &str| std::fs::metadata(dir.path().join(name)).expect("there").len();
        assert_eq!([len("leaves"), len("level-1"), len("level-2")], [131_372 * 32, 513 * 32, 2 * 32]);
    }
}
