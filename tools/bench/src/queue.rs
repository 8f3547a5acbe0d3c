//! What callers would get of a queue that does nothing but write their bytes and sync them: one of those who wait leads,
//! waits a little for the others, and wakes them all. No ledger under the same callers can be faster on the machine.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

/// As long as the ledger's leader waits for the callers of the group before.
const PATIENCE: Duration = Duration::from_micros(100);

#[derive(Default)]
struct State {
    waiting: Vec<u8>,
    /// Callers whose bytes wait, and how many there were the last time.
    callers: u64,
    last: u64,
    /// The group that waits, and the last one that is durable.
    group: u64,
    durable: u64,
    is_led: bool,
    end: u64,
}

/// Bytes of many callers on their way into a file.
pub struct Queue {
    file: File,
    state: Mutex<State>,
    gathered: Condvar,
    synced: Condvar,
}

impl Queue {
    /// Over a file whose bytes are there already.
    pub fn new(file: File) -> Queue {
        let state = Mutex::new(State { group: 1, ..State::default() });
        Queue { file, state, gathered: Condvar::new(), synced: Condvar::new() }
    }

    /// Comes back once the bytes are durable.
    pub fn append(&self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state.lock().expect("no holder panics");
        state.waiting.extend_from_slice(bytes);
        state.callers += 1;
        if state.is_led && state.callers == state.last {
            self.gathered.notify_one();
        }
        let own = state.group;
        while state.durable < own && state.is_led {
            state = self.synced.wait(state).expect("no holder panics");
        }
        if state.durable >= own {
            return Ok(());
        }
        state.is_led = true;
        let missing = |state: &mut State| state.callers < state.last;
        let mut state = self.gathered.wait_timeout_while(state, PATIENCE, missing).expect("no holder panics").0;
        let (bytes, at) = (std::mem::take(&mut state.waiting), state.end);
        state.end += bytes.len() as u64;
        state.last = std::mem::take(&mut state.callers);
        state.group += 1;
        drop(state);
        let written = self.file.write_all_at(&bytes, at).and_then(|()| self.file.sync_data());
        let mut state = self.state.lock().expect("no holder panics");
        (state.durable, state.is_led) = (own, false);
        self.synced.notify_all();
        written
    }
}

/// How many a second `callers` get, each `each` times, `len` bytes a time; and how long each waited.
pub fn measure(callers: u64, each: u64, len: usize) -> io::Result<(f64, Vec<f64>)> {
    let dir = tempfile::tempdir()?;
    let file = File::create(dir.path().join("zeros"))?;
    file.write_all_at(&vec![0; (callers * each) as usize * len], 0)?;
    file.sync_all()?;
    let (queue, bytes, begun) = (Queue::new(file), vec![7; len], Instant::now());
    let call = || -> io::Result<f64> {
        let begun = Instant::now();
        queue.append(&bytes)?;
        Ok(begun.elapsed().as_secs_f64())
    };
    let waits = std::thread::scope(|scope| {
        let callers: Vec<_> =
            (0..callers).map(|_| scope.spawn(|| (0..each).map(|_| call()).collect::<io::Result<Vec<f64>>>())).collect();
        callers.into_iter().map(|caller| caller.join().expect("no caller panics")).collect::<io::Result<Vec<_>>>()
    })?;
    Ok(((callers * each) as f64 / begun.elapsed().as_secs_f64(), waits.concat()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_was_handed_in_is_in_the_file_once() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("bytes");
        let queue = Queue::new(File::create(&path).expect("made"));
        let append = &|caller: u8| (0..50u8).for_each(|n| queue.append(&[caller, n]).expect("written"));
        std::thread::scope(|scope| {
            (0..8).for_each(|caller| drop(scope.spawn(move || append(caller))));
        });
        let bytes = std::fs::read(&path).expect("readable");
        let mut pairs: Vec<&[u8]> = bytes.chunks(2).collect();
        for caller in 0..8 {
            assert!(pairs.iter().filter(|pair| pair[0] == caller).map(|pair| pair[1]).eq(0..50), "in order");
        }
        pairs.sort();
        pairs.dedup();
        assert_eq!(pairs.len(), 400);
    }
}
