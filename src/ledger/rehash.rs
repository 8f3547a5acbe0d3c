//! The tree again from the journal alone: no key, no index, no file of hashes is asked.

use super::{Ledger, LedgerError, Paths};
use crate::codec::{self, EntryHash};
use crate::disk::Disk;
use crate::journal::{self, JournalError};
use crate::merkle::{Frontier, NodeHash, TreeSize, leaf};
use rayon::prelude::*;
use std::path::Path;

/// Passes over every intact entry: its hash, and the tree with it as the last leaf. Ends where the journal is damaged.
pub fn each(
    disk: &dyn Disk,
    journal: &Path,
    mut visit: impl FnMut(EntryHash, &Frontier),
) -> Result<Frontier, LedgerError> {
    let mut frontier = Frontier::default();
    journal::scan::<JournalError>(disk, journal, None, |group, _| {
        let hashes = group.entries.par_iter().with_min_len(256).map(|raw| codec::entry_hash(raw.header));
        let hashes: Vec<(EntryHash, NodeHash)> = hashes.map(|hash| (hash, leaf(&hash))).collect();
        for (hash, leaf) in hashes {
            frontier.append(leaf);
            visit(hash, &frontier);
        }
        Ok(())
    })?;
    Ok(frontier)
}

impl Ledger {
    /// The roots over the first `sizes` entries, from the journal; `None` where it holds fewer. And how many it holds.
    pub fn roots_in_journal(&self, sizes: &[TreeSize]) -> Result<(Vec<Option<NodeHash>>, TreeSize), LedgerError> {
        let mut roots = vec![None; sizes.len()];
        let mut note = |frontier: &Frontier| {
            let due = sizes.iter().zip(&mut roots).filter(|(size, _)| **size == frontier.size());
            due.for_each(|(_, root)| *root = Some(frontier.root()));
        };
        note(&Frontier::default());
        let end = each(self.disk(), &Paths(&self.dir).journal(), |_, frontier| note(frontier))?;
        Ok((roots, end.size()))
    }
}
