//! Sixteen callers, one fact each, acknowledged when durable; beside them one thread that does nothing but sync.

use crate::Sizes;
use crate::events::Events;
use crate::queue;
use crate::row::{Held, Row, quantile};
use crate::store;
use inforce::ledger::Ledger;
use std::io;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

const CALLERS: u64 = 16;
/// Accounts that they append to, which each have a fact already.
const ACCOUNTS: u64 = 100_000;
/// The bytes of an entry, as the floor writes them.
const ENTRY: u64 = 334;

/// The rows.
pub fn rows(sizes: &Sizes) -> io::Result<Vec<Row>> {
    let each = sizes.calls;
    // Before and after, since the disk is not always the same.
    let sync_times = || -> io::Result<[Duration; 2]> { Ok([sync_time(1, each)?, sync_time(CALLERS, each)?]) };
    let before = sync_times()?;
    let (rate, mut waits) = measure(sizes, each)?;
    let (queued, mut queue_waits) = queue::measure(CALLERS, each, ENTRY as usize)?;
    let after = sync_times()?;
    let [bare, together] = [0, 1].map(|which| (before[which] + after[which]).as_secs_f64() / 2.0);
    let held = Held::Rate { floor: CALLERS as f64 / bare, goal: 0.75 };
    let p99 = quantile(&mut waits, 0.99) / bare;
    Ok(vec![
        Row::new("callers: 16 at once, one fact each", "facts/s", rate, held),
        Row::new("callers: 99 of 100 acknowledged within", "fdatasyncs", p99, Held::Limit(4.0)),
        Row::new("callers: a queue that only writes and syncs", "facts/s", queued, Held::Told),
        Row::new(
            "callers: 99 of 100 out of it within",
            "fdatasyncs",
            quantile(&mut queue_waits, 0.99) / bare,
            Held::Told,
        ),
        Row::new("callers: a bare fdatasync", "ms", bare * 1e3, Held::Told),
        Row::new("callers: a bare fdatasync of 16 entries", "ms", together * 1e3, Held::Told),
    ])
}

/// Facts a second, and how long each caller waited each time.
fn measure(sizes: &Sizes, each: u64) -> io::Result<(f64, Vec<f64>)> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("ledger");
    store::create(&path)?;
    let ledger = Ledger::open(&path).map_err(io::Error::other)?;
    // Everybody is known before: an account's first fact waits for its key as well, which is told by `append`.
    let mut first = Events::in_turn(sizes.accounts.min(ACCOUNTS));
    for _ in 0..sizes.accounts.min(ACCOUNTS) / 1000 {
        ledger.append(first.group(1000)).map_err(io::Error::other)?;
    }
    let begun = Instant::now();
    let waits = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..CALLERS)
            .map(|caller| {
                let mut events = Events::new(sizes.accounts.min(ACCOUNTS), (caller + 1) * 100_000_000);
                let ledger = &ledger;
                scope.spawn(move || -> io::Result<Vec<f64>> {
                    (0..each)
                        .map(|_| {
                            let fact = events.group(1);
                            let begun = Instant::now();
                            ledger.append(fact).map_err(io::Error::other)?;
                            Ok(begun.elapsed().as_secs_f64())
                        })
                        .collect()
                })
            })
            .collect();
        callers.into_iter().map(|caller| caller.join().expect("no caller panics")).collect::<io::Result<Vec<_>>>()
    })?;
    let rate = (CALLERS * each) as f64 / begun.elapsed().as_secs_f64();
    ledger.close().map_err(io::Error::other)?;
    Ok((rate, waits.concat()))
}

/// How long it takes to write the bytes of so many entries into a file of zeros and sync it, so many times over.
fn sync_time(entries: u64, times: u64) -> io::Result<Duration> {
    let dir = tempfile::tempdir()?;
    let file = std::fs::File::create(dir.path().join("zeros"))?;
    let bytes = vec![7; (entries * ENTRY) as usize];
    file.write_all_at(&vec![0; times as usize * bytes.len()], 0)?;
    file.sync_all()?;
    let begun = Instant::now();
    for place in 0..times {
        file.write_all_at(&bytes, place * bytes.len() as u64)?;
        file.sync_data()?;
    }
    Ok(begun.elapsed() / times as u32)
}
