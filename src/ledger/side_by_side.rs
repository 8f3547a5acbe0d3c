//! Work on every core, where there is enough of it: handing a little to another thread takes longer than doing it.
//!
//! The thread that asks works as well, and the others are one fewer than there are cores. With as many as there are cores,
//! which is what rayon's own pool has, one that is woken is often put on the core of the thread that asks, and stands behind
//! it there for milliseconds while another core idles.

use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex};

/// Fewer than so many are not worth another thread.
const WORTH_A_THREAD: usize = 64;
/// So many are handed out at a time.
const PIECE: usize = 32;

/// The other threads, one of them where there is but one core; none where the system gives none. None of them ever waits for
/// a lock that somebody holds who waits for it.
static OTHERS: LazyLock<Option<ThreadPool>> = LazyLock::new(|| {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    ThreadPoolBuilder::new().num_threads(cores.saturating_sub(1).max(1)).build().ok()
});

/// One more, for the core of a thread that waits for the disk.
static SPARE: LazyLock<Option<ThreadPool>> = LazyLock::new(|| ThreadPoolBuilder::new().num_threads(1).build().ok());

/// The others, for a thread that may wait for them: one of another pool takes up whatever that is to do meanwhile, which may
/// want what it holds.
fn others() -> Option<&'static ThreadPool> {
    OTHERS.as_ref().filter(|others| rayon::current_thread_index().is_none() || others.current_thread_index().is_some())
}

/// What `map` makes of pieces of them, in order.
pub fn map_pieces<T: Sync, R: Send>(all: &[T], map: impl Fn(&[T]) -> R + Sync) -> Vec<R> {
    if all.len() < WORTH_A_THREAD {
        return vec![map(all)];
    }
    let pieces: Vec<_> = all.chunks(PIECE).map(|piece| (piece, Mutex::new(None))).collect();
    let next = AtomicUsize::new(0);
    on_every_core(|| {
        while let Some((piece, made)) = pieces.get(next.fetch_add(1, Ordering::Relaxed)) {
            *made.lock().expect("no holder panics") = Some(map(piece));
        }
    });
    let made = pieces.into_iter().map(|(_, made)| made.into_inner().expect("no holder panics"));
    made.map(|made| made.expect("every piece was handed out")).collect()
}

/// Does both, the first on this thread, which may wait for the disk, the other at the same time where there are enough
/// entries.
pub fn side_by_side<A, B: Send>(entries: usize, one: impl FnOnce() -> A, other: impl FnOnce() -> B + Send) -> (A, B) {
    beside(others(), entries, one, other)
}

/// Does both, at the same time where there are enough entries: while the thread that asked waits for the disk, its core would
/// idle.
pub fn both<A, B: Send>(entries: usize, one: impl FnOnce() -> A, other: impl FnOnce() -> B + Send) -> (A, B) {
    beside(SPARE.as_ref(), entries, one, other)
}

/// Does one of them on this thread and the other in the pool, if there is one and there are enough entries.
fn beside<A, B: Send>(
    pool: Option<&ThreadPool>,
    entries: usize,
    one: impl FnOnce() -> A,
    other: impl FnOnce() -> B + Send,
) -> (A, B) {
    let Some(pool) = pool.filter(|_| entries >= WORTH_A_THREAD) else { return (one(), other()) };
    let mut theirs = None;
    let ours = pool.in_place_scope(|scope| {
        scope.spawn(|_| theirs = Some(other()));
        one()
    });
    (ours, theirs.expect("a scope ends once all of it is done"))
}

/// Lets all of them go, on all threads where there are enough; their room stays.
pub fn drop_all<T: Send>(all: &mut Vec<T>) {
    if all.len() < WORTH_A_THREAD { all.clear() } else { all.par_drain(..).with_min_len(PIECE).for_each(drop) }
}

/// Hands `all` out a piece at a time: `make` on any thread, then `take`, one piece after another in their order, while later
/// ones are still being made.
pub fn in_order<T: Send, R: Send>(
    all: &mut [T],
    make: impl Fn(&mut [T]) -> R + Sync,
    mut take: impl FnMut(&mut [T], R) + Send,
) {
    if all.len() < WORTH_A_THREAD {
        let made = make(all);
        return take(all, made);
    }
    let pieces = all.chunks_mut(PIECE).map(|piece| Mutex::new((piece, None))).collect();
    let line = Line { pieces, next: AtomicUsize::new(0), taken: Mutex::new((0, &mut take)), make };
    on_every_core(|| line.work());
}

/// Has every core work, this thread among them.
fn on_every_core(work: impl Fn() + Sync) {
    let Some(others) = others() else { return work() };
    others.in_place_scope(|scope| {
        (0..others.current_num_threads()).for_each(|_| scope.spawn(|_| work()));
        work();
    });
}

/// Does work that splits itself by rayon among the other threads, not in the pool of everybody else: its threads may all be
/// waiting for the very caller.
pub fn among_others<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    match others() {
        Some(others) => others.install(work),
        None => work(),
    }
}

/// Does it on a thread that is none of rayon's, so that what it holds is not wanted by what that thread takes up meanwhile.
pub fn off_rayon<R: Send>(work: impl FnOnce() -> R + Send) -> std::io::Result<R> {
    if rayon::current_thread_index().is_none() {
        return Ok(work());
    }
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().spawn_scoped(scope, work)?;
        Ok(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

/// Pieces on their way.
struct Line<'a, T, R, M, F> {
    pieces: Vec<Mutex<(&'a mut [T], Option<R>)>>,
    /// The first that nobody makes yet.
    next: AtomicUsize,
    /// How many were taken, by what.
    taken: Mutex<(usize, F)>,
    make: M,
}

impl<T, R, M: Fn(&mut [T]) -> R, F: FnMut(&mut [T], R)> Line<'_, T, R, M, F> {
    fn work(&self) {
        while let Some(piece) = self.pieces.get(self.next.fetch_add(1, Ordering::Relaxed)) {
            let mut piece = piece.lock().expect("no holder panics");
            piece.1 = Some((self.make)(piece.0));
            drop(piece);
            if let Ok(mut taken) = self.taken.try_lock() {
                self.take(&mut taken);
            }
        }
        // Whoever makes the last piece finds all others made, or waits for who takes them.
        self.take(&mut self.taken.lock().expect("no holder panics"));
    }

    fn take(&self, (taken, take): &mut (usize, F)) {
        while let Some(piece) = self.pieces.get(*taken) {
            // One that is locked is being made.
            let Ok(mut piece) = piece.try_lock() else { return };
            let Some(made) = piece.1.take() else { return };
            take(piece.0, made);
            *taken += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_come_in_order_whoever_made_them() {
        for len in [0, 1, 63, 64, 65, 1000, 4096] {
            let (mut all, mut sums) = ((0..len).collect::<Vec<u64>>(), Vec::new());
            let make = |piece: &mut [u64]| piece.iter_mut().map(|n| std::mem::replace(n, *n * 2)).collect::<Vec<_>>();
            in_order(&mut all, make, |piece, made| {
                assert!(piece.iter().zip(&made).all(|(twice, once)| *twice == once * 2));
                sums.extend(made);
            });
            assert!(sums.into_iter().eq(0..len), "{len}");
            let thrice = map_pieces(&all, |piece| piece.iter().map(|n| n / 2 * 3).collect::<Vec<_>>());
            assert!(thrice.concat().into_iter().eq((0..len).map(|n| n * 3)), "{len}");
        }
    }
}
