//! Pieces of work in a line: one thread brings them, any thread makes something of each, and one takes what was made, in
//! the order in which the pieces were brought.
//!
//! Who takes makes as well while nothing is ready, so no core waits as long as there is a piece, and what was made is
//! taken while it is in the processor's cache. Deliberately absent: threads. Whoever has some lets them [`Line::work`].

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::ThreadId;

/// Pieces brought and not yet taken, at most: enough for the others to go on by while the next stretch of the journal is read.
const MOST: usize = 48;
/// So few there are before a thread that found too many goes on.
const AGAIN: usize = MOST * 3 / 4;

/// A line of pieces `P`, of each of which `make` makes an `R`, in place of one that was taken before.
pub struct Line<P, R, M> {
    make: M,
    state: Mutex<State<P, R>>,
    /// Pieces can be brought again.
    room: Condvar,
    /// A piece was brought.
    work: Condvar,
    /// One was brought, or the next one was made.
    ready: Condvar,
}

struct State<P, R> {
    /// Pieces that nobody works at yet.
    waiting: VecDeque<P>,
    /// What was made of those before them, from the next to be taken on; nothing where somebody works at it.
    made: VecDeque<Option<(ThreadId, R)>>,
    /// How many were taken.
    taken: usize,
    /// Pieces to be filled again.
    spare: Vec<P>,
    /// What was taken, and who made it: its memory is used again, by the same thread, since giving back what another thread
    /// took is slow.
    spent: Vec<(ThreadId, R)>,
    /// Nothing more is brought.
    ended: bool,
    /// Nothing more is taken, or a thread panicked.
    over: bool,
}

/// Nobody takes what is brought any more.
#[derive(Debug)]
pub struct Left;

impl<P: Default, R: Default, M: Fn(&P, &mut R)> Line<P, R, M> {
    /// An empty one.
    pub fn new(make: M) -> Line<P, R, M> {
        let (waiting, made, spare, spent) = (VecDeque::new(), VecDeque::new(), Vec::new(), Vec::new());
        let state = Mutex::new(State { waiting, made, taken: 0, spare, spent, ended: false, over: false });
        Line { make, state, room: Condvar::new(), work: Condvar::new(), ready: Condvar::new() }
    }

    /// Brings a piece that `fill` fills in place of what it was before; waits while there are too many.
    pub fn put(&self, fill: impl FnOnce(&mut P)) -> Result<(), Left> {
        let mut state = self.lock();
        if state.len() >= MOST {
            state = self.room.wait_while(state, |state| !state.over && state.len() > AGAIN).expect(HELD);
        }
        if state.over {
            return Err(Left);
        }
        let mut piece = state.spare.pop().unwrap_or_default();
        drop(state);
        fill(&mut piece);
        self.lock().waiting.push_back(piece);
        self.work.notify_one();
        self.ready.notify_one();
        Ok(())
    }

    /// Nothing more is brought.
    pub fn end(&self) {
        self.lock().ended = true;
        self.wake();
    }

    /// Makes something of pieces as long as there are any.
    pub fn work(&self) {
        let _working = self.working();
        loop {
            let idle = |state: &mut State<P, R>| state.waiting.is_empty() && !state.ended && !state.over;
            let mut state = self.work.wait_while(self.lock(), idle).expect(HELD);
            let claimed = state.claim().filter(|_| !state.over);
            drop(state);
            let Some(claimed) = claimed else { return };
            self.make(claimed);
        }
    }

    /// Hands `take` what was made of each piece, in order, until nothing more is brought or it fails.
    pub fn take<E>(&self, mut take: impl FnMut(&mut R) -> Result<(), E>) -> Result<(), E> {
        let _taking = Taking(self);
        loop {
            let mut state = self.ready.wait_while(self.lock(), |state| !state.has_next()).expect(HELD);
            if state.over {
                return Ok(());
            }
            if let Some((maker, mut made)) = state.take() {
                let has_room = state.len() == AGAIN;
                drop(state);
                if has_room {
                    self.room.notify_one();
                }
                take(&mut made)?;
                self.lock().spent.push((maker, made));
                continue;
            }
            let claimed = state.claim();
            drop(state);
            let Some(claimed) = claimed else { return Ok(()) };
            self.make(claimed);
        }
    }

    fn make(&self, (number, piece, mut made): (usize, P, R)) {
        (self.make)(&piece, &mut made);
        let mut state = self.lock();
        let place = number - state.taken;
        state.made[place] = Some((std::thread::current().id(), made));
        state.spare.push(piece);
        drop(state);
        if place == 0 {
            self.ready.notify_one();
        }
    }

