//! Cost against size: one ledger that grows, and at each size the time an entry takes to append, to replay and to look up.

use crate::child;
use crate::feed::{Feed, population};
use crate::lookup;
use crate::row::{Held, Row};
use crate::store;
use std::fs::File;
use std::io::{BufWriter, Write};

/// Steps, in parts of the largest.
const STEPS: [f64; 5] = [0.05, 0.1, 0.25, 0.5, 1.0];
/// Steps of the issue, in entries.
const STEP: u64 = 1_000_000;
const LOOKUPS: u64 = 200;

/// What one entry takes at a size.
pub struct Step {
    pub entries: u64,
    /// In microseconds: to append one, counted over what came since the step before.
    pub append_us: f64,
    /// To replay one.
    pub replay_us: f64,
    /// To explain a decision, for each entry that is read for it: an account has more of them in a larger ledger.
    pub lookup_us: f64,
}

/// Grows a ledger to `up_to` entries: 1, 2, 5, 10, 20 million, or the same steps of less.
pub fn measure(up_to: u64, accounts: u64) -> Result<Vec<Step>, Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let (path, lines) = (dir.path().join("ledger"), dir.path().join("facts.jsonl"));
    store::create(&path)?;
    let population = population(up_to + up_to / 10, accounts);
    let (decisions, mut feed) = (population.decisions, Feed::new(population));
    let (mut entries, mut steps) = (0, Vec::new());
    for size in sizes(up_to) {
        let more = size - entries;
        // Written beforehand: whoever makes the lines takes of the processors as well.
        let mut out = BufWriter::new(File::create(&lines)?);
        feed.copy(more, &mut out)?;
        out.flush()?;
        let took = child::run(&path, &["import", lines.to_str().expect("a path in UTF-8")], |_| Ok(()))?;
        entries = size;
        let replayed = child::run(&path, &["replay", "--all", "--json"], |_| Ok(()))?;
        // As many as are surely there.
        let known = decisions * size / (up_to + up_to / 10) / 4;
        let looked_up = lookup::measure(&path, accounts.max(inforce_population::FEWEST_ACCOUNTS), known, LOOKUPS)?;
        steps.push(Step {
            entries,
            append_us: took.time.as_secs_f64() * 1e6 / more as f64,
            replay_us: replayed.time.as_secs_f64() * 1e6 / size as f64,
            lookup_us: looked_up.explained.iter().sum::<f64>() * 1e3 / looked_up.gathered as f64,
        });
    }
    Ok(steps)
}

/// The sizes: those of the issue up to the one that is asked for, or parts of it where it is smaller.
fn sizes(up_to: u64) -> Vec<u64> {
    let of_the_issue: Vec<u64> = [1, 2, 5, 10, 20].map(|size| size * STEP).into();
    if up_to > STEP {
        return of_the_issue.into_iter().filter(|&size| size < up_to).chain([up_to]).collect();
    }
    STEPS.iter().map(|part| (up_to as f64 * part) as u64).collect()
}

/// The rows: each size, and the last against the first.
pub fn rows(steps: &[Step]) -> Vec<Row> {
    type Of = fn(&Step) -> f64;
    let of: [(&str, Of); 3] =
        [("append", |step| step.append_us), ("replay", |step| step.replay_us), ("lookup", |step| step.lookup_us)];
    let mut rows = Vec::new();
    for (name, of) in of {
        for step in steps {
            let name = format!("grow: {name} at {} entries", step.entries);
            rows.push(Row::new(name, "µs", of(step), Held::Told));
        }
        let (first, last) = (steps.first().expect("a step"), steps.last().expect("a step"));
        let rise = of(last) / of(first);
        rows.push(Row::new(format!("grow: {name}, the last size against the first"), "×", rise, Held::Limit(1.2)));
    }
    rows
}
