//! What a ledger stands on, where it is not the usual: tests put other disks beneath it and other clocks beside it.

use super::system_now;
use crate::disk::{Disk, RealDisk};
use crate::fact::Instant;
use crate::index;
use crate::journal;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a ledger stands on. [`Options::default`] is what [`super::Ledger::open`] takes.
#[derive(Clone)]
pub struct Options {
    /// The disk, for everything but the index.
    pub disk: Arc<dyn Disk>,
    /// The folder of the index, on the system's disk, since sled knows no other; `None`: the ledger's own.
    pub index: Option<PathBuf>,
    /// A segment of the journal longer than this is closed, in bytes; more than the default counts as the default.
    pub segment_len: u64,
    /// Entries that the index holds in memory before they are written as a run. As many are read again, at the most, when
    /// a ledger is opened whose writer was killed; a thousandth of them after it was closed.
    pub run_len: u64,
    /// The clock.
    pub now: fn() -> Instant,
    /// True where somebody says that the clock is right, though it is more than a year ahead of the last writing.
    pub trust_clock: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            disk: Arc::new(RealDisk),
            index: None,
            segment_len: journal::SEGMENT_LEN,
            run_len: index::RUN,
            now: system_now,
            trust_clock: false,
        }
    }
}

impl Options {
    pub(super) fn segment_len(&self) -> u64 {
        self.segment_len.min(journal::SEGMENT_LEN)
    }

    pub(super) fn index(&self, dir: &Path) -> PathBuf {
        self.index.clone().unwrap_or_else(|| dir.join("index"))
    }
}
