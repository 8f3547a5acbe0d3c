//! One caller, a thousand facts a call, each call durable before the next; and what the disk alone would take.

use crate::Sizes;
use crate::events::Events;
use crate::row::{Held, Row};
use crate::store::{self, bytes};
use inforce::ledger::Ledger;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};

/// Groups made before they are appended.
pub const BATCH: usize = 50;
/// Facts a call.
pub const GROUP: u64 = 1000;

/// What was measured.
pub struct Appended {
    /// Facts a second.
    pub rate: f64,
    /// The same bytes, written and synced a group at a time and nothing else.
    pub floor: f64,
    /// Processor time a fact, in microseconds: other programs beside this one do not add to it.
    pub processor_us: f64,
}

/// The rows.
pub fn rows(sizes: &Sizes, appended: &Appended, fresh: &Appended) -> Vec<Row> {
    let held = Held::Rate { floor: appended.floor, goal: 0.5 };
    let told = |rate, name: String| Row::new(name, "facts/s", rate, Held::Told);
    vec![
        Row::new("append: groups of 1,000, sealed, indexed", "facts/s", appended.rate, held),
        told(fresh.rate, format!("append: each fact the first of its account, {} of them", sizes.accounts)),
        Row::new("append: processor time, all threads", "µs/fact", appended.processor_us, Held::Told),
    ]
}

/// Appends one fact about each account, then `sizes.append` about any of them.
pub fn measure(sizes: &Sizes) -> io::Result<(Appended, Appended)> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("ledger");
    store::create(&path)?;
    let ledger = Ledger::open(&path).map_err(io::Error::other)?;
    let journal = path.join("journal");
    let mut measured = Vec::new();
    for (mut events, facts) in
        [(Events::in_turn(sizes.accounts), sizes.accounts), (Events::new(sizes.accounts, sizes.accounts), sizes.append)]
    {
        let before = bytes(&journal)?;
        let groups = facts / GROUP;
        let (mut took, mut processor) = (Duration::ZERO, Duration::ZERO);
        let all = (groups * GROUP) as f64;
        // Made beforehand, a batch at a time: the clock of the processor ticks slowly.
        for first in (0..groups).step_by(BATCH) {
            let made: Vec<_> = (first..groups.min(first + BATCH as u64)).map(|_| events.group(GROUP)).collect();
            let before = processor_time()?;
            for facts in made {
                let begun = Instant::now();
                ledger.append(facts).map_err(io::Error::other)?;
                took += begun.elapsed();
            }
            processor += processor_time()? - before;
        }
        let len = (bytes(&journal)? - before) / groups;
        let floor = bare(&dir.path().join("floor"), &journal.join("00000000.seg"), len as usize, groups)?;
        let processor_us = processor.as_secs_f64() * 1e6 / all;
        measured.push(Appended { rate: all / took.as_secs_f64(), floor: all / floor.as_secs_f64(), processor_us });
    }
    ledger.close().map_err(io::Error::other)?;
    let appended = measured.pop().expect("two were pushed");
    Ok((appended, measured.pop().expect("two were pushed")))
}

/// What this process took of the processors so far, in user code and in the system's.
fn processor_time() -> io::Result<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    // Behind the name, which ends with the last parenthesis, stand 11 fields and then the two, in hundredths of a second.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    let ticks: u64 = fields.filter_map(|field| field.parse::<u64>().ok()).sum();
    Ok(Duration::from_millis(ticks * 10))
}

/// Writes `groups` times `len` bytes of what `source` holds to a new file, each followed by a sync.
fn bare(path: &Path, source: &Path, len: usize, groups: u64) -> io::Result<Duration> {
    let mut content = std::fs::read(source)?;
    while content.len() < 2 * len {
        content.extend_from_within(..);
    }
    let mut file = File::create(path)?;
    let mut took = Duration::ZERO;
    for group in 0..groups as usize {
        let start = group * len % (content.len() - len);
        let begun = Instant::now();
        file.write_all(&content[start..start + len])?;
        file.sync_data()?;
        took += begun.elapsed();
    }
    std::fs::remove_file(path)?;
    Ok(took)
}
