//! The ledger that most rows share: a population, made once a run by `inforce import`.

use crate::child::{self, Took};
use crate::feed::{Feed, population};
use inforce::ledger::Ledger;
use std::io;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The shared ledger, and what making it took.
pub struct Store {
    dir: TempDir,
    /// Entries in it.
    pub entries: u64,
    /// What importing it took.
    pub import: Took,
}

impl Store {
    /// Makes one of `entries` entries with a tenth as many accounts, closed.
    pub fn make(entries: u64) -> io::Result<Store> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("ledger");
        create(&path)?;
        let mut feed = Feed::new(population(entries, entries / 10));
        let mut copied = 0;
        let import = child::run(&path, &["import", "-"], |input| {
            copied = feed.copy(entries, input)?;
            Ok(())
        })?;
        Ok(Store { dir, entries: copied, import })
    }

    /// Its folder.
    pub fn path(&self) -> PathBuf {
        self.dir.path().join("ledger")
    }
}

/// An empty ledger, closed.
pub fn create(path: &Path) -> io::Result<()> {
    let ledger = Ledger::create(path, Some("inforce/bench")).map_err(io::Error::other)?;
    ledger.close().map_err(io::Error::other)
}

/// The bytes of all files in a folder.
pub fn bytes(dir: &Path) -> io::Result<u64> {
    let mut sum = 0;
    for file in dir.read_dir()? {
        let file = file?;
        let meta = file.metadata()?;
        sum += if meta.is_dir() { bytes(&file.path())? } else { meta.len() };
    }
    Ok(sum)
}
