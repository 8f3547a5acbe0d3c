//! `--as-of`: the ledger as it stood at some moment of its own history.

use super::CliError;
use super::consistency::checkpoint;
use crate::checkpoint::{Checkpoint, decimal};
use crate::fact::{Instant, Time};
use crate::ledger::{Ledger, LedgerError, Loaded, Parts};
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

    /// The moment as it was said.
    pub fn said(&self) -> Option<&str> {
        self.as_of.as_deref()
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

    /// How many entries there were then, where that is all that is asked: the root is held to what was signed.
    pub fn size(&self, ledger: &Ledger) -> Result<Option<TreeSize>, CliError> {
        let Some(moment) = self.moment(ledger)? else { return Ok(None) };
        let (held, _) = ledger.standing()?;
        if moment.size > held {
            return Err(self.beyond(moment.size.0, &format!("a size of at most {}", held.0)));
        }
        if moment.root.is_some() {
            moment.check(ledger.root_at(moment.size)?)?;
        }
        Ok(Some(moment.size))
    }

    fn beyond(&self, asked: u64, expected: &str) -> CliError {
        let given = self.as_of.as_deref().unwrap_or_default();
        CliError::Usage(format!("--as-of `{given}`: {asked} entries were never recorded: expected {expected}"))
    }

    /// What was signed at that moment: evidence is proved against a signature, so it must be a checkpoint's file, or a moment
    /// over which the ledger holds one.
    pub fn note(&self, ledger: &Ledger) -> Result<Option<String>, CliError> {
        let Some(size) = self.size(ledger)? else { return Ok(None) };
        let given = self.as_of.as_deref().unwrap_or_default();
        let is_file = decimal(given).is_none() && time(given).is_none();
        if is_file {
            let read = std::fs::read_to_string(given).map_err(|error| CliError::File(given.to_owned(), error))?;
            return Ok(Some(read));
        }
        let held = [ledger.witnessed_checkpoint()?, Some(ledger.last_note()?)];
        let signs = |note: &String| {
            Checkpoint::open(note, &ledger.verifier_key()).is_ok_and(|checkpoint| checkpoint.size == size)
        };
        let expected = "expected a checkpoint's file, since evidence is proved against what was signed";
        let note = held.into_iter().flatten().find(signs);
        note.map(Some).ok_or_else(|| {
            CliError::Usage(format!(
                "--as-of `{given}`: the ledger holds no checkpoint over {} entries: {expected}",
                size.0
            ))
        })
    }

    /// Reads and checks everything, and takes what was there then.
    pub fn load(&self, ledger: &Ledger) -> Result<Loaded, CliError> {
        let Some(moment) = self.moment(ledger)? else { return Ok(ledger.load()?) };
        let loaded = ledger.load_as_of(moment.size).map_err(|error| self.refusal(error))?;
        moment.check(loaded.root)?;
        Ok(loaded)
    }

    /// The same in parts of about so many entries.
    pub fn load_parts(&self, ledger: &Ledger, part_len: u64) -> Result<Parts, CliError> {
        let moment = self.moment(ledger)?;
        let size = moment.map(|moment| moment.size);
        let parts = ledger.load_parts(part_len, size).map_err(|error| self.refusal(error))?;
        moment.map_or(Ok(()), |moment| moment.check(parts.root))?;
        Ok(parts)
    }

    fn refusal(&self, error: LedgerError) -> CliError {
        match error {
            LedgerError::BeyondTree { asked, expected } => self.beyond(asked, &expected),
            other => other.into(),
        }
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
