//! Runs made one, a piece at a time, so that no append waits for the whole of it.

use super::page::Range;
use super::run::{Meta, Run};
use super::write::RunWriter;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
        let lower = |least: usize, at: usize| if self.keys[at] < self.keys[least] { at } else { least };
        let at = (1..self.keys.len()).fold(0, lower);
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
