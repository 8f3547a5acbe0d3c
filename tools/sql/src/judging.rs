//! Judging on every core, and handing out in the order of seq: the same query reads the same rows in the same order.

use crate::cells::Rows;
use crate::error::SqlError;
use crate::tables::{Decided, From, Table};
use datafusion::arrow::array::RecordBatch;
use inforce::judge::{Ask, Memos, judge};
use inforce::timeline::{NodeIx, World};
use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

/// Decisions of one batch.
const CHUNK: usize = 2048;
/// Batches that a thread may be ahead of who takes them: bounds the memory, not the result.
const AHEAD: usize = 2;
/// Judging must not depend on which thread does it: all have the stack of a first.
const STACK: usize = 8 << 20;

/// What is wanted of each decision: columns of a table.
pub type Wanted<'a> = (&'a Table, &'a [usize]);

/// Judges the decisions, if any of the columns needs it, and hands what is wanted of each chunk of them to `visit`, until
/// that has enough. Returns how many chunks were taken.
pub fn in_order(
    world: &World,
    decisions: &[NodeIx],
    wanted: &[Wanted],
    mut visit: impl FnMut(usize, Vec<RecordBatch>) -> ControlFlow<()>,
) -> Result<(), SqlError> {
    let threads = thread::available_parallelism().map_or(1, usize::from).min(decisions.len().div_ceil(CHUNK)).max(1);
    thread::scope(|scope| {
        let start = |number: usize| {
            let (sender, receiver) = sync_channel(AHEAD);
            let work = move || {
                let mut memos = Memos::default();
                for chunk in decisions.chunks(CHUNK).skip(number).step_by(threads) {
                    // Whoever takes them has enough.
                    if sender.send((chunk.len(), fill(world, chunk, wanted, &mut memos))).is_err() {
                        return;
                    }
                }
            };
            let started = thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work);
            started.map(|_| receiver).map_err(SqlError::file("threads".as_ref()))
        };
        let receivers: Vec<Receiver<_>> = (0..threads).map(start).collect::<Result<_, _>>()?;
        for receiver in receivers.iter().cycle().take(decisions.len().div_ceil(CHUNK)) {
            // A thread that panicked ends the scope with its panic.
            let Ok((judged, batches)) = receiver.recv() else { break };
            if visit(judged, batches).is_break() {
                break;
            }
        }
        Ok(())
    })
}

fn fill(world: &World, chunk: &[NodeIx], wanted: &[Wanted], memos: &mut Memos) -> Vec<RecordBatch> {
    let needs_verdict = wanted.iter().any(|(table, projection)| table.needs_verdict(projection));
    let mut rows: Vec<Rows> = wanted.iter().map(|(table, projection)| Rows::new(&table.columns, projection)).collect();
    for &node in chunk {
        let judgement = needs_verdict.then(|| judge(world, node, &mut Ask::Memo(memos)));
        let decided = Decided { world, node, judgement };
        for ((table, _), rows) in wanted.iter().zip(&mut rows) {
            match table.from {
                From::Decisions(fill, ..) => fill(&decided, rows),
                From::Entries(..) => unreachable!("rows of entries are made while the ledger is read"),
            }
        }
    }
    rows.iter_mut().map(Rows::take).collect()
}
