//! Publishing: the log as a folder of static files (C2SP tlog-tiles) that any web server can mirror.
//!
//! `checkpoint`, `tile/<level>/…` and `tile/entries/…`. Entries are entry hashes: nothing that was recorded about
//! anybody is in the folder. Everything is made from the journal anew and held to the checkpoint before the first file is
//! written. INVARIANT (checkpoint last): a checkpoint is moved into place after every tile that it needs was synced, so
//! whoever copies the folder at any moment can check what its checkpoint says.
//!
//! Partial tiles of earlier checkpoints stay: somebody may hold such a checkpoint.

use super::{Ledger, LedgerError, Paths, rehash};
use crate::checkpoint::{Checkpoint, Note};
use crate::disk::{Disk, RealDisk};
use crate::merkle::{TreeHead, TreeSize};
use crate::tile::{Tile, Tiler};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// What to publish.
#[derive(Clone, Copy, Debug, Default)]
pub struct Publish {
    /// The last cosigned checkpoint instead of the last one.
    pub witnessed: bool,
    /// Every tile again, not only those that changed.
    pub all: bool,
}

/// What was published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The checkpoint in the folder now.
    pub checkpoint: Checkpoint,
    /// How many entries the one before it was over.
    pub before: TreeSize,
    /// Tiles and bundles that were written.
    pub tiles: u64,
}

impl Ledger {
    /// Brings the folder `to` up to the last checkpoint. A folder that holds the checkpoint of a larger tree, or of one
    /// that this tree does not continue, is left as it is.
    pub fn publish(&self, to: &Path, options: Publish) -> Result<Published, LedgerError> {
        let io = |error| LedgerError::Io(to.to_owned(), error);
        std::fs::create_dir_all(to).map_err(io)?;
        let own = self.dir.canonicalize().map_err(|error| LedgerError::Io(self.dir.clone(), error))?;
        if to.canonicalize().map_err(io)?.starts_with(own) {
            return Err(io(io::Error::other("expected a folder outside the ledger's")));
        }
        let _lock = RealDisk.lock_dir(to).map_err(io)?.ok_or_else(|| LedgerError::Locked(to.to_owned()))?;
        let note = self.note_to_publish(options.witnessed)?;
        let checkpoint = self.config.open_checkpoint(&note)?;
        let before = self.published(to)?;
        self.check_continues(checkpoint.head(), before)?;
        let known = before.filter(|_| !options.all).map_or(0, |head| head.size.0);
        let tiles = self.write_tiles(to, checkpoint.head(), known)?;
        let path = to.join("checkpoint");
        if std::fs::read(&path).ok().as_deref() != Some(note.as_bytes()) {
            write_file(&path, note.as_bytes()).map_err(|error| LedgerError::Io(path, error))?;
        }
        RealDisk.sync_dir(to).map_err(io)?;
        Ok(Published { checkpoint, before: before.map_or(TreeSize(0), |head| head.size), tiles })
    }

    /// The last checkpoint, with the cosignatures that it got.
    fn note_to_publish(&self, witnessed: bool) -> Result<String, LedgerError> {
        let cosigned = self.witnessed_checkpoint()?;
        if witnessed {
            let none = io::Error::new(io::ErrorKind::NotFound, "no checkpoint was cosigned so far");
            return cosigned.ok_or(LedgerError::Io(self.dir.join(super::witnessed::WITNESSED), none));
        }
        let path = Paths(&self.dir).checkpoint();
        let bytes = self.disk().read(&path).map_err(|error| LedgerError::Io(path, error))?;
        let last = String::from_utf8_lossy(&bytes).into_owned();
        let text = |note: &str| Note::parse(note).map(|note| note.text().to_owned());
        let same = |cosigned: &String| text(cosigned).is_ok_and(|cosigned| Ok(cosigned) == text(&last));
        Ok(cosigned.filter(same).unwrap_or(last))
    }

