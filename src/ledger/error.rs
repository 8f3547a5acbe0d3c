//! What can go wrong with a ledger.

use super::read::BadEntry;
use crate::checkpoint::NoteError;
use crate::disk::passes;
use crate::fact::Instant;
use crate::index::IndexError;
use crate::journal::JournalError;
use crate::keyring::KeyringError;
use crate::wire::Refusal;
use std::io;
use std::path::PathBuf;

/// Why a ledger could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum LedgerError {
    #[error("`{}`: {}", .0.display(), .1)]
    Io(PathBuf, io::Error),
    #[error("`{}` is not empty: a new ledger needs a folder of its own", .0.display())]
    NotEmpty(PathBuf),
    #[error("`{}` is no ledger: {}; `inforce init` makes one", .0.display(), .1)]
    NoLedger(PathBuf, String),
    #[error("ledger.toml of `{}` cannot be used: {}; put it back from a backup", .0.display(), .1)]
    BadConfig(PathBuf, String),
    #[error("`{}` is written to by another process: wait for it, or read only", .0.display())]
    Locked(PathBuf),
    #[error("`{}` was removed or replaced, so another process may write: stop all but one, and run `inforce verify`", .0.display())]
    LostLock(PathBuf),
    #[error("`{}` was opened for reading only", .0.display())]
    ReadOnly(PathBuf),
    #[error("the keyring does not belong to `{}`: its key is not the public key of ledger.toml", .0.display())]
    WrongKeyring(PathBuf),
    #[error(
        "the keyring has no keys for entry {0}, and no erasure destroyed them: put back the keyring of the same moment, from the backup; nothing was changed"
    )]
    KeysMissing(u64),
    #[error("fact {index}: {refusal}")]
    Refused { index: usize, refusal: Refusal },
    #[error("the anchor `{}`: {}; put it back, or see docs/operate.md under `When a ledger is refused`", .0.display(), .1)]
    Anchor(PathBuf, io::Error),
    #[error("nothing was appended: the stream `{stream}` is at {found}, expected {expected}")]
    Conflict { stream: String, expected: String, found: String },
    #[error("`{asked}` is beyond the tree: expected {expected}")]
    BeyondTree { asked: u64, expected: String },
    #[error("what does not fit into memory is put aside in `{}`, sealed: {}; see that it is writable and has room, or name another folder in TMPDIR", .0.display(), .1)]
    Scratch(PathBuf, io::Error),
    #[error("{0} bytes of facts in one request: expected at most {1}; hand them in in parts")]
    TooLarge(usize, usize),
    #[error("nothing more is appended until the ledger is opened anew: {0}")]
    Poisoned(String),
    #[error(
        "not recorded, or not all of it: {0}; once that is mended, hand it in again: what was recorded is not recorded twice"
    )]
    NoRoom(String),
    #[error("the ledger was rolled back or forked: {0}")]
    RolledBack(String),
    #[error(
        "the system's clock says `{now}`, more than a year after the last writing, `{before}`: set it right, or if it \
         is, append once with `inforce import --trust-clock`"
    )]
    ClockAhead { now: Instant, before: Instant },
    #[error("`{}` holds no whole backup: {}; `inforce backup` makes one, and goes on with one that was cut short", .0.display(), .1)]
    NoBackup(PathBuf, String),
    #[error("`{}` was made without a keyring: hand in the one of the same moment with `--keyring FILE`", .0.display())]
    NoKeys(PathBuf),
    #[error("the backup is damaged: `{}`: {}; take another backup", .0.display(), .1)]
    BadBackup(PathBuf, String),
    #[error("`{}` is in the folder of the ledger `{}`: name a folder outside it", .0.display(), .1.display())]
    Inside(PathBuf, PathBuf),
    #[error("`{}` is a backup of `{}`, not of `{}`: give each ledger a folder of its own", .0.display(), .1, .2)]
    OtherBackup(PathBuf, String, String),
    #[error("nothing was restored, since it would fork what was published: {0}")]
    WouldFork(String),
    #[error(
        "the anchor `{}` is not there, so nobody can say that the backup is the newest: mount it, compare with a copy of \
         the last checkpoint by `--published`, or give the anchor up by `--without-anchor`", .0.display()
    )]
    LostAnchor(PathBuf),
    #[error("segment {0} is not sealed: only a segment that another follows can be moved; sealed are {1}")]
    NotSealed(u32, String),
    #[error("`{}` holds other bytes than segment `{}`: give each ledger a cold storage of its own", .0.display(), .1.display())]
    OtherCold(PathBuf, PathBuf),
    #[error("`{}` is inside `{}`, or the same file: name a folder outside the ledger; nothing was moved", .0.display(), .1.display())]
    ColdInside(PathBuf, PathBuf),
    #[error("nothing to salvage: {0}")]
    NothingToSalvage(String),
    #[error("the salvaged ledger does not verify: entry {0}: {1}; it was not finished, the damaged one is as it was")]
    NotSalvaged(u64, String),
    #[error(transparent)]
    BadEntry(#[from] BadEntry),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    #[error(transparent)]
    Index(#[from] IndexError),
    #[error("checkpoint: {0}")]
    Checkpoint(#[from] NoteError),
}

impl LedgerError {
    /// True if a failed append left nothing behind that opening anew, within this process, does not put right. Never true
    /// of a sync that failed: what it did and did not write can no longer be told.
    pub(super) fn passes(&self) -> bool {
        match self {
            LedgerError::Journal(JournalError::NoRoom(..))
            | LedgerError::Keyring(KeyringError::NoRoom(..))
            | LedgerError::Index(_) => true,
            // Of the tree, which is never synced.
            LedgerError::Io(_, error) => passes(error),
            _ => false,
        }
    }

    /// True if what is there is not what was recorded, or part of it is gone.
    pub fn is_damage(&self) -> bool {
        match self {
            LedgerError::BadEntry(_)
            | LedgerError::RolledBack(_)
            | LedgerError::BadBackup(..)
            | LedgerError::BadConfig(..)
            | LedgerError::WouldFork(_)
            | LedgerError::LostAnchor(_)
            | LedgerError::WrongKeyring(_)
            | LedgerError::KeysMissing(_)
            | LedgerError::Checkpoint(_) => true,
            LedgerError::Journal(JournalError::Corrupt { .. }) | LedgerError::Keyring(KeyringError::Corrupt(..)) => {
                true
            }
            // Without it nobody can say that the ledger is not an older one.
            LedgerError::Anchor(_, error) => error.kind() == io::ErrorKind::NotFound,
            LedgerError::Journal(JournalError::Io(_, error)) | LedgerError::Keyring(KeyringError::Io(_, error)) => {
                error.kind() == io::ErrorKind::NotFound
            }
            _ => false,
        }
    }
}
