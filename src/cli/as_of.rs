//! `--as-of`: the ledger as it stood at some moment of its own history.

use super::CliError;
use super::consistency::checkpoint;
use crate::checkpoint::decimal;
use crate::fact::{Instant, Time};
use crate::ledger::{Ledger, LedgerError, Loaded};
use crate::merkle::{NodeHash, TreeSize};
use std::path::Path;

/// The argument.
#[derive(clap::Args, Clone, Default)]
pub struct AsOf {
    /// Answer as the ledger would have answered then: right after entry SEQ, at a TIME of its own clock (RFC 3339), or at
    /// the size that a CHECKPOINT file signs. What was erased since stays erased.
    #[arg(long = "as-of", value_name = "SEQ|TIME|CHECKPOINT")]
    as_of: Option<String>,
}

/// A moment, and the root that it must have if somebody signed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// So many entries.
    pub size: TreeSize,
    /// Signed by a checkpoint.
    pub root: Option<NodeHash>,
}

impl AsOf {
    /// True if a moment was asked for.
    pub fn is_given(&self) -> bool {
        self.as_of.is_some()
    }

    /// The moment that is meant; `None` for the ledger as it stands.
    pub fn moment(&self, ledger: &Ledger) -> Result<Option<Moment>, CliError> {
        let Some(text) = &self.as_of else { return Ok(None) };
        if let Some(seq) = decimal(text) {
            return Ok(Some(Moment { size: TreeSize(seq.saturating_add(1)), root: None }));
        }
        if let Some(at) = time(text) {
            return Ok(Some(Moment { size: ledger.size_at(at)?, root: None }));
        }
        if !Path::new(text).exists() {
            let expected = "expected the seq of an entry, a time (RFC 3339), or a checkpoint's file";
            return Err(CliError::Usage(format!("--as-of `{text}`: {expected}")));
        }
        let checkpoint = checkpoint(Path::new(text), &ledger.verifier_key())?;
        Ok(Some(Moment { size: checkpoint.size, root: Some(checkpoint.root) }))
    }

    /// Reads and checks everything, and takes what was there then.
    pub fn load(&self, ledger: &Ledger) -> Result<Loaded, CliError> {
        let Some(moment) = self.moment(ledger)? else { return Ok(ledger.load()?) };
        let loaded = ledger.load_as_of(moment.size).map_err(|error| match error {
            LedgerError::BeyondTree { asked, expected } => CliError::Usage(format!(
                "--as-of `{}`: {asked} entries were never recorded: expected {expected}",
                self.as_of.as_deref().unwrap_or_default()
            )),
            other => other.into(),
        })?;
        moment.check(loaded.root)?;
        Ok(loaded)
    }
}

impl Moment {
    /// The root must be the one that was signed.
    pub fn check(&self, root: NodeHash) -> Result<(), CliError> {
        if self.root.is_none_or(|signed| signed == root) {
            return Ok(());
        }
        let what = format!("the checkpoint signs another tree over the first {} entries", self.size.0);
        Err(CliError::Damaged(LedgerError::RolledBack(what)))
    }
}

fn time(text: &str) -> Option<Instant> {
    Time::parse(text).ok().map(|time| time.at)
}
