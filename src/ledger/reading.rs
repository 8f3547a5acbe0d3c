//! One checked pass whose entries are gathered in what the caller makes of them: tables, counts, a world.

use super::load::WHOLE;
use super::pass::{Pass, Report, Visit};
use super::{Ledger, LedgerError, Problem, tree};
use crate::entry::Entry;
use crate::merkle::{Frontier, NodeHash, TreeSize};

/// What was gathered, and whether the ledger that it was read from is whole.
pub struct Reading<T> {
    /// What was made of the entries.
    pub gathered: T,
    /// How many entries were taken.
    pub size: TreeSize,
    /// The root over them.
    pub root: NodeHash,
    /// The first thing that is not what was recorded: with it nothing gathered is worth anything.
    pub bad: Option<Problem>,
}

impl Ledger {
    /// Reads and checks everything, and hands each entry to `take`, or each of the first `size`, without the text of chats.
    /// Beside a writer a pass may be made again: `start` then makes a new beginning.
    pub fn read_as_of<T>(
        &self,
        size: Option<TreeSize>,
        start: impl Fn() -> T,
        take: impl Fn(&mut T, &Entry),
    ) -> Result<Reading<T>, LedgerError> {
        let begin = |_: &Pass| (start(), Frontier::default());
        let each = |(gathered, frontier): &mut (T, Frontier), visit: Visit<Entry>| {
            let entry = visit.kept;
            if size.is_none_or(|size| entry.header.seq < size.0) {
                take(gathered, entry);
                if size.is_some() {
                    frontier.append(tree::leaf(&entry.hash));
                }
            }
            Ok(())
        };
        let ((gathered, frontier), passed) = self.pass(&WHOLE, begin, each)?;
        let Report { size: all, root, problems } = passed;
        let bad = problems.into_iter().next();
        match size {
            Some(size) if size > all => {
                Err(LedgerError::BeyondTree { asked: size.0, expected: format!("a size of at most {}", all.0) })
            }
            Some(size) => Ok(Reading { gathered, size, root: frontier.root(), bad }),
            None => Ok(Reading { gathered, size: all, root, bad }),
        }
    }
}
