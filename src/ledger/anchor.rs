//! The anchor: a copy of the last checkpoint outside the ledger's folder, on another disk if one can.
//!
//! A folder that is put back from a backup brings its own checkpoints along, and looks whole. The anchor stays, and the
//! ledger is held to it. It is written after each checkpoint, and only over what this ledger wrote last: two copies of a
//! folder that both grow meet here.

use super::held::read_checkpoint;
use super::{Config, Ledger, LedgerError, Options, Paths};
use crate::disk::{self, Disk};
use crate::merkle::TreeHead;
use std::path::{Path, PathBuf};

/// The anchor as this writer left it.
pub struct Anchor {
    path: PathBuf,
    head: TreeHead,
}

impl Anchor {
    /// Opens the one that the configuration names; the journal was held to it before.
    pub fn open(disk: &dyn Disk, config: &Config) -> Result<Option<Anchor>, LedgerError> {
        let Some(path) = &config.anchor else { return Ok(None) };
        let head = read(disk, path, config)?;
        Ok(Some(Anchor { path: path.clone(), head }))
    }

    /// True if it was left over that tree.
    pub fn is_at(&self, head: TreeHead) -> bool {
        self.head == head
    }

    /// To be called before a checkpoint is signed: nothing may be signed that another copy of the folder has forked.
    pub fn check(&self, disk: &dyn Disk, config: &Config) -> Result<(), LedgerError> {
        let found = read(disk, &self.path, config)?;
        if found == self.head {
            return Ok(());
        }
        Err(LedgerError::RolledBack(format!(
            "the anchor `{}` is over {} entries, this process left it over {}: another copy of this ledger is written to; \
             keep one of them",
            self.path.display(),
            found.size.0,
            self.head.size.0
        )))
    }

    /// Copies a checkpoint that was just written.
    pub fn write(&mut self, disk: &dyn Disk, config: &Config, note: &str) -> Result<(), LedgerError> {
        let head = config.open_checkpoint(note)?.head();
        disk::replace(disk, &self.path, note.as_bytes())
            .map_err(|error| LedgerError::Anchor(self.path.clone(), error))?;
        self.head = head;
        Ok(())
    }
}

fn read(disk: &dyn Disk, path: &Path, config: &Config) -> Result<TreeHead, LedgerError> {
    Ok(read_checkpoint(disk, path, config, |error| LedgerError::Anchor(path.to_owned(), error))?.head())
}

impl Ledger {
    /// Where the anchor is, if there is one.
    pub fn anchor(&self) -> Option<&Path> {
        self.config.anchor.as_deref()
    }

    /// Holds the ledger in `dir` to an anchor from now on. A file that is there must be a checkpoint of this ledger that
    /// the journal continues.
    pub fn set_anchor(dir: &Path, anchor: &Path) -> Result<(), LedgerError> {
        let anchor = outside(dir, anchor)?;
        let ledger = Ledger::open(dir)?;
        let disk = ledger.disk();
        if disk.exists(&anchor) {
            let head = read(disk, &anchor, &ledger.config)?;
            let (roots, size) = ledger.roots_in_journal(&[head.size])?;
            if roots[0] != Some(head.root) {
                return Err(LedgerError::RolledBack(format!(
                    "`{}` is over {} entries, and the {} of the journal do not continue it",
                    anchor.display(),
                    head.size.0,
                    size.0
                )));
            }
        }
        let note = ledger.checkpoint()?;
        disk::replace(disk, &anchor, note.as_bytes()).map_err(|error| LedgerError::Anchor(anchor.clone(), error))?;
        let config = Config { anchor: Some(anchor), ..ledger.config.clone() };
        config.write(disk, &Paths(dir).config())?;
        ledger.close()
    }

    /// Holds the ledger in `dir` to its anchor no longer: for whoever has lost it. Returns the one that was named. Works
    /// on a ledger that is refused.
    pub fn drop_anchor(dir: &Path) -> Result<Option<PathBuf>, LedgerError> {
        let options = Options::default();
        let (paths, disk) = (Paths(dir), &*options.disk);
        let mut config = Config::read(disk, dir)?;
        let lock = disk.lock(&paths.lock()).map_err(|error| LedgerError::Io(paths.lock(), error))?;
        let _lock = lock.ok_or_else(|| LedgerError::Locked(dir.to_owned()))?;
        let anchor = config.anchor.take();
        config.write(disk, &paths.config())?;
        Ok(anchor)
    }
}

/// The anchor's path from the root on; inside the ledger's folder it would be restored along with it.
fn outside(dir: &Path, anchor: &Path) -> Result<PathBuf, LedgerError> {
    let io = |error| LedgerError::Io(anchor.to_owned(), error);
    let absolute = std::path::absolute(anchor).map_err(io)?;
    let (Some(folder), Some(name)) = (absolute.parent(), absolute.file_name()) else {
        return Err(io(std::io::Error::other("expected a file")));
    };
    let folder = folder.canonicalize().map_err(io)?;
    let ledger = dir.canonicalize().map_err(|error| LedgerError::Io(dir.to_owned(), error))?;
    if folder.starts_with(&ledger) {
        return Err(io(std::io::Error::other("expected a file outside the ledger's folder")));
    }
    let path = folder.join(name);
    // ledger.toml is text.
    if path.to_str().is_some() { Ok(path) } else { Err(io(std::io::Error::other("expected a path in UTF-8"))) }
}