    /// To be held by a thread that others wait for: they do not if it panics.
    pub fn working(&self) -> impl Drop + use<'_, P, R, M> {
        Working(self)
    }
}

const HELD: &str = "no holder panics";

impl<P, R, M> Line<P, R, M> {
    fn lock(&self) -> MutexGuard<'_, State<P, R>> {
        self.state.lock().expect(HELD)
    }

    fn leave(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).over = true;
        self.wake();
    }

    fn wake(&self) {
        [&self.room, &self.work, &self.ready].into_iter().for_each(Condvar::notify_all);
    }
}

impl<P, R: Default> State<P, R> {
    /// How many were brought and not taken.
    fn len(&self) -> usize {
        self.waiting.len() + self.made.len()
    }

    /// True if there is something to do for whoever takes.
    fn has_next(&self) -> bool {
        let is_ready = matches!(self.made.front(), Some(Some(_)));
        is_ready || !self.waiting.is_empty() || (self.ended && self.made.is_empty()) || self.over
    }

    /// A piece to work at, its number, and what to make it in.
    fn claim(&mut self) -> Option<(usize, P, R)> {
        let piece = self.waiting.pop_front()?;
        self.made.push_back(None);
        let own = std::thread::current().id();
        let spent =
            self.spent.iter().rposition(|(maker, _)| *maker == own).map(|place| self.spent.swap_remove(place).1);
        Some((self.taken + self.made.len() - 1, piece, spent.unwrap_or_default()))
    }

    /// What was made of the next one, if it was.
    fn take(&mut self) -> Option<(ThreadId, R)> {
        let made = self.made.front_mut()?.take()?;
        self.made.pop_front();
        self.taken += 1;
        Some(made)
    }
}

struct Working<'a, P, R, M>(&'a Line<P, R, M>);

impl<P, R, M> Drop for Working<'_, P, R, M> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.leave();
        }
    }
}

struct Taking<'a, P, R, M>(&'a Line<P, R, M>);

impl<P, R, M> Drop for Taking<'_, P, R, M> {
    fn drop(&mut self) {
        self.0.leave();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sums of pieces that are brought by one thread and made on `threads` others, as far as `take` goes.
    fn sums(pieces: u64, threads: usize, most: u64) -> (Vec<u64>, bool) {
        let line = Line::new(|piece: &Vec<u64>, sum: &mut u64| *sum = piece.iter().sum());
        let mut taken = Vec::new();
        let all = std::thread::scope(|scope| {
            let bringing = scope.spawn(|| {
                let put = |n: u64| line.put(|piece: &mut Vec<u64>| *piece = vec![n; n as usize % 100]).is_ok();
                let all = (0..pieces).all(put);
                line.end();
                all
            });
            (0..threads).for_each(|_| drop(scope.spawn(|| line.work())));
            let took = line.take(|&mut sum| {
                taken.push(sum);
                if taken.len() as u64 == most { Err(()) } else { Ok(()) }
            });
            assert_eq!(took.is_err(), pieces >= most);
            bringing.join().expect("it does not panic")
        });
        (taken, all)
    }

    #[test]
    fn what_is_made_is_taken_in_order_whoever_made_it() {
        for threads in 0..4 {
            for pieces in [0, 1, MOST as u64 - 1, MOST as u64, MOST as u64 + 1, 1000] {
                let expected = (0..pieces).map(|n| n * (n % 100)).collect::<Vec<_>>();
                assert_eq!(sums(pieces, threads, u64::MAX), (expected, true), "{pieces} on {threads}");
            }
        }
    }

    #[test]
    fn everybody_leaves_once_nothing_is_taken_any_more() {
        for threads in 0..4 {
            let (taken, all) = sums(1000, threads, 100);
            assert_eq!((taken.len(), all), (100, false), "on {threads}");
        }
    }

    #[test]
    fn nobody_waits_for_a_thread_that_panicked() {
        let line = Line::new(|piece: &u64, _: &mut ()| assert_ne!(*piece, 5));
        let over = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            std::thread::scope(|scope| {
                scope.spawn(|| (0..100).all(|n| line.put(|piece: &mut u64| *piece = n).is_ok()));
                scope.spawn(|| line.work());
                line.take(|()| Ok::<(), ()>(()))
            })
        }));
        assert!(over.is_err());
    }
}
