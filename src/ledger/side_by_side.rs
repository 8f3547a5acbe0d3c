//! Work on both cores, where there is enough of it: handing a little to another thread takes longer than doing it.

use rayon::prelude::*;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Fewer than so many are not worth another thread.
const WORTH_A_THREAD: usize = 64;
/// So many are handed out at a time.
const PIECE: usize = 32;

/// What `map` makes of pieces of them, in order.
pub fn map_pieces<T: Sync, R: Send>(all: &[T], map: impl Fn(&[T]) -> R + Sync) -> Vec<R> {
    if all.len() < WORTH_A_THREAD {
        return vec![map(all)];
    }
    let pieces: Vec<_> = all.chunks(PIECE).map(|piece| (piece, Mutex::new(None))).collect();
    let next = AtomicUsize::new(0);
    on_every_thread(|| {
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
    if entries < WORTH_A_THREAD {
        return (one(), other());
    }
    let mut theirs = None;
    let ours = rayon::in_place_scope(|scope| {
        scope.spawn(|_| theirs = Some(other()));
        one()
    });
    (ours, theirs.expect("a scope ends once all of it is done"))
}

/// Does both, at the same time where there are enough entries.
pub fn both<A: Send, B: Send>(
    entries: usize,
    one: impl FnOnce() -> A + Send,
    other: impl FnOnce() -> B + Send,
) -> (A, B) {
    if entries < WORTH_A_THREAD { (one(), other()) } else { rayon::join(one, other) }
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
    on_every_thread(|| line.work());
}

/// Has as many threads as there are cores work, this one among them: asleep it would leave its core to nobody, for others take
/// about half a millisecond to be brought there.
fn on_every_thread(work: impl Fn() + Sync) {
    rayon::in_place_scope(|scope| {
        (1..rayon::current_num_threads()).for_each(|_| scope.spawn(|_| work()));
        work();
    });
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
