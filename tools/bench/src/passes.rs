//! `inforce replay --all` and `inforce verify` over the shared ledger, each beside what its entries cost alone.

use crate::child;
use crate::entries;
use crate::row::{Held, Row};
use crate::store::Store;
use inforce::judge::{self, Ask, Memos};
use inforce::ledger::Ledger;
use std::time::Instant;

/// Decisions judged without the memo, spread over the whole ledger.
const SAMPLE: usize = 2000;

type Rows = Result<Vec<Row>, Box<dyn std::error::Error>>;

/// Replay, its memory, and the judge with and without its memo.
pub fn replay(store: &Store) -> Rows {
    let took = child::run(&store.path(), &["replay", "--all", "--json"], |_| Ok(()))?;
    let (entries, bare) = entries::read_hash_decode(&store.path())?;
    let rate = |took: std::time::Duration| entries as f64 / took.as_secs_f64();
    let held = Held::Rate { floor: rate(bare), goal: 0.5 };
    Ok(vec![
        Row::new("replay: all decisions, both views, hashes checked", "entries/s", rate(took.time), held),
        Row::new("memory: replay", "MB", took.peak_mb, Held::Limit(1000.0)),
    ])
}

/// The judge with its memo, and without, on one thread.
pub fn memo(store: &Store) -> Rows {
    let world = Ledger::open_read_only(&store.path())?.load()?.world;
    let decisions: Vec<_> = world.decisions().collect();
    let mut memos = Memos::default();
    let begun = Instant::now();
    for &decision in &decisions {
        std::hint::black_box(judge::judge(&world, decision, &mut Ask::Memo(&mut memos)));
    }
    let with = decisions.len() as f64 / begun.elapsed().as_secs_f64();
    let sample: Vec<_> = decisions.iter().step_by(decisions.len().div_ceil(SAMPLE)).collect();
    let begun = Instant::now();
    for &&decision in &sample {
        std::hint::black_box(judge::judge(&world, decision, &mut Ask::Plainly));
    }
    let without = sample.len() as f64 / begun.elapsed().as_secs_f64();
    let held = Held::Rate { floor: without, goal: 50.0 };
    Ok(vec![Row::new("memo: decisions judged with it, against without", "decisions/s", with, held)])
}

/// Verify.
pub fn verify(store: &Store) -> Rows {
    let took = child::run(&store.path(), &["verify"], |_| Ok(()))?;
    let (entries, bare) = entries::hash_only(&store.path())?;
    let rate = |took: std::time::Duration| entries as f64 / took.as_secs_f64();
    let held = Held::Rate { floor: rate(bare), goal: 0.5 };
    Ok(vec![
        Row::new("verify: hashes, chains, tree, commitments", "entries/s", rate(took.time), held),
        Row::new("verify: memory at most", "MB", took.peak_mb, Held::Told),
    ])
}
