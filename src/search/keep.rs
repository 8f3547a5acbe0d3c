//! Keeping every verdict of a ledger beside it.

use super::SearchError;
use super::judging::{Judged, expect_sound};
use crate::ledger::{Keeping, Ledger, LedgerError, Parts};
use crate::query::REVISION;

/// What kept verdicts must have been judged by.
pub fn kept_label() -> String {
    format!("inforce {} revision {REVISION}", env!("CARGO_PKG_VERSION"))
}

/// Judges everything that was loaded, and keeps what comes out for this state of the ledger. Returns false where the
/// folder cannot be written to.
pub fn keep(ledger: &Ledger, parts: &Parts) -> Result<bool, SearchError> {
    match begin(ledger, parts)? {
        Some(keeping) => finish(keeping, &Judged::of(parts, None, true)?),
        None => Ok(false),
    }
}

/// `None` where the folder cannot be written to; of what is damaged nothing is made.
pub(super) fn begin<'l>(ledger: &'l Ledger, parts: &Parts) -> Result<Option<Keeping<'l>>, SearchError> {
    expect_sound(parts)?;
    ledger.keep_verdicts().map_or_else(|error| not_kept(error).map(|()| None), |keeping| Ok(Some(keeping)))
}

/// False where they could not be written.
pub(super) fn finish(keeping: Keeping, judged: &Judged) -> Result<bool, SearchError> {
    judged.keep(keeping, &kept_label()).map_or_else(|error| not_kept(error).map(|()| false), |()| Ok(true))
}

/// The answer does not rest on what is kept.
fn not_kept(error: LedgerError) -> Result<(), SearchError> {
    match error {
        LedgerError::Io(..) => {
            tracing::info!("keeping verdicts: {error}");
            Ok(())
        }
        other => Err(other.into()),
    }
}
