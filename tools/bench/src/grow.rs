//! Cost against size: one ledger that grows, and at each size the time an entry takes to append, to replay and to look up.

use crate::child;
use crate::feed::{Feed, population};
use crate::lookup;
use crate::row::{Held, Row};
use crate::store;
use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;

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

/// What was measured.
#[derive(Default)]
pub struct Growth {
    pub steps: Vec<Step>,
    /// The first size once more, right before and right behind the last one: a host is not always as fast, and these are what
    /// the last size is held to.
    beside: Vec<Step>,
}

/// Grows a ledger to `up_to` entries: 1, 2, 5, 10, 20 million, or the same steps of less.
pub fn measure(up_to: u64, accounts: u64) -> Result<Growth, Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let [path, lines, first] = ["ledger", "facts.jsonl", "first.jsonl"].map(|name| dir.path().join(name));
    store::create(&path)?;
    let all = up_to + up_to / 10;
    let population = population(all, accounts);
    let growing = Growing { accounts, decisions: population.decisions as f64 / all as f64 };
    let (mut feed, mut entries, mut growth) = (Feed::new(population), 0, Growth::default());
    let sizes = sizes(up_to);
    let once_more = || -> Result<Step, Box<dyn std::error::Error>> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("ledger");
        store::create(&path)?;
        // In memory, as lines are that were just written.
        io::copy(&mut File::open(&first)?, &mut io::sink())?;
        growing.step(&path, &first, sizes[0], sizes[0])
    };
    for &size in &sizes {
        let more = size - entries;
        // Written beforehand, and by now on the disk: whoever makes the lines takes of the processors as well.
        let file = if entries == 0 { &first } else { &lines };
        let mut out = BufWriter::new(File::create(file)?);
        feed.copy(more, &mut out)?;
        out.into_inner()?.sync_all()?;
        if size == up_to {
            growth.beside.push(once_more()?);
        }
        growth.steps.push(growing.step(&path, file, more, size)?);
        entries = size;
    }
    growth.beside.push(once_more()?);
    Ok(growth)
}

/// What every step is about.
struct Growing {
    accounts: u64,
    /// For each entry.
    decisions: f64,
}

impl Growing {
    /// Records `more` lines in the ledger at `path`, which then has `size` entries.
    fn step(&self, path: &Path, lines: &Path, more: u64, size: u64) -> Result<Step, Box<dyn std::error::Error>> {
        let took = child::run(path, &["import", lines.to_str().expect("a path in UTF-8")], |_| Ok(()))?;
        let replayed = child::run(path, &["replay", "--all", "--json"], |_| Ok(()))?;
        // As many as are surely there.
        let known = (self.decisions * size as f64 / 4.0) as u64;
        let looked_up = lookup::measure(path, self.accounts.max(inforce_population::FEWEST_ACCOUNTS), known, LOOKUPS)?;
        Ok(Step {
            entries: size,
            append_us: took.time.as_secs_f64() * 1e6 / more as f64,
            replay_us: replayed.time.as_secs_f64() * 1e6 / size as f64,
            lookup_us: looked_up.explained.iter().sum::<f64>() * 1e3 / looked_up.gathered as f64,
        })
    }
}

/// The sizes: those of the issue up to the one that is asked for, or parts of it where it is smaller.
fn sizes(up_to: u64) -> Vec<u64> {
    let of_the_issue: Vec<u64> = [1, 2, 5, 10, 20].map(|size| size * STEP).into();
    if up_to > STEP {
        return of_the_issue.into_iter().filter(|&size| size < up_to).chain([up_to]).collect();
    }
    STEPS.iter().map(|part| (up_to as f64 * part) as u64).collect()
}

/// The rows: each size, the first one once more, and the last against the mean of these two.
pub fn rows(growth: &Growth) -> Vec<Row> {
    type Of = fn(&Step) -> f64;
    let of: [(&str, Of); 3] =
        [("append", |step| step.append_us), ("replay", |step| step.replay_us), ("lookup", |step| step.lookup_us)];
    let mut rows = Vec::new();
    for (name, of) in of {
        for step in &growth.steps {
            let name = format!("grow: {name} at {} entries", step.entries);
            rows.push(Row::new(name, "µs", of(step), Held::Told));
        }
        for (step, place) in growth.beside.iter().zip(["before", "behind"]) {
            let name = format!("grow: {name} at {} entries, right {place} the last", step.entries);
            rows.push(Row::new(name, "µs", of(step), Held::Told));
        }
        let (first, last) = (growth.steps.first().expect("a step"), growth.steps.last().expect("a step"));
        let beside = growth.beside.iter().map(of).sum::<f64>() / growth.beside.len() as f64;
        let mut against = |what: &str, rise, held| {
            rows.push(Row::new(format!("grow: {name}, the last against the first {what}"), "×", rise, held));
        };
        against("as it was", of(last) / of(first), Held::Told);
        against("beside it", of(last) / beside, Held::Limit(1.2));
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_size_is_held_to_the_first_as_it_was_beside_it() {
        let step = |entries, us| Step { entries, append_us: us, replay_us: us, lookup_us: us };
        let growth = Growth { steps: vec![step(1, 1.0), step(20, 6.0)], beside: vec![step(1, 3.0), step(1, 5.0)] };
        let rows = rows(&growth);
        assert!(rows.iter().map(|row| row.ours).eq([1.0, 6.0, 3.0, 5.0, 6.0, 1.5].repeat(3)));
        let held = rows.iter().filter(|row| row.held != Held::Told);
        assert!(held.map(|row| row.ours).eq([1.5; 3]));
    }
}
