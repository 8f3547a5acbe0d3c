//! Work on both cores, where there is enough of it: handing a little to another thread takes longer than doing it.

use rayon::prelude::*;

/// Fewer than so many are not worth another thread.
const WORTH_A_THREAD: usize = 64;

/// What `map` makes of each, in order.
pub fn map_all<T: Send, R: Send>(all: Vec<T>, map: impl Fn(T) -> R + Send + Sync) -> Vec<R> {
    if all.len() < WORTH_A_THREAD {
        return all.into_iter().map(map).collect();
    }
    all.into_par_iter().with_min_len(WORTH_A_THREAD).map(map).collect()
}

/// Does both, at the same time where there are enough entries: one of the two waits for the disk.
pub fn side_by_side<A: Send, B: Send>(
    entries: usize,
    one: impl FnOnce() -> A + Send,
    other: impl FnOnce() -> B + Send,
) -> (A, B) {
    if entries < WORTH_A_THREAD { (one(), other()) } else { rayon::join(one, other) }
}
