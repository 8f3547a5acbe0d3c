//! Verdicts that are kept beside the ledger, read in place of judging: `inforce query` keeps them, and checks nothing of them
//! but that they are those that were kept, for the ledger as it stands.
//!
//! Nothing of the journal is read but its end. What is not whole is not used: then everything is judged.

use crate::bounds::{Bounds, Key};
use crate::cells::Rows;
use crate::error::SqlError;
use crate::source::Demand;
use crate::tables::FromKept;
use datafusion::arrow::array::RecordBatch;
use inforce::cli::CliError;
use inforce::fact::Kind;
use inforce::ledger::{self, Ledger};
use inforce::merkle::{NodeHash, TreeSize};
use inforce::query::{Block, Directory};
use inforce::search::{SearchError, kept_label};
use std::ops::ControlFlow;

/// Every verdict of a ledger as it stands.
pub struct Kept {
    blocks: ledger::Kept,
    directory: Directory,
}

impl Kept {
    /// What was kept for exactly this state of the ledger. `None` where nothing was, or the ledger is not as it was left: a
    /// pass tells more.
    pub fn open(ledger: &Ledger) -> Option<Kept> {
        let (size, root) = ledger.settled().ok()??;
        let blocks = ledger.kept_verdicts(&kept_label(), size, root)?;
        let directory = Directory::read(blocks.directory())?;
        Some(Kept { blocks, directory })
    }

    /// For how many entries, and the root over them.
    pub fn state(&self) -> (TreeSize, NodeHash) {
        (self.blocks.size(), self.blocks.root())
    }

    /// The blocks that may hold decisions within `bounds`.
    fn numbers<'a>(&'a self, bounds: &'a Bounds) -> impl Iterator<Item = usize> + 'a {
        let summaries = self.directory.summaries.iter().enumerate();
        summaries
            .filter(move |(_, each)| bounds.meet(each.seqs, each.occurred, each.recorded))
            .map(|(number, _)| number)
    }

    fn block(&self, number: usize) -> Option<Block> {
        Block::read(&self.blocks.block(number)?, &self.directory.names)
    }

    /// True if every block that `demand` needs is what was kept.
    pub fn is_whole_for(&self, demand: &Demand) -> bool {
        self.numbers(&demand.bounds).all(|number| self.block(number).is_some())
    }

    /// Hands the rows that `demand` wants to `visit`, with how many decisions they are of, in the order of seq, until that
    /// has enough.
    pub fn in_order(
        &self,
        demand: &Demand,
        from: &FromKept,
        mut visit: impl FnMut(usize, RecordBatch) -> ControlFlow<()>,
    ) -> Result<(), SqlError> {
        let mut rows = Rows::new(&demand.table.columns, &demand.projection);
        for number in self.numbers(&demand.bounds) {
            // It was whole when the scan began.
            let block = self.block(number).ok_or(CliError::Search(SearchError::Kept))?;
            let (shapes, mut count) = (block.shapes(&self.directory.names), 0);
            for point in (0..block.len()).map(|ix| block.point(ix)) {
                let (occurred, recorded) = (point.occurred, point.recorded);
                let key = Key { seq: point.seq, occurred, recorded, account: None, kind: Kind::DecisionMade };
                if demand.bounds.admit(&key) {
                    (from.fill)(point, &shapes[point.shape()], &mut rows);
                    count += 1;
                }
            }
            if visit(count, rows.take()).is_break() {
                break;
            }
        }
        Ok(())
    }
}
