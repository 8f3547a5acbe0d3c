//! The leaves of the tree while a pass compares them with the journal's: read from their file piece by piece, never held
//! as a whole.
//!
//! What passed is known again by its place: an entry whose leaf was the stored one by the file, any other by what is
//! kept here. So a hash that is cited can be checked without a list of all hashes. INVARIANT (append only): nobody
//! changes a leaf that was written, so a second reading gives what the first did.

use super::LedgerError;
use super::stored::file_name;
use crate::codec::EntryHash;
use crate::disk::{Disk, DiskFile, Open};
use crate::merkle::{self, NodeHash};
use foldhash::HashMap;
use std::io;
use std::path::{Path, PathBuf};

/// Leaves read at once.
const BLOCK: u64 = 256;
/// Blocks held: 16 MiB.
const BLOCKS: usize = 2048;
/// Hashes of the last entries, for what is cited soon after it was recorded.
const RECENT: usize = 1 << 16;

/// Every leaf of the file, and of the entries that passed.
pub struct Leaves {
    path: PathBuf,
    file: Option<Box<dyn DiskFile>>,
    /// How many the file held when it was opened; a cut one at the end is left out.
    len: u64,
    /// Numbers of blocks, and their bytes.
    blocks: Vec<(Option<u64>, Vec<u8>)>,
    /// Of entries that passed: the leaves that are not those of the file, and those behind it.
    differing: HashMap<u64, NodeHash>,
    behind: Vec<NodeHash>,
    recent: Vec<EntryHash>,
    passed: u64,
}

