//! Callers who wait: one of them leads, commits what everybody handed in, and passes the lead on.
//!
//! INVARIANT (answered): a request that was handed in is answered by whoever took it out of the queue, even if that one
//! panics; and while something waits, somebody leads.
//!
//! The lead is passed on before those who were answered are woken: the first of them who is back leads at once.

use super::LedgerError;
use super::writer::Request;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// For how long whoever leads waits for the callers of the group before, who are often back at once: less than a sync takes.
const PATIENCE: Duration = Duration::from_micros(100);

/// What waits.
#[derive(Default)]
pub struct Queue {
    state: Mutex<State>,
    /// Told once as many wait as whoever leads may be waiting for.
    gathered: Condvar,
}

#[derive(Default)]
struct State {
    waiting: Vec<Arc<Request>>,
    is_led: bool,
    /// How many the last one who led took.
    last: usize,
}

impl Queue {
    /// Hands a request in, and comes back once it is answered, by another caller or by `commit`, which is called for all
    /// that waits.
    pub fn hand_in(
        &self,
        request: &Arc<Request>,
        commit: impl FnOnce(&dyn Fn() -> Vec<Arc<Request>>) -> Result<(), LedgerError>,
    ) {
        let leads = {
            let mut state = self.state.lock().expect("no holder panics");
            state.waiting.push(request.clone());
            let leads = !std::mem::replace(&mut state.is_led, true);
            if !leads && state.waiting.len() == state.last {
                self.gathered.notify_one();
            }
            leads
        };
        if !leads && !request.wait() {
            return;
        }
        let lead = Lead { queue: self, own: request, taken: Mutex::new(Vec::new()) };
        if let Err(error) = commit(&|| lead.take()) {
            // What could not even be begun is refused to everybody who waits.
            let why = error.to_string();
            let refused = lead.take_at_once();
            request.answer(Err(error));
            refused.iter().for_each(|one| one.refuse(&why));
        }
    }
}

/// Who leads. Given back however it ends.
struct Lead<'a> {
    queue: &'a Queue,
    own: &'a Arc<Request>,
    taken: Mutex<Vec<Arc<Request>>>,
}

impl Lead<'_> {
    /// All that waits, once as many are there as the last time, or nobody came for a while.
    fn take(&self) -> Vec<Arc<Request>> {
        // Asleep, not turning: on a busy machine whoever yields comes back only once everybody else had a turn.
        let state = self.queue.state.lock().expect("no holder panics");
        let missing = |state: &mut State| state.waiting.len() < state.last;
        drop(self.queue.gathered.wait_timeout_while(state, PATIENCE, missing));
        self.take_at_once()
    }

    fn take_at_once(&self) -> Vec<Arc<Request>> {
        let mut state = self.queue.state.lock().expect("no holder panics");
        let taken = std::mem::take(&mut state.waiting);
        state.last = taken.len();
        self.taken.lock().expect("no holder panics").extend(taken.iter().cloned());
        taken
    }
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        // Only a panic leaves one of them without an answer.
        let taken = std::mem::take(&mut *self.taken.lock().expect("no holder panics"));
        taken.iter().for_each(|one| one.refuse("a writer panicked"));
        let next = {
            let mut state = self.queue.state.lock().expect("no holder panics");
            state.is_led = !state.waiting.is_empty();
            state.waiting.first().cloned()
        };
        if let Some(next) = next {
            next.lead();
        }
        taken.iter().filter(|one| !Arc::ptr_eq(one, self.own)).for_each(|one| one.wake());
    }
}
