//! Where opening may begin to read: behind the last run of the index, if everything there is still as it was left.
//!
//! A run is written only once all that it is about is durable: journal, tree, keyring. It carries a [`Mark`] of these. If
//! the mark holds, the boundaries of every segment are where they were, and everything signed is over the stored tree,
//! then what stands before the run's last group is what was read when it was recorded, and need not be read again: what
//! has rotted since is told by `verify`, and by whoever reads it. In any doubt the whole journal is read, as if there were
//! no run; nothing is refused here.

use super::catalog::Catalog;
use super::held::Held;
use super::prove::StoredNodes;
use super::{LedgerError, Paths, read, tree};
use crate::codec::EntryHash;
use crate::disk::{Disk, Open};
use crate::index::GroupStart;
use crate::journal::{self, JournalError, Location};
use crate::keyring::{Keyring, Standing};
use crate::merkle::{self, Frontier, NodeHash, Nodes, TreeSize};
use std::path::{Path, PathBuf};

/// What is noted with each run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The root over the entries that runs cover.
    pub root: NodeHash,
    /// How far the keyring was.
    pub keyring: Standing,
}

impl Mark {
    /// As the index keeps it.
    pub fn encode(&self) -> Vec<u8> {
        [&self.root.0[..], &self.keyring.0.map(u64::to_le_bytes).concat()].concat()
    }

    fn decode(bytes: &[u8]) -> Option<Mark> {
        let (root, rest) = bytes.split_at_checked(32)?;
        let mut numbers = rest.chunks_exact(8).map(|bytes| u64::from_le_bytes(bytes.try_into().expect("eight bytes")));
        let keyring = Standing(std::array::from_fn(|_| numbers.next().unwrap_or(u64::MAX)));
        (rest.len() == size_of_val(&keyring)).then_some(Mark { root: NodeHash(root.try_into().ok()?), keyring })
    }
}

/// Where to go on, and the tree up to there.
pub struct Resume {
    pub start: GroupStart,
    pub frontier: Frontier,
    /// The root over what is covered.
    pub root: NodeHash,
}

/// Looks whether opening may begin behind what `catalog`'s index covers; says why not.
pub fn resume(
    disk: &dyn Disk,
    dir: &Path,
    catalog: &Catalog,
    held: &mut Held,
    keyring: &Keyring,
) -> Result<Result<Resume, &'static str>, LedgerError> {
    let Some((start, covered, boundary)) = catalog.resume() else { return Ok(Err("no run covers anything")) };
    let Some(mark) = Mark::decode(&catalog.mark()) else { return Ok(Err("the last run carries no mark")) };
    if !keyring.standing().is_at_least(&mark.keyring) {
        return Ok(Err("the keyring is of an earlier moment than the index"));
    }
    let paths = Paths(dir);
    let Ok(nodes) = StoredNodes::open(disk, &paths.tree()) else { return Ok(Err("the tree cannot be read")) };
    let size = TreeSize(covered);
    if !nodes.is_whole(size) {
        return Ok(Err("the tree does not reach as far as the index"));
    }
    let entries = Entries { disk, journal: paths.journal(), catalog, nodes: &nodes };
    if entries.hash(covered - 1)? != Some(boundary) || !entries.stand_as_they_did(covered)? {
        return Ok(Err("the journal is not as the index knows it"));
    }
    let root = merkle::range_root(&nodes, 0, covered);
    held.note_stored(size, |size| merkle::range_root(&nodes, 0, size.0));
    let frontier = Frontier::at(&nodes, TreeSize(start.seq));
    if nodes.answer(()).is_err() || root != mark.root || !held.fits_up_to(size) {
        return Ok(Err("the tree is not the one that was written"));
    }
    Ok(Ok(Resume { start, frontier, root }))
}

/// Single entries, where the index says that they stand.
struct Entries<'a> {
    disk: &'a dyn Disk,
    journal: PathBuf,
    catalog: &'a Catalog,
    nodes: &'a StoredNodes,
}

impl Entries<'_> {
    /// The hash of an entry, and where its frame ends; `None` if it is not where it was, or its leaf is another.
    fn read(&self, seq: u64) -> Result<Option<(EntryHash, Location, u64)>, LedgerError> {
        let Some(location) = self.catalog.location(seq)? else { return Ok(None) };
        let bytes = match journal::read_entry(self.disk, &self.journal, location) {
            // Nobody may write where entries cannot be read for now.
            Err(error @ JournalError::Cold(..)) => return Err(error.into()),
            Err(_) => return Ok(None),
            Ok(bytes) => bytes,
        };
        let frame = journal::read_frame(&bytes, location.offset as usize, seq);
        let Some((hash, end)) = frame.and_then(|(raw, end)| Some((read::peek(&raw).ok()?.1, end))) else {
            return Ok(None);
        };
        let is_stored = self.nodes.node(0, seq) == tree::leaf(&hash);
        Ok(is_stored.then_some((hash, location, end as u64)))
    }

    fn hash(&self, seq: u64) -> Result<Option<EntryHash>, LedgerError> {
        Ok(self.read(seq)?.map(|(hash, ..)| hash))
    }

    /// True if no segment up to the last entry is missing, cut or another one: its first and its last entry stand where
    /// they stood, and nothing stands behind the last.
    fn stand_as_they_did(&self, covered: u64) -> Result<bool, LedgerError> {
        let ids = journal::segments(self.disk, &self.journal)?;
        if !(0..).zip(&ids).all(|(number, id)| id.0 == number) {
            return Ok(false);
        }
        let Some((_, Location { segment: last, .. }, _)) = self.read(covered - 1)? else { return Ok(false) };
        let mut next = 0;
        for (at, &id) in ids.iter().enumerate() {
            if id > last {
                // What is not covered is read.
                return Ok(true);
            }
            let first = journal::read_first_seq(self.disk, &self.journal, id)?;
            let Some(begins) = first.filter(|&first| first < covered) else { return Ok(false) };
            let stands = self.read(begins)?.is_some_and(|(_, location, _)| location == journal::first_location(id));
            if !stands || (at > 0 && (begins <= next || !self.ends(ids[at - 1], begins - 1)?)) {
                return Ok(false);
            }
            next = begins;
        }
        Ok(true)
    }

    /// True if the segment's last entry is that one, and nothing but zeros stands behind it.
    fn ends(&self, id: journal::SegmentId, last: u64) -> Result<bool, LedgerError> {
        let Some((_, location, end)) = self.read(last)? else { return Ok(false) };
        let path = journal::segment_path(&self.journal, id);
        let rest = self.disk.open(&path, Open::Read).and_then(|file| {
            let mut rest = vec![0; file.len()?.saturating_sub(end) as usize];
            file.read_exact_at(&mut rest, end)?;
            Ok(rest)
        });
        Ok(location.segment == id && rest.is_ok_and(|rest| rest.iter().all(|&byte| byte == 0)))
    }
}
