//! The process that is killed: 16 callers of one ledger, one fact an append, a receipt written down after each.
//!
//! It opens, appends, checkpoints, rebuilds the index, closes, and begins again, and tells on stdout what it is at:
//! `+word` when something begins, `-word` when it is done. A receipt is written and synced by the caller, and only
//! after the ledger acknowledged.

use crate::facts::{Name, fact, mix};
use inforce::ledger::{Clock, Ledger, Options};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Callers at a time.
pub const THREADS: u64 = 16;
/// Nobody may be left running if whoever kills has gone.
const LIFE: Duration = Duration::from_secs(60);

/// What the process is to do.
pub struct Job {
    pub ledger: PathBuf,
    pub receipts: PathBuf,
    pub seed: u64,
    pub round: u64,
}

/// The receipts of one thread in one round.
pub fn receipts_of(dir: &Path, round: u64, thread: u64) -> PathBuf {
    dir.join(format!("{round}-{thread}"))
}

/// Opens with segments so short that every round begins some.
pub fn open(ledger: &Path) -> Result<Ledger, String> {
    let options = Options { segment_len: 32 << 10, ..Options::default() };
    Ledger::open_with(ledger, &options).map_err(|error| format!("opening: {error}"))
}

fn tell(word: &str) {
    // Nobody listens any more: then there is nobody to tell.
    let _ = writeln!(std::io::stdout().lock(), "{word}");
}

/// Runs until it is killed.
pub fn run(job: &Job) -> Result<(), String> {
    let born = Instant::now();
    let mut callers: Vec<Caller> = (0..THREADS).map(|thread| Caller::new(job, thread)).collect::<Result<_, _>>()?;
    for cycle in 0.. {
        if born.elapsed() > LIFE {
            return Err("nobody killed the writer".to_owned());
        }
        tell("+open");
        let ledger = open(&job.ledger)?;
        tell("-open");
        let chance = mix(&[job.seed, job.round, cycle]);
        let until = Instant::now() + Duration::from_millis(20 + chance % 200);
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let (ledger, stop) = (&ledger, &stop);
            let keeper = scope.spawn(move || keep(ledger, stop, chance));
            let threads: Vec<_> =
                callers.iter_mut().map(|caller| scope.spawn(move || caller.append_until(ledger, until))).collect();
            let ends: Vec<_> = threads.into_iter().map(|thread| thread.join().expect("no caller panics")).collect();
            stop.store(true, Ordering::Relaxed);
            let kept = keeper.join().expect("the keeper does not panic");
            ends.into_iter().chain([kept]).collect::<Result<(), String>>()
        })?;
        tell("+close");
        ledger.close().map_err(|error| error.to_string())?;
        tell("-close");
    }
    Ok(())
}

/// Checkpoints and rebuilds the index now and then, beside the callers.
fn keep(ledger: &Ledger, stop: &AtomicBool, chance: u64) -> Result<(), String> {
    for turn in 0.. {
        std::thread::sleep(Duration::from_millis(5 + mix(&[chance, turn]) % 20));
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let (word, kept) = match mix(&[chance, turn, 1]) % 12 {
            0 => {
                tell("+reindex");
                ("-reindex", ledger.reindex().map(drop))
            }
            _ => {
                tell("+checkpoint");
                ("-checkpoint", ledger.checkpoint().map(drop))
            }
        };
        kept.map_err(|error| error.to_string())?;
        tell(word);
    }
    Ok(())
}

struct Caller {
    seed: u64,
    receipts: File,
    /// What the round before may have lost: handed in again first, as any caller without an answer would.
    again: Vec<Name>,
    next: Name,
}

impl Caller {
    fn new(job: &Job, thread: u64) -> Result<Caller, String> {
        let path = receipts_of(&job.receipts, job.round, thread);
        let receipts = OpenOptions::new().append(true).create_new(true).open(&path);
        let receipts = receipts.map_err(|error| format!("`{}`: {error}", path.display()))?;
        let again = match job.round.checked_sub(1) {
            None => Vec::new(),
            Some(round) => {
                let known = last_receipt(&job.receipts, round, thread);
                let first = known.unwrap_or(0);
                let unanswered = known.map_or(0, |number| number + 1);
                (first..=unanswered).map(|number| Name { round, thread, number }).collect()
            }
        };
        Ok(Caller { seed: job.seed, receipts, again, next: Name { round: job.round, thread, number: 0 } })
    }

    fn append_until(&mut self, ledger: &Ledger, until: Instant) -> Result<(), String> {
        while Instant::now() < until {
            let name = if self.again.is_empty() { self.next } else { self.again[0] };
            let fact = fact(self.seed, name);
            let erases = matches!(fact.kind(), inforce::fact::Kind::SubjectErased);
            if erases {
                tell("+erase");
            }
            let outcomes = ledger.append_each(vec![fact], Clock::Ledger).map_err(|error| error.to_string())?;
            if erases {
                tell("-erase");
            }
            let receipt = outcomes[0].as_ref().map_err(|refusal| format!("{}: {refusal}", name.id()))?;
            let line = format!("{} {} {}\n", receipt.seq, receipt.hash, name.id());
            let written = self.receipts.write_all(line.as_bytes()).and_then(|()| self.receipts.sync_data());
            written.map_err(|error| format!("receipts: {error}"))?;
            if self.again.is_empty() {
                self.next.number += 1;
            } else {
                self.again.remove(0);
            }
        }
        Ok(())
    }
}

/// The number of the last fact of a thread's own round that was acknowledged.
fn last_receipt(dir: &Path, round: u64, thread: u64) -> Option<u64> {
    let text = std::fs::read_to_string(receipts_of(dir, round, thread)).ok()?;
    let names = text.lines().filter_map(|line| Name::parse(line.rsplit(' ').next()?));
    names.filter(|name| name.round == round).map(|name| name.number).max()
}
