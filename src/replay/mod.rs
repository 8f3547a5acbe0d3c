//! Many decisions, in parallel, judged in the order of seq.

mod attested;
mod json;
mod summary;

pub use attested::attestation;
pub use json::{
    OWN_FINDINGS, attested_json, finding_id, reference, rule_id, tampered, to_json, to_line, write_attested_line,
};
pub use summary::Summary;

use crate::judge::{self, Ask, Judgement, Memos};
use crate::timeline::{NodeIx, World};
use rayon::prelude::*;

/// Decisions judged before any is handed out: bounds the memory, not the result.
const BATCH: usize = 1 << 14;

/// Judges every decision through the memo and hands the judgements, or what `map` makes of them, to `visit` in order.
pub fn replay<T: Send>(
    world: &World,
    decisions: &[NodeIx],
    map: impl Fn(&World, Judgement) -> T + Sync,
    mut visit: impl FnMut(T),
) {
    // A memo lives as long as the replay: one a thread, handed on from batch to batch.
    let memos = std::sync::Mutex::new(Vec::<Memos>::new());
    for batch in decisions.chunks(BATCH) {
        let judged: Vec<T> = batch
            .par_chunks(BATCH.div_ceil(4 * rayon::current_num_threads()))
            .flat_map_iter(|chunk| {
                let mut own = memos.lock().expect("no holder panics").pop().unwrap_or_default();
                let judged: Vec<T> = chunk
                    .iter()
                    .map(|&decision| map(world, judge::judge(world, decision, &mut Ask::Memo(&mut own))))
                    .collect();
                memos.lock().expect("no holder panics").push(own);
                judged
            })
            .collect();
        judged.into_iter().for_each(&mut visit);
    }
}
