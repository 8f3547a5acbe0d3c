//! How a ledger stands, told from its files: nothing is opened by its keys, and nothing is changed.
//!
//! This is no verification: only the last segment is read. Deliberately absent: how far the index got, since sled lets one
//! process in; the process that writes says so in [`super::Metrics`].

use super::clock::last_written;
use super::witnessed::WITNESSED;
use super::{Config, Ledger, LedgerError, Paths, system_now, tree};
use crate::codec::{self, Header};
use crate::disk::{Disk, RealDisk};
use crate::fact::Instant;
use crate::journal::{self, SegmentId};
use std::path::Path;

/// A signed tree, and when it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signed {
    /// Its entries.
    pub size: u64,
    /// When the file was last written to.
    pub written: Instant,
}

/// How a ledger stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Its name.
    pub origin: String,
    /// The system's clock when this was read.
    pub now: Instant,
    /// Entries in whole groups.
    pub entries: u64,
    /// Bytes of the journal, without what is zeroed ahead.
    pub bytes: u64,
    /// Segments, and how many of them are in cold storage.
    pub segments: u64,
    /// Segments in cold storage.
    pub cold: u64,
    /// Bytes of the segment that grows: they cannot be moved yet.
    pub growing_bytes: u64,
    /// Bytes zeroed ahead of the last group.
    pub ahead_bytes: u64,
    /// Bytes behind the last whole group: one that is being written, was cut short, or is damaged.
    pub unsynced_bytes: u64,
    /// When the last entry was recorded.
    pub last_recorded: Option<Instant>,
    /// The checkpoint; `None` if its signature does not hold, or it is gone.
    pub checkpoint: Option<Signed>,
    /// Why there is none.
    pub checkpoint_problem: Option<String>,
    /// The checkpoint that others signed as well.
    pub witnessed: Option<Signed>,
    /// Leaves in the tree's file.
    pub leaves: u64,
    /// True if a process holds the lock.
    pub is_written: bool,
}

impl Status {
    /// Reads it from the folder of a ledger.
    pub fn read(dir: &Path) -> Result<Status, LedgerError> {
        Status::read_with(dir, &Config::read(&RealDisk, dir)?)
    }

    pub(super) fn read_with(dir: &Path, config: &Config) -> Result<Status, LedgerError> {
        let paths = Paths(dir);
        let journal = paths.journal();
        // Leaves are written after the journal: read before it, they are never ahead of it.
        let leaves = std::fs::metadata(paths.tree().join("leaves")).map_or(0, |file| file.len() / 32);
        let mut last_recorded = None;
        let end = journal::scan_last(&RealDisk, &journal, |group, _| {
            let last = group.entries.last().and_then(|raw| codec::decode::<Header>(raw.header, "a header").ok());
            last_recorded = last.map(|header| header.recorded_at).or(last_recorded);
            Ok::<(), LedgerError>(())
        })?;
        if last_recorded.is_none() && end.next_seq > 0 {
            last_recorded = last_of_segment(&journal, SegmentId(end.location.segment.0.saturating_sub(1)))?;
        }
        let segments = journal::segments(&RealDisk, &journal)?;
        let (mut bytes, mut cold) = (0, 0);
        for id in &segments {
            let path = journal::segment_path(&journal, *id);
            cold += u64::from(std::fs::read_link(&path).is_ok());
            bytes += std::fs::metadata(&path).map_or(0, |file| file.len());
        }
        let last = std::fs::read(journal::segment_path(&journal, end.location.segment)).unwrap_or_default();
        let growing = u64::from(end.location.offset);
        let written = last.iter().rposition(|&byte| byte != 0).map_or(0, |last| last as u64 + 1).max(growing);
        let ahead = (last.len() as u64).saturating_sub(written);
        Ok(Status {
            origin: config.origin.clone(),
            now: system_now(),
            entries: end.next_seq,
            bytes: bytes.saturating_sub(ahead),
            segments: segments.len() as u64,
            cold,
            growing_bytes: growing,
            ahead_bytes: ahead,
            unsynced_bytes: written - growing,
            last_recorded,
            checkpoint: signed(&paths.checkpoint(), config),
            checkpoint_problem: problem(&paths.checkpoint(), config),
            witnessed: signed(&dir.join(WITNESSED), config),
            leaves,
            is_written: RealDisk.is_locked(&paths.lock()),
        })
    }

    /// Entries that no checkpoint was signed over yet.
    pub fn unsigned(&self) -> u64 {
        self.entries.saturating_sub(self.checkpoint.map_or(0, |signed| signed.size))
    }

    /// By how much the last entry was recorded ahead of the clock, in whole seconds.
    pub fn clock_behind_s(&self) -> i64 {
        self.last_recorded.map_or(0, |last| last.seconds_since(self.now).max(0))
    }
}

/// When the last entry of a segment that another follows was recorded.
fn last_of_segment(journal: &Path, id: SegmentId) -> Result<Option<Instant>, LedgerError> {
    let mut last = None;
    let read = journal::scan_segment(&RealDisk, journal, id, |group, _| {
        last = group.entries.last().and_then(|raw| codec::decode::<Header>(raw.header, "a header").ok());
        Ok::<(), LedgerError>(())
    });
    match read {
        // Where it was moved to is not mounted: that is no reason to tell nothing.
        Ok(_) | Err(LedgerError::Journal(journal::JournalError::Cold(..))) => {
            Ok(last.map(|header: Header| header.recorded_at))
        }
        Err(error) => Err(error),
    }
}

fn signed(path: &Path, config: &Config) -> Option<Signed> {
    let checkpoint = tree::read_checkpoint(&RealDisk, path, config).ok()?;
    Some(Signed { size: checkpoint.size.0, written: last_written(path)? })
}

fn problem(path: &Path, config: &Config) -> Option<String> {
    tree::read_checkpoint(&RealDisk, path, config).err().map(|error| match error {
        LedgerError::Io(_, error) => error.to_string(),
        LedgerError::Checkpoint(error) => error.to_string(),
        error => error.to_string(),
    })
}

impl Ledger {
    /// How the ledger stands, from its files.
    pub fn status(&self) -> Result<Status, LedgerError> {
        Status::read_with(&self.dir, &self.config)
    }
}