    /// What the folder's checkpoint says, if it has one. It must be of this ledger.
    fn published(&self, to: &Path) -> Result<Option<TreeHead>, LedgerError> {
        let path = to.join("checkpoint");
        match std::fs::read_to_string(&path) {
            Ok(note) => Ok(Some(self.config.open_checkpoint(&note)?.head())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(LedgerError::Io(path, error)),
        }
    }

    /// The journal must be what was signed, and what was published before must be its beginning.
    fn check_continues(&self, new: TreeHead, before: Option<TreeHead>) -> Result<(), LedgerError> {
        let old = before.unwrap_or(new);
        if new.size < old.size {
            return Err(LedgerError::RolledBack(format!(
                "{} entries were published, the checkpoint is over {}",
                old.size.0, new.size.0
            )));
        }
        let (roots, size) = self.roots_in_journal(&[new.size, old.size])?;
        if roots[0] != Some(new.root) {
            return Err(LedgerError::RolledBack(format!(
                "the checkpoint is over {} entries, and the {} of the journal do not continue it",
                new.size.0, size.0
            )));
        }
        if roots[1] != Some(old.root) {
            return Err(LedgerError::RolledBack(format!(
                "the first {} entries are not those that were published",
                old.size.0
            )));
        }
        Ok(())
    }

    /// Writes the tiles of a tree that one of `known` leaves does not have, and syncs them.
    fn write_tiles(&self, to: &Path, head: TreeHead, known: u64) -> Result<u64, LedgerError> {
        let (mut tiler, mut writing) = (Tiler::default(), Writing { to, folders: BTreeSet::new(), tiles: 0 });
        let mut failed = None;
        rehash::each(self.disk(), &Paths(&self.dir).journal(), |hash, _| {
            if tiler.frontier().size() == head.size || failed.is_some() {
                return;
            }
            let filled = tiler.push(hash);
            let fresh = filled.iter().filter(|(tile, _)| tile.end() > known);
            failed = fresh.map(|(tile, bytes)| writing.write(tile, bytes)).find_map(Result::err);
        })?;
        if let Some(error) = failed {
            return Err(error);
        }
        // Read a second time: what goes out is what was checked.
        if tiler.frontier().root() != head.root {
            return Err(LedgerError::RolledBack("the journal was read twice, and differed".to_owned()));
        }
        if head.size.0 > known {
            tiler.partial().iter().try_for_each(|(tile, bytes)| writing.write(tile, bytes))?;
        }
        writing.sync()?;
        Ok(writing.tiles)
    }
}

/// Files written so far, and the folders whose names are to be synced.
struct Writing<'a> {
    to: &'a Path,
    folders: BTreeSet<PathBuf>,
    tiles: u64,
}

impl Writing<'_> {
    fn write(&mut self, tile: &Tile, bytes: &[u8]) -> Result<(), LedgerError> {
        let path = self.to.join(tile.path());
        let folder = path.parent().expect("a tile has a folder");
        let written = std::fs::create_dir_all(folder).and_then(|()| write_file(&path, bytes));
        // Every folder up to the published one may be new.
        self.folders.extend(folder.ancestors().take_while(|above| *above != self.to).map(Path::to_owned));
        self.tiles += 1;
        written.map_err(|error| LedgerError::Io(path, error))
    }

    fn sync(&self) -> Result<(), LedgerError> {
        let sync = |folder: &Path| File::open(folder).and_then(|open| open.sync_all());
        let folders = self.folders.iter().map(PathBuf::as_path).chain(std::iter::once(self.to));
        let mut folders = folders.map(|folder| sync(folder).map_err(|error| LedgerError::Io(folder.to_owned(), error)));
        folders.try_for_each(|synced| synced)
    }
}

/// A file that others may read: written beside its place, synced, and moved there.
fn write_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(".new");
    let mut file = File::create(&fresh)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&fresh, path)
}
