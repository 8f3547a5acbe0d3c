//! Verification of everything: hashes, chains, tree, commitments, checkpoint.

use super::load::Report;
use super::read::Content;
use super::{Ledger, LedgerError};

impl Ledger {
    /// Checks every byte that can be checked.
    pub fn verify(&self) -> Result<Report, LedgerError> {
        let ((), report) = self.pass(Content::Read, || (), |(), _| {})?;
        Ok(report)
    }
}
