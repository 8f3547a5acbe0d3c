//! What to watch of a ledger: how it stands, and what its writer has done since it was opened; as numbers, and in the
//! text format of Prometheus (version 0.0.4).
//!
//! Names follow its conventions: base units last, `_total` for what only grows while the process lives. A value that
//! nobody can tell is left out, never zero.

use super::{Ledger, LedgerError, Status};
use crate::fact::Instant;
use std::fmt::Write;
use std::time::Duration;

/// Upper bounds of the histogram's buckets, in microseconds.
const BOUNDS_US: [u64; 15] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    10_000_000,
];

/// How long something took, by buckets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// How many took no longer than each bound, and longer than the one before.
    buckets: [u64; BOUNDS_US.len()],
    /// How many in all, those beyond the last bound included.
    pub count: u64,
    /// All of them together.
    pub sum: Duration,
}

impl Histogram {
    /// Counts one.
    pub fn note(&mut self, took: Duration) {
        let us = took.as_nanos().div_ceil(1000) as u64;
        if let Some(bucket) = BOUNDS_US.iter().position(|&bound| us <= bound) {
            self.buckets[bucket] += 1;
        }
        self.count += 1;
        self.sum += took;
    }

    /// Bounds in seconds, and how many took no longer.
    pub fn cumulated(&self) -> impl Iterator<Item = (f64, u64)> + '_ {
        let mut sum = 0;
        BOUNDS_US.iter().zip(&self.buckets).map(move |(&bound, &count)| {
            sum += count;
            (bound as f64 / 1e6, sum)
        })
    }
}

/// Groups committed since the ledger was opened for writing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Commits {
    /// Groups.
    pub groups: u64,
    /// Entries in them.
    pub entries: u64,
    /// From the first byte of a group to the return of its sync.
    pub latency: Histogram,
    /// The last one's.
    pub last: Option<Duration>,
}

impl Commits {
    /// Counts a group.
    pub(super) fn note(&mut self, entries: usize, took: Duration) {
        self.groups += 1;
        self.entries += entries as u64;
        self.latency.note(took);
        self.last = Some(took);
    }
}

/// What to watch.
#[derive(Clone, Debug, PartialEq)]
pub struct Metrics {
    /// How the ledger stands.
    pub status: Status,
    /// What its writer has done, where this process is the writer.
    pub commits: Option<Commits>,
    /// Entries that the index does not cover in sled yet, where this process is the writer.
    pub index_lag: Option<u64>,
    /// True if a write failed and nothing more is appended, where this process is the writer.
    pub poisoned: Option<bool>,
}

impl From<Status> for Metrics {
    fn from(status: Status) -> Metrics {
        Metrics { status, commits: None, index_lag: None, poisoned: None }
    }
}

impl Ledger {
    /// What to watch. Appends wait for as long as it takes to copy a few counters.
    pub fn metrics(&self) -> Result<Metrics, LedgerError> {
        let mut metrics = Metrics::from(self.status()?);
        if let Some(writer) = &self.writer {
            let writer = self.locked(writer)?;
            metrics.commits = Some(writer.commits);
            metrics.index_lag = Some(writer.catalog().index_lag());
            metrics.poisoned = Some(writer.is_poisoned());
        }
        Ok(metrics)
    }
}

