//! `--memory`: how much of a ledger is held at once.

use super::CliError;
use crate::ledger::{BYTES_PER_ENTRY, Ledger};

/// The argument.
#[derive(clap::Args, Clone, Copy)]
pub(super) struct Memory {
    /// How much of the ledger is held at once, in MiB. It is judged in parts of about that size: what waits for them is put aside
    /// where TMPDIR says, sealed under a key that nobody keeps.
    #[arg(long = "memory", value_name = "MIB", default_value_t = 384)]
    mib: u64,
}

impl Memory {
    /// In bytes.
    pub fn bytes(self) -> u64 {
        self.mib.saturating_mul(1 << 20)
    }

    /// True if all of a ledger is no more than that.
    pub fn holds(self, ledger: &Ledger) -> Result<bool, CliError> {
        Ok(ledger.expected()?.saturating_mul(BYTES_PER_ENTRY) <= self.bytes())
    }

    /// Entries of a part, where each core holds one.
    pub fn part_len(self) -> u64 {
        self.bytes() / BYTES_PER_ENTRY / rayon::current_num_threads() as u64
    }
}