impl Leaves {
    /// Opens the file below `dir`, if it is there.
    pub fn open(disk: &dyn Disk, dir: &Path) -> Result<Leaves, LedgerError> {
        let path = dir.join(file_name(0));
        let opened = match disk.open(&path, Open::Read) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            other => other.and_then(|file| Ok(Some((file.len()?, file)))),
        };
        let (bytes, file) = opened.map_err(|error| LedgerError::Io(path.clone(), error))?.unzip();
        Ok(Leaves {
            path,
            file,
            len: bytes.unwrap_or(0) / 32,
            blocks: Vec::new(),
            differing: HashMap::default(),
            behind: Vec::new(),
            recent: Vec::new(),
            passed: 0,
        })
    }

    /// How many the file holds.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// The leaf in the file.
    pub fn stored(&mut self, seq: u64) -> Result<Option<NodeHash>, LedgerError> {
        if seq >= self.len {
            return Ok(None);
        }
        if self.held(seq).is_none() {
            self.hold(seq / BLOCK)?;
        }
        Ok(self.held(seq))
    }

    /// The leaf in the file, if its block is held.
    fn held(&self, seq: u64) -> Option<NodeHash> {
        let (number, bytes) = self.blocks.get((seq / BLOCK) as usize % BLOCKS)?;
        let place = 32 * (seq % BLOCK) as usize;
        let is_held = *number == Some(seq / BLOCK);
        is_held.then(|| NodeHash(bytes[place..place + 32].try_into().expect("32 bytes")))
    }

    /// Reads a block in place of the one that stood there.
    fn hold(&mut self, number: u64) -> Result<(), LedgerError> {
        let (place, first) = (number as usize % BLOCKS, number * BLOCK);
        if self.blocks.len() <= place {
            self.blocks.resize_with(place + 1, Default::default);
        }
        let (_, mut bytes) = std::mem::take(&mut self.blocks[place]);
        bytes.resize(32 * (self.len - first).min(BLOCK) as usize, 0);
        self.read(first, &mut bytes)?;
        self.blocks[place] = (Some(number), bytes);
        Ok(())
    }

    fn read(&self, first: u64, into: &mut [u8]) -> Result<(), LedgerError> {
        let file = self.file.as_ref().expect("a leaf below the length is in a file");
        file.read_exact_at(into, first * 32).map_err(|error| LedgerError::Io(self.path.clone(), error))
    }

    /// The leaf in the file, for one that is cited long after: its block would be of no use to those that follow.
    fn alone(&self, seq: u64) -> Result<NodeHash, LedgerError> {
        let mut leaf = NodeHash([0; 32]);
        self.read(seq, &mut leaf.0)?;
        Ok(leaf)
    }

    /// Takes the next entry that passes; true if the file holds another leaf in its place.
    pub fn pass(&mut self, hash: EntryHash, leaf: NodeHash) -> Result<bool, LedgerError> {
        let (seq, place) = (self.passed, self.passed as usize % RECENT);
        let stored = self.stored(seq)?;
        let differs = stored.is_some_and(|stored| stored != leaf);
        if differs {
            self.differing.insert(seq, leaf);
        } else if stored.is_none() {
            self.behind.push(leaf);
        }
        match self.recent.get_mut(place) {
            Some(recent) => *recent = hash,
            None => self.recent.push(hash),
        }
        self.passed += 1;
        Ok(differs)
    }

    /// True if an entry passed under `seq`, and `hash` is its hash.
    pub fn is_hash_of(&self, seq: u64, hash: &EntryHash) -> Result<bool, LedgerError> {
        if seq >= self.passed {
            return Ok(false);
        }
        if self.passed - seq <= RECENT as u64 {
            return Ok(self.recent[seq as usize % RECENT] == *hash);
        }
        let leaf = match self.differing.get(&seq) {
            Some(leaf) => Some(*leaf),
            None if seq < self.len => Some(self.held(seq).map_or_else(|| self.alone(seq), Ok)?),
            None => self.behind.get((seq - self.len) as usize).copied(),
        };
        Ok(leaf == Some(merkle::leaf(hash)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::RealDisk;

    fn hash(seq: u64) -> EntryHash {
        let mut bytes = [7; 32];
        bytes[..8].copy_from_slice(&seq.to_le_bytes());
        EntryHash(bytes)
    }

    #[test]
    fn every_hash_that_passed_is_known_again_and_no_other() {
        let dir = tempfile::tempdir().expect("a folder");
        let (count, stored, wrong) = (RECENT as u64 + 5000, RECENT as u64 + 1000, [0, 255, 256, 4000, 66_000]);
        let leaf = |seq| merkle::leaf(&hash(if wrong.contains(&seq) { seq + 1_000_000 } else { seq }));
        let mut bytes: Vec<u8> = (0..stored).flat_map(|seq| leaf(seq).0).collect();
        bytes.extend([1; 31]);
        std::fs::write(dir.path().join("leaves"), bytes).expect("written");
        let mut leaves = Leaves::open(&RealDisk, dir.path()).expect("sound");
        assert_eq!(leaves.len(), stored);
        for seq in 0..count {
            let differs = leaves.pass(hash(seq), merkle::leaf(&hash(seq))).expect("sound");
            assert_eq!(differs, wrong.contains(&seq), "{seq}");
            assert!(leaves.is_hash_of(seq, &hash(seq)).expect("sound"));
            assert!(!leaves.is_hash_of(seq + 1, &hash(seq + 1)).expect("sound"), "it did not pass yet");
        }
        for seq in 0..count {
            assert!(leaves.is_hash_of(seq, &hash(seq)).expect("sound"), "{seq}");
            assert!(!leaves.is_hash_of(seq, &hash(seq + 1)).expect("sound"), "{seq}");
        }
        assert!(wrong.iter().all(|&seq| !leaves.is_hash_of(seq, &hash(seq + 1_000_000)).expect("sound")));
    }

    #[test]
    fn without_a_file_everything_is_behind_it() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut leaves = Leaves::open(&RealDisk, dir.path()).expect("sound");
        for seq in 0..RECENT as u64 + 10 {
            assert!(!leaves.pass(hash(seq), merkle::leaf(&hash(seq))).expect("sound"));
        }
        assert!(leaves.is_hash_of(3, &hash(3)).expect("sound") && !leaves.is_hash_of(3, &hash(4)).expect("sound"));
    }
}
