//! Verification of everything: hashes, chains, tree, commitments, checkpoint.

use super::pass::{Report, Wanted};
use super::read::Content;
use super::{Ledger, LedgerError};

impl Ledger {
    /// Checks every byte that can be checked.
    pub fn verify(&self) -> Result<Report, LedgerError> {
        let wanted = Wanted { content: Content::Read, keep: |open, _| open.said().map(drop) };
        let ((), report) = self.pass(&wanted, |_| (), |(), _| Ok(()))?;
        Ok(report)
    }
}
