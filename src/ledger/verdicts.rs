//! Verdicts kept beside the ledger: blocks of bytes for one state of it, made by whoever judged it whole.
//!
//! What the blocks say is not this room's matter. They are never believed over the ledger: they hold for one size, root and
//! label only, are authenticated under a key that only the ledger has, and are thrown away otherwise. An erasure is an
//! entry, so nothing is told after it that was kept before it. `docs/format.md` gives the bytes.

use super::held::Held;
use super::prove::StoredNodes;
use super::{Ledger, LedgerError, Paths};
use crate::codec;
use crate::disk::{Disk, DiskFile, Open};
use crate::journal;
use crate::merkle::{self, NodeHash, TreeSize};
use std::io;
use std::path::{Path, PathBuf};

const MAGIC: [u8; 16] = *b"inforce verdicts";
const CONTEXT: &str = "inforce 2026-11 kept verdicts";
/// Behind the table: its length, its authenticator, and the magic.
const FOOTER: usize = 8 + 32 + 16;
/// A table that is longer is none.
const MOST: u64 = 1 << 30;

/// Offset, length and BLAKE3 of a block.
type Place = (u64, u64, [u8; 32]);
/// Label, size, root, blocks, and the directory of whoever made them.
type Table = (String, u64, [u8; 32], Vec<Place>, Vec<u8>);

/// Verdicts that are being kept.
pub struct Keeping<'a> {
    ledger: &'a Ledger,
    file: Box<dyn DiskFile>,
    fresh: PathBuf,
    len: u64,
    places: Vec<Place>,
}

/// Verdicts that were kept for the ledger as it stands.
pub struct Kept {
    file: Box<dyn DiskFile>,
    size: TreeSize,
    root: NodeHash,
    places: Vec<Place>,
    directory: Vec<u8>,
}

impl Ledger {
    /// What was kept under `label` for exactly this state of the ledger; `None` if there is none, or it is damaged.
    pub fn kept_verdicts(&self, label: &str, size: TreeSize, root: NodeHash) -> Option<Kept> {
        let file = self.disk().open(&Paths(&self.dir).verdicts(), Open::Read).ok()?;
        let mut footer = [0; FOOTER];
        let table_end = file.len().ok()?.checked_sub(FOOTER as u64)?;
        file.read_exact_at(&mut footer, table_end).ok()?;
        let len = u64::from_le_bytes(footer[..8].try_into().expect("eight bytes"));
        let start = table_end.checked_sub(len).filter(|_| len <= MOST && footer[40..] == MAGIC)?;
        let mut bytes = vec![0; len as usize];
        file.read_exact_at(&mut bytes, start).ok()?;
        // Compared in constant time: the type is BLAKE3's own.
        (blake3::keyed_hash(&self.verdicts_key(), &bytes) == <[u8; 32]>::try_from(&footer[8..40]).ok()?)
            .then_some(())?;
        let (of, at, over, places, directory): Table = codec::decode(&bytes, "a table").ok()?;
        (of == label && at == size.0 && over == root.0).then_some(Kept { file, size, root, places, directory })
    }

