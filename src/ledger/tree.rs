//! The tree on disk: every leaf hash in one flat file, and the signed checkpoint beside it.
//!
//! `tree/leaves` follows the journal and is rebuilt from it; the checkpoint is not: it is what the journal is held to.

use super::{Config, LedgerError};
use crate::checkpoint::Checkpoint;
use crate::codec::EntryHash;
use crate::merkle::{self, Frontier, NodeHash, TreeSize};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The growing tree.
pub struct Tree {
    path: PathBuf,
    file: File,
    frontier: Frontier,
}

impl Tree {
    /// Opens `tree/leaves`, however long it is; leaves are then appended from 0 on and checked against what is there.
    pub fn open(dir: &Path) -> Result<Tree, LedgerError> {
        std::fs::create_dir_all(dir).map_err(|error| LedgerError::Io(dir.to_owned(), error))?;
        let path = dir.join("leaves");
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        let file = file.map_err(|error| LedgerError::Io(path.clone(), error))?;
        Ok(Tree { path, file, frontier: Frontier::default() })
    }

    /// The tree so far.
    pub fn frontier(&self) -> &Frontier {
        &self.frontier
    }

    /// Takes the leaf of an entry that the journal holds; writes it unless it is `stored`.
    pub fn replay(&mut self, leaf: NodeHash, stored: Option<&NodeHash>) -> Result<(), LedgerError> {
        if stored == Some(&leaf) {
            self.frontier.append(leaf);
            return Ok(());
        }
        self.append(&[leaf])
    }

    /// Appends leaves to file and frontier; not synced, since the journal can tell them again.
    pub fn append(&mut self, leaves: &[NodeHash]) -> Result<(), LedgerError> {
        let bytes: Vec<u8> = leaves.iter().flat_map(|leaf| leaf.0).collect();
        let written = self.file.write_all_at(&bytes, self.frontier.size().0 * 32);
        written.map_err(|error| LedgerError::Io(self.path.clone(), error))?;
        leaves.iter().for_each(|&leaf| self.frontier.append(leaf));
        Ok(())
    }

    /// Cuts leaves that no entry stands behind.
    pub fn truncate(&self) -> Result<(), LedgerError> {
        self.file.set_len(self.frontier.size().0 * 32).map_err(|error| LedgerError::Io(self.path.clone(), error))
    }
}

/// Every leaf that the file holds; a cut one at the end is left out.
pub fn stored_leaves(dir: &Path) -> Vec<NodeHash> {
    let bytes = std::fs::read(dir.join("leaves")).unwrap_or_default();
    bytes.chunks_exact(32).map(|leaf| NodeHash(leaf.try_into().expect("32 bytes"))).collect()
}

/// The leaf of an entry.
pub fn leaf(hash: &EntryHash) -> NodeHash {
    merkle::leaf(hash)
}

/// Signs and writes the checkpoint: a new file, synced, moved over the old one.
pub fn write_checkpoint(
    path: &Path,
    config: &Config,
    frontier: &Frontier,
    key: &ed25519_dalek::SigningKey,
) -> Result<String, LedgerError> {
    let checkpoint = Checkpoint { origin: config.origin.clone(), size: frontier.size(), root: frontier.root() };
    let note = checkpoint.sign(key);
    let fresh = path.with_extension("new");
    let io = |error| LedgerError::Io(fresh.clone(), error);
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh).map_err(io)?;
    file.write_all(note.as_bytes()).and_then(|()| file.sync_all()).map_err(io)?;
    std::fs::rename(&fresh, path).map_err(io)?;
    let dir = path.parent().expect("a file in the ledger's folder");
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(io)?;
    Ok(note)
}

/// The checkpoint, its signature and origin checked.
pub fn read_checkpoint(path: &Path, config: &Config) -> Result<Checkpoint, LedgerError> {
    let note = std::fs::read_to_string(path).map_err(|error| LedgerError::Io(path.to_owned(), error))?;
    let checkpoint = Checkpoint::open(&note, &config.public_key)?;
    if checkpoint.origin != config.origin {
        return Err(LedgerError::RolledBack(format!(
            "the checkpoint is of `{}`, not of `{}`",
            checkpoint.origin, config.origin
        )));
    }
    Ok(checkpoint)
}

/// Follows a pass over the journal and says whether it is the tree that was signed.
pub struct Held {
    checkpoint: Checkpoint,
    fits: bool,
}

impl Held {
    /// Against `checkpoint`.
    pub fn to(checkpoint: Checkpoint) -> Held {
        let mut held = Held { checkpoint, fits: false };
        held.note(&Frontier::default());
        held
    }

    /// The size that was signed.
    pub fn size(&self) -> TreeSize {
        self.checkpoint.size
    }

    /// To be called after every leaf.
    pub fn note(&mut self, frontier: &Frontier) {
        if self.checkpoint.size == frontier.size() {
            self.fits = self.checkpoint.root == frontier.root();
        }
    }

    /// What is wrong, at the end of the journal.
    pub fn verdict(&self, size: TreeSize) -> Result<(), String> {
        let signed = self.checkpoint.size;
        if size < signed {
            return Err(format!("the journal holds {} entries, its checkpoint was signed over {}", size.0, signed.0));
        }
        if !self.fits {
            return Err(format!("the first {} entries are not those that the checkpoint was signed over", signed.0));
        }
        Ok(())
    }
}