impl Metrics {
    /// The text that Prometheus reads.
    pub fn to_text(&self) -> String {
        let mut text = Text(String::new());
        let status = &self.status;
        text.head("inforce_ledger_info", "gauge", "Always 1; the label names the ledger.");
        text.sample("inforce_ledger_info", &[("origin", &status.origin)], 1.0);
        text.gauge("inforce_ledger_entries", "Entries in whole groups.", status.entries as f64);
        text.gauge("inforce_journal_bytes", "Bytes of the journal, without what is zeroed ahead.", status.bytes as f64);
        text.head("inforce_journal_segments", "gauge", "Segments of the journal, by where they are.");
        text.sample("inforce_journal_segments", &[("storage", "cold")], status.cold as f64);
        text.sample("inforce_journal_segments", &[("storage", "here")], (status.segments - status.cold) as f64);
        let growing = status.growing_bytes as f64;
        text.gauge("inforce_journal_growing_bytes", "Bytes of the segment that is not sealed yet.", growing);
        text.gauge("inforce_journal_ahead_bytes", "Bytes zeroed ahead of the last group.", status.ahead_bytes as f64);
        let unsynced = "Bytes behind the last whole group: being written, cut short, or damaged.";
        text.gauge("inforce_journal_unsynced_bytes", unsynced, status.unsynced_bytes as f64);
        text.time("inforce_last_entry_timestamp_seconds", "When the last entry was recorded.", status.last_recorded);
        let behind = "By how much the last entry was recorded ahead of the clock.";
        text.gauge("inforce_clock_behind_seconds", behind, status.clock_behind_s() as f64);
        for (name, what, signed) in [
            ("checkpoint", "the checkpoint", status.checkpoint),
            ("witnessed", "the witnessed checkpoint", status.witnessed),
        ] {
            let Some(signed) = signed else { continue };
            text.gauge(
                &format!("inforce_{name}_entries"),
                &format!("Entries that {what} was signed over."),
                signed.size as f64,
            );
            let name = format!("inforce_{name}_timestamp_seconds");
            text.time(&name, &format!("When {what} was written."), Some(signed.written));
        }
        text.gauge(
            "inforce_unsigned_entries",
            "Entries that no checkpoint was signed over yet.",
            status.unsigned() as f64,
        );
        let lag = status.entries.saturating_sub(status.leaves) as f64;
        text.gauge("inforce_tree_lag_entries", "Entries whose leaves are not in the tree's file yet.", lag);
        text.gauge("inforce_writer_locked", "1 if a process holds the lock.", f64::from(u8::from(status.is_written)));
        self.of_the_writer(&mut text);
        text.0
    }

    fn of_the_writer(&self, text: &mut Text) {
        if let Some(lag) = self.index_lag {
            text.gauge("inforce_index_lag_entries", "Entries that the index does not cover on disk yet.", lag as f64);
        }
        if let Some(poisoned) = self.poisoned {
            let help = "1 if a write failed and nothing more is appended.";
            text.gauge("inforce_writer_poisoned", help, f64::from(u8::from(poisoned)));
        }
        let Some(commits) = &self.commits else { return };
        text.head("inforce_commits_total", "counter", "Groups committed since the ledger was opened.");
        text.sample("inforce_commits_total", &[], commits.groups as f64);
        text.head("inforce_committed_entries_total", "counter", "Entries committed since the ledger was opened.");
        text.sample("inforce_committed_entries_total", &[], commits.entries as f64);
        let name = "inforce_commit_duration_seconds";
        text.head(name, "histogram", "From the first byte of a group to the return of its sync.");
        for (bound, count) in commits.latency.cumulated() {
            text.sample(&format!("{name}_bucket"), &[("le", &bound.to_string())], count as f64);
        }
        text.sample(&format!("{name}_bucket"), &[("le", "+Inf")], commits.latency.count as f64);
        text.sample(&format!("{name}_sum"), &[], commits.latency.sum.as_secs_f64());
        text.sample(&format!("{name}_count"), &[], commits.latency.count as f64);
        if let Some(last) = commits.last {
            text.gauge("inforce_last_commit_duration_seconds", "How long the last group took.", last.as_secs_f64());
        }
    }
}

struct Text(String);

impl Text {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        let escaped = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let labels: Vec<String> = labels.iter().map(|(key, text)| format!("{key}=\"{}\"", escaped(text))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.0, "{name}{labels} {value}");
    }

    fn gauge(&mut self, name: &str, help: &str, value: f64) {
        self.head(name, "gauge", help);
        self.sample(name, &[], value);
    }

    fn time(&mut self, name: &str, help: &str, at: Option<Instant>) {
        if let Some(at) = at {
            self.gauge(name, help, at.ms_floor() as f64 / 1000.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_counts_up_to_each_bound() {
        let mut histogram = Histogram::default();
        for us in [1, 100, 101, 9_999, 60_000_000] {
            histogram.note(Duration::from_micros(us));
        }
        let counts: Vec<u64> = histogram.cumulated().map(|(_, count)| count).collect();
        assert_eq!((counts[0], counts[1], counts[6], *counts.last().expect("bounds")), (2, 3, 4, 4));
        assert_eq!(histogram.count, 5);
    }
}