    /// Begins to keep verdicts; nothing is in place before [`Keeping::finish`].
    pub fn keep_verdicts(&self) -> Result<Keeping<'_>, LedgerError> {
        let path = Paths(&self.dir).verdicts();
        let folder = path.parent().expect("it is in a folder");
        let io = |error| LedgerError::Io(folder.to_owned(), error);
        if !self.disk().exists(folder) {
            self.disk().create_private_dir(folder).map_err(io)?;
        }
        let fresh = path.with_extension(format!("{}.new", std::process::id()));
        let file = open_private(self.disk(), &fresh).map_err(|error| LedgerError::Io(fresh.clone(), error))?;
        Ok(Keeping { ledger: self, file, fresh, len: 0, places: Vec::new() })
    }

    fn verdicts_key(&self) -> [u8; 32] {
        self.sign(|key| blake3::derive_key(CONTEXT, &key.to_bytes()))
    }

    /// How many entries the tree's file holds, and the root over them: the ledger as it stands, and nothing is read for it.
    pub fn standing(&self) -> Result<(TreeSize, NodeHash), LedgerError> {
        let path = Paths(&self.dir).tree().join("leaves");
        let len = match self.disk().open(&path, Open::Read).and_then(|file| file.len()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            other => other.map_err(|error| LedgerError::Io(path, error))?,
        };
        let size = TreeSize(len / 32);
        Ok((size, if size.0 == 0 { crate::merkle::Frontier::default().root() } else { self.root_at(size)? }))
    }

    /// As [`Ledger::standing`], where everything is as it was left: the journal ends with the tree's file, and everything that
    /// was signed is over that tree. `None` where it is not, as while a group is written: then a pass tells what there is.
    ///
    /// Of the journal the last segment is read, and nothing is opened.
    pub fn settled(&self) -> Result<Option<(TreeSize, NodeHash)>, LedgerError> {
        // Leaves are written behind the journal: read before it, they are never ahead of it.
        let (size, root) = self.standing()?;
        let end = journal::scan_last::<LedgerError>(self.disk(), &Paths(&self.dir).journal(), |_, _| Ok(()))?;
        let (mut held, unread) = Held::read(self.disk(), &self.dir, &self.config);
        if end.next_seq != size.0 || end.damage.is_some() || unread.is_some() || held.size() > size {
            return Ok(None);
        }
        let nodes = StoredNodes::open(self.disk(), &Paths(&self.dir).tree())?;
        held.note_stored(size, |size| merkle::range_root(&nodes, 0, size.0));
        nodes.answer(())?;
        Ok(held.verdict(size).is_ok().then_some((size, root)))
    }
}

impl Keeping<'_> {
    /// Writes the next block.
    pub fn block(&mut self, bytes: &[u8]) -> Result<(), LedgerError> {
        self.write(bytes)?;
        let (offset, len) = (self.len - bytes.len() as u64, bytes.len() as u64);
        self.places.push((offset, len, *blake3::hash(bytes).as_bytes()));
        Ok(())
    }

    /// Puts everything in place, for this state of the ledger.
    pub fn finish(
        mut self,
        label: &str,
        size: TreeSize,
        root: NodeHash,
        directory: Vec<u8>,
    ) -> Result<(), LedgerError> {
        let table: Table = (label.to_owned(), size.0, root.0, std::mem::take(&mut self.places), directory);
        let table = codec::encode(&table);
        let tag = blake3::keyed_hash(&self.ledger.verdicts_key(), &table);
        self.write(&table)?;
        self.write(&[&(table.len() as u64).to_le_bytes()[..], tag.as_bytes(), &MAGIC].concat())?;
        let path = Paths(&self.ledger.dir).verdicts();
        let placed = self.file.sync_all().and_then(|()| self.ledger.disk().rename(&self.fresh, &path));
        placed.map_err(|error| LedgerError::Io(path, error))
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), LedgerError> {
        self.file.write_all_at(bytes, self.len).map_err(|error| LedgerError::Io(self.fresh.clone(), error))?;
        self.len += bytes.len() as u64;
        Ok(())
    }
}

impl Drop for Keeping<'_> {
    /// What was not finished is nobody's; once it is in place there is nothing under this name.
    fn drop(&mut self) {
        let _ = self.ledger.disk().remove(&self.fresh);
    }
}

impl Kept {
    /// The directory of whoever made the blocks.
    pub fn directory(&self) -> &[u8] {
        &self.directory
    }

    /// For how many entries it was kept.
    pub fn size(&self) -> TreeSize {
        self.size
    }

    /// The root over them.
    pub fn root(&self) -> NodeHash {
        self.root
    }

    /// The bytes of a block; `None` if they are not those that were kept.
    pub fn block(&self, number: usize) -> Option<Vec<u8>> {
        let (offset, len, hash) = *self.places.get(number)?;
        let mut bytes = vec![0; usize::try_from(len).ok()?];
        self.file.read_exact_at(&mut bytes, offset).ok()?;
        (*blake3::hash(&bytes).as_bytes() == hash).then_some(bytes)
    }
}

fn open_private(disk: &dyn Disk, path: &Path) -> io::Result<Box<dyn DiskFile>> {
    let file = disk.open(path, Open::Truncate)?;
    file.set_len(0)?;
    Ok(file)
}
