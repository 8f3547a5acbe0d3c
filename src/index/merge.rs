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
    out: RunWriter,
    meta: Meta,
    /// Pages of locations that are still to be taken: of which input, from which page.
    locations: Option<(usize, u64)>,
}

struct Input {
    run: Arc<Run>,
    next_page: u64,
    /// Postings of the page in hand, the next one last.
    held: Vec<(u64, u64)>,
}

impl Input {
    fn fill(&mut self) -> io::Result<()> {
        while self.held.is_empty() && self.next_page < self.run.pages() {
            let held = &mut self.held;
            self.run.postings(self.next_page, |key, seq| {
                held.push((key, seq));
                true
            })?;
            held.reverse();
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
        let inputs = runs.iter().map(|run| Input { run: run.clone(), next_page: 0, held: Vec::new() });
        let mut inputs: Vec<Input> = inputs.collect();
        inputs.iter_mut().try_for_each(Input::fill)?;
        let out = RunWriter::new(dir, range, runs.iter().map(|run| run.keys()).sum())?;
        Ok(Merge { inputs, out, meta: Meta { range, purged, ..last.clone() }, locations: None })
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
            left -= 1;
            self.posting()?;
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

    fn posting(&mut self) -> io::Result<()> {
        let heads = self.inputs.iter().enumerate().filter_map(|(at, input)| Some((input.held.last()?.0, at)));
        // Of equal keys the earlier run's comes first: its seqs are lower.
        let Some((_, at)) = heads.min() else {
            self.locations = Some((0, 0));
            return self.out.end_postings();
        };
        let input = &mut self.inputs[at];
        let (key, seq) = input.held.pop().expect("it has one");
        if input.held.is_empty() {
            input.fill()?;
        }
        self.out.posting(key, seq)
    }

    /// Ends it; the run stands under its name then.
    pub fn finish(self) -> io::Result<PathBuf> {
        self.out.finish(&self.meta)
    }
}
