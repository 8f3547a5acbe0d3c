//! What a ledger is held to: every checkpoint of its own that is still there.
//!
//! `checkpoint` is the last one that was signed, `checkpoint.witnessed` the last one that others cosigned, and the anchor
//! a copy of the last one outside the ledger's folder: it stays where it is when the folder is put back from a backup.
//! The journal must be a continuation of each. INVARIANT (anchor last): an anchor is written after the checkpoint that it
//! copies, and read before it, so no reader beside a writer finds an anchor ahead of its ledger.

use super::witnessed::WITNESSED;
use super::{Config, LedgerError, Paths, rehash, tree};
use crate::checkpoint::Checkpoint;
use crate::disk::Disk;
use crate::merkle::{Frontier, NodeHash, TreeHead, TreeSize};
use std::io;
use std::path::Path;

/// Said with every refusal that a person has to decide about.
pub const WAY_OUT: &str = "put the newest copy of the folder back; if there is none, docs/operate.md says what to do under \
                       `When a ledger is refused`";

/// One checkpoint, and whether the tree that passes by is the one that was signed.
struct One {
    /// The file, as people know it.
    name: String,
    head: TreeHead,
    fits: bool,
}

/// Follows a pass over the journal and says whether it continues every checkpoint.
#[derive(Default)]
pub struct Held(Vec<One>);

impl Held {
    /// Reads all of them. What cannot be read is told by its name: nobody may go on as if it had not been there.
    pub fn read(disk: &dyn Disk, dir: &Path, config: &Config) -> (Held, Option<(String, LedgerError)>) {
        let (mut held, mut failed) = (Held::default(), None);
        let mut take = |name: &str, read: Result<Option<Checkpoint>, LedgerError>| match read {
            Ok(checkpoint) => held.0.extend(checkpoint.map(|checkpoint| One::new(name, checkpoint.head()))),
            Err(error) => drop(failed.get_or_insert((name.to_owned(), error))),
        };
        if let Some(path) = &config.anchor {
            let missing = |error: io::Error| LedgerError::Anchor(path.clone(), error);
            take(&path.display().to_string(), read_checkpoint(disk, path, config, missing).map(Some));
        }
        let path = dir.join(WITNESSED);
        if disk.exists(&path) {
            let io = |error| LedgerError::Io(path.clone(), error);
            take(WITNESSED, read_checkpoint(disk, &path, config, io).map(Some));
        }
        let last = tree::read_checkpoint(disk, &Paths(dir).checkpoint(), config).map_err(|error| match error {
            LedgerError::Io(_, error) if error.kind() == io::ErrorKind::NotFound => {
                LedgerError::RolledBack(format!("`checkpoint` is not there; {WAY_OUT}"))
            }
            error => error,
        });
        take("checkpoint", last.map(Some));
        (held, failed)
    }

    /// The largest size that was signed.
    pub fn size(&self) -> TreeSize {
        self.0.iter().map(|one| one.head.size).max().unwrap_or(TreeSize(0))
    }

    /// Size and root of each.
    pub fn heads(&self) -> impl Iterator<Item = TreeHead> + '_ {
        self.0.iter().map(|one| one.head)
    }

    /// To be called after every leaf.
    pub fn note(&mut self, frontier: &Frontier) {
        for one in self.0.iter_mut().filter(|one| one.head.size == frontier.size()) {
            one.fits = one.head.root == frontier.root();
        }
    }

    /// Compares those of at most so many entries with the roots of a tree.
    pub fn note_stored(&mut self, size: TreeSize, root_at: impl Fn(TreeSize) -> NodeHash) {
        for one in self.0.iter_mut().filter(|one| one.head.size <= size) {
            one.fits = one.head.root == root_at(one.head.size);
        }
    }

    /// True if those of at most so many entries fit.
    pub fn fits_up_to(&self, size: TreeSize) -> bool {
        self.0.iter().all(|one| one.fits || one.head.size > size)
    }

    /// The first that a journal of `size` entries does not continue: its name, and what is wrong.
    pub fn verdict(&self, size: TreeSize) -> Result<(), (String, String)> {
        let wrong = |one: &&One| size < one.head.size || !one.fits;
        let Some(one) = self.0.iter().find(wrong) else { return Ok(()) };
        let (name, signed) = (&one.name, one.head.size.0);
        let what = if size.0 < signed {
            format!("the journal holds {} entries, `{name}` was signed over {signed}", size.0)
        } else {
            format!("the first {signed} entries are not those that `{name}` was signed over")
        };
        Err((name.clone(), format!("{what}; {WAY_OUT}")))
    }

    /// What [`Held::verdict`] says of a journal as a whole, without any key. Only looked at where the heads alone do
    /// not show that nothing is behind the last checkpoint.
    pub fn check_heads(&mut self, disk: &dyn Disk, journal: &Path) -> Result<(), LedgerError> {
        let last = self.0.iter().find(|one| one.name == "checkpoint").map(|one| one.head);
        let Some(last) = last else { return Ok(()) };
        let behind =
            |one: &One| one.head.size > last.size || (one.head.size == last.size && one.head.root != last.root);
        if !self.0.iter().any(behind) {
            return Ok(());
        }
        let frontier = rehash::each(disk, journal, |_, frontier| self.note(frontier))?;
        self.verdict(frontier.size()).map_err(|(_, what)| LedgerError::RolledBack(what))
    }
}

impl One {
    fn new(name: &str, head: TreeHead) -> One {
        let empty = Frontier::default();
        One { name: name.to_owned(), head, fits: head.size == empty.size() && head.root == empty.root() }
    }
}

/// A checkpoint of this ledger elsewhere than in `checkpoint`.
pub fn read_checkpoint(
    disk: &dyn Disk,
    path: &Path,
    config: &Config,
    failed: impl FnOnce(io::Error) -> LedgerError,
) -> Result<Checkpoint, LedgerError> {
    let bytes = disk.read(path).map_err(failed)?;
    config.open_checkpoint(&String::from_utf8_lossy(&bytes))
}
