//! Runs made one, a piece at a time, so that no append waits for the whole of it.

use super::page::Range;
use super::run::{Meta, Run};
use super::write::RunWriter;
use std::io;
use std::ops;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Runs of one size before they are merged; a size is so many times the one below.
const FAN: usize = 3;

/// Which of the runs are to be merged next, by how many entries each has: the smallest of one size, if there are enough of them.
/// A run of `least` entries or fewer is of the smallest size.
pub fn due(lens: &[u64], least: u64) -> Option<ops::Range<usize>> {
    // A run counts as no smaller than any behind it: so those of one size stand together.
    let mut sizes = Vec::with_capacity(lens.len());
    for len in lens.iter().rev() {
        let size = (len / least).max(1).ilog(FAN as u64);
        sizes.push(size.max(sizes.last().copied().unwrap_or(0)));
    }
    let mut start = 0;
    for same in sizes.chunk_by(|a, b| a == b) {
        if same.len() >= FAN {
            let behind = lens.len() - start;
            return Some(behind - same.len()..behind);
        }
        start += same.len();
    }
    None
}

/// Runs that follow each other, on their way into one.
pub struct Merge {
    inputs: Vec<Input>,
    /// The next key of each of them.
    keys: Vec<u64>,
    out: RunWriter,
    meta: Meta,
    /// Pages of locations that are still to be taken: of which input, from which page.
    locations: Option<(usize, u64)>,
}

struct Input {
    run: Arc<Run>,
    next_page: u64,
    /// Postings of the page in hand, and the place of the next one.
    held: Vec<(u64, u64)>,
    next: usize,
}

impl Input {
    fn new(run: &Arc<Run>) -> io::Result<Input> {
        let mut input = Input { run: run.clone(), next_page: 0, held: Vec::new(), next: 0 };
        input.fill()?;
        Ok(input)
    }

    /// The key of the next posting; behind the last one more than any key.
    fn key(&self) -> u64 {
        self.held.get(self.next).map_or(u64::MAX, |&(key, _)| key)
    }

    /// Hands out what it holds of its next key, but no more than `most` postings; returns how many those are.
    fn hand_out(&mut self, most: usize, mut take: impl FnMut(u64, u64) -> io::Result<()>) -> io::Result<usize> {
        let (key, rest) = (self.key(), &self.held[self.next..]);
        let same = rest.iter().take(most).take_while(|posting| posting.0 == key).count();
        rest[..same].iter().try_for_each(|&(key, seq)| take(key, seq))?;
        self.next += same;
        if self.next == self.held.len() {
            self.fill()?;
        }
        Ok(same)
    }

    fn fill(&mut self) -> io::Result<()> {
        self.held.clear();
        self.next = 0;
        while self.held.is_empty() && self.next_page < self.run.pages() {
            let held = &mut self.held;
            self.run.postings(self.next_page, |key, seq| {
                held.push((key, seq));
                true
            })?;
            self.next_page += 1;
        }
        Ok(())
    }
}

impl Merge {
    /// Begins to make one of `runs` in the folder `dir`.
    pub fn new(dir: &Path, runs: &[Arc<Run>]) -> io::Result<Merge> {
        let (first, last) = (&runs[0].meta, &runs[runs.len() - 1].meta);
        let range = Range { first: first.range.first, end: last.range.end };
        let purged = runs.iter().map(|run| run.meta.purged).min().unwrap_or(0);
        let inputs = runs.iter().map(Input::new).collect::<io::Result<Vec<Input>>>()?;
        let keys = inputs.iter().map(Input::key).collect();
        let of_half = |half: usize| runs.iter().map(|run| run.keys()[half]).sum();
        let out = RunWriter::new(dir, range, [0, 1].map(of_half))?;
        Ok(Merge { inputs, keys, out, meta: Meta { range, purged, ..last.clone() }, locations: None })
    }

    /// Where it begins: runs are taken out by it.
    pub fn range(&self) -> Range {
        self.meta.range
    }

    /// Goes on for about so many postings. True once nothing is left.
    pub fn step(&mut self, postings: usize) -> io::Result<bool> {
        let mut left = postings;
        while self.locations.is_none() {
            if left == 0 {
                return Ok(false);
            }
            left -= self.postings(left)?;
        }
        while let Some((input, page)) = self.locations {
            let Some(run) = self.inputs.get(input).map(|input| input.run.clone()) else { return Ok(true) };
            if page == run.location_pages() {
                self.locations = Some((input + 1, 0));
                continue;
            }
            if left == 0 {
                return Ok(false);
            }
            // A page of them costs about as much as so many postings.
            left = left.saturating_sub(256);
            let (first, held) = run.location_page(page)?;
            self.out.location_page(first, held)?;
            self.locations = Some((input, page + 1));
        }
        Ok(true)
    }

    /// Takes postings of the next key, `most` or fewer; returns how many.
    fn postings(&mut self, most: usize) -> io::Result<usize> {
        // Of equal keys the earlier run's comes first: its seqs are lower.
        let least = |least: usize, at: usize| if self.keys[at] < self.keys[least] { at } else { least };
        let at = (1..self.keys.len()).fold(0, least);
        if self.keys[at] == u64::MAX {
            self.locations = Some((0, 0));
            return self.out.end_postings().map(|()| 0);
        }
        let taken = self.inputs[at].hand_out(most, |key, seq| self.out.posting(key, seq))?;
        self.keys[at] = self.inputs[at].key();
        Ok(taken)
    }

    /// Ends it; the run stands under its name then.
    pub fn finish(self) -> io::Result<PathBuf> {
        self.out.finish(&self.meta)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::{PACE, RUN};

    /// Counted over the second ten million entries, in pieces of a run: how many runs there are on average, and how many
    /// postings are merged for each that is added. docs/decisions.md tells both.
    #[test]
    fn a_look_up_asks_few_runs_and_little_is_merged() {
        let (mut runs, mut merging, piece) = (Vec::new(), None::<(ops::Range<usize>, u64)>, RUN / 64);
        let (mut asked, mut merged, mut pieces) = (0, 0, 0);
        for added in (0..20_000_000).step_by(piece as usize) {
            if let Some((due, left)) = &mut merging {
                merged += if added < 10_000_000 { 0 } else { (*left).min(PACE as u64 * piece) };
                *left = left.saturating_sub(PACE as u64 * piece);
                if *left == 0 {
                    let len = runs[due.clone()].iter().sum();
                    runs.splice(due.clone(), [len]);
                    merging = None;
                }
            }
            if added % RUN == 0 && added > 0 {
                runs.push(RUN);
            }
            if merging.is_none() {
                merging = due(&runs, RUN / 1024).map(|due| (due.clone(), runs[due].iter().sum()));
            }
            if added >= 10_000_000 {
                (asked, pieces) = (asked + runs.len(), pieces + 1);
            }
        }
        let (asked, merged) = (asked as f64 / f64::from(pieces), merged as f64 / 1e7);
        assert!(asked < 5.5 && merged < 3.0, "{asked:.1} runs, merged {merged:.1} times");
    }
}
