//! Verification of everything: hashes, chains, tree, commitments, checkpoint.

use super::read::Content;
use super::{Ledger, LedgerError, Problem};
use crate::merkle::{NodeHash, TreeSize};

/// What verification found.
#[derive(Debug, Clone)]
pub struct Report {
    /// How many entries.
    pub size: TreeSize,
    /// The root over them.
    pub root: NodeHash,
    /// What is wrong, ascending in seq; empty if nothing is.
    pub problems: Vec<Problem>,
}

impl Ledger {
    /// Checks every byte that can be checked.
    pub fn verify(&self) -> Result<Report, LedgerError> {
        let ((), passed) = self.pass(Content::Read, || (), |(), _| {})?;
        Ok(Report { size: passed.size, root: passed.root, problems: passed.problems })
    }
}
