//! Questions put to a ledger: decisions and facts by what they say, a page at a time.
//!
//! Answered through the index and the verdicts that are kept beside the ledger where both are there, so that a page costs
//! what is on it; else by judging. Either way the answer is the same (tested).
//!
//! INVARIANT (where to look): index and kept verdicts only name decisions; what a decision says is read from the journal and
//! checked. Verdicts that were kept for any other state of the ledger than this one are made again, all of them: an entry
//! that comes later can change the true view of any decision before it.

mod decisions;
mod facts;
mod judging;
mod keep;
mod page;

pub use decisions::{How, decisions, judged};
pub use facts::{each_fact, person, policies};
pub use keep::{keep, kept_label};
pub use page::{Page, Turned};

use crate::ledger::{LedgerError, Problem};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum SearchError {
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error("the ledger was tampered with: entry {}: {}; no verdict is given", .0.seq, .0.what)]
    Tampered(Problem),
    #[error("the verdicts that were kept for queries are damaged: `inforce query --refresh` makes them again")]
    Kept,
}

impl SearchError {
    /// True if what is there is not what was recorded.
    pub fn is_damage(&self) -> bool {
        match self {
            SearchError::Ledger(error) => error.is_damage(),
            SearchError::Tampered(_) => true,
            SearchError::Kept => false,
        }
    }
}
