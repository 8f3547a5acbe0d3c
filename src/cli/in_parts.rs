//! A replay of a ledger that does not fit into memory: part by part, on every core, told in the order of seq; and what was
//! asked for by name, for whatever judges in parts.
//!
//! Verdicts of a part come out in order; they are put aside with the facts, and merged once every part was judged. Nothing
//! is printed before, so what is wrong with the question is told instead of an answer, not after half of one.

use super::replay::{Outcome, Replay, matching, only, tampered_line, write_verdict};
use super::{CliError, exit};
use crate::attested::Attestations;
use crate::judge::{self, Ask, Memos};
use crate::ledger::{Ledger, LedgerError, Parts, scratch};
use crate::replay::Summary;
use crate::spill::{self, Merged, Pile, Run, Spill};
use crate::timeline::{NodeIx, World};
use std::io::{self, Write};
use std::ops::RangeInclusive;
use std::time::Instant;

/// Threads that gather lines at the most: each reads a piece of every part at a time.
const GATHERING: usize = 4;
/// The part of the memory of a replay that lines take which were gathered: as many are written meanwhile.
const TOLD: u64 = 8;

/// What came of one part.
#[derive(Default)]
struct Judged {
    summary: Summary,
    /// Lines by the seq of their decisions, ascending.
    lines: Pile,
    /// How many decisions of the part have each name that was asked for.
    named: Vec<usize>,
}

pub fn run(args: &Replay, ledger: &Ledger, out: &mut impl Write) -> Result<Outcome, CliError> {
    let start = Instant::now();
    let parts = args.as_of.load_parts(ledger, args.memory.part_len())?;
    let read_in = start.elapsed();
    let start = Instant::now();
    let judged = parts.each(|world, attested| judge_part(args, &parts, world, &attested))?;
    match expect_each_once(&args.decisions, judged.iter().map(|part| &part.named[..])) {
        // The decision may stand behind the damage: that is what there is to say, not that there is no such decision.
        Err(_) if parts.bad.is_some() => {
            return Ok(Outcome { summary: Summary::default(), bad: parts.bad, took: [read_in, start.elapsed()] });
        }
        other => other?,
    }
    let mut summary = Summary::default();
    judged.iter().for_each(|part| summary.add(&part.summary));
    let piles: Vec<&Pile> = judged.iter().map(|part| &part.lines).collect();
    merge(parts.spill(), &piles, args.memory.bytes() / TOLD, out)?;
    Ok(Outcome { summary, bad: parts.bad, took: [read_in, start.elapsed()] })
}

fn judge_part(args: &Replay, parts: &Parts, mut world: World, attested: &Attestations) -> Result<Judged, CliError> {
    if let Some(pack) = &args.pack {
        world.judge_by(pack).map_err(CliError::Usage)?;
    }
    let (mut judged, mut memos, mut line) = (Judged::default(), Memos::default(), Vec::new());
    let mut decisions = asked(&world, &args.decisions, &mut judged.named);
    decisions.retain(|&decision| args.is_asked(&world, decision));
    for decision in decisions {
        match &parts.bad {
            Some(bad) => {
                judged.summary.count_tampered();
                line = tampered_line(&world, decision, bad, args.common.json).into_bytes();
            }
            None => {
                let judgement = judge::judge(&world, decision, &mut Ask::Memo(&mut memos));
                judged.summary.count(&judgement);
                write_verdict(&world, &judgement, attested, args.common.json, &mut line);
            }
        }
        judged.lines.push(parts.spill(), world.node(decision).seq, &line).map_err(put_aside)?;
    }
    judged.lines.settle(parts.spill()).map_err(put_aside)?;
    Ok(judged)
}

/// The decisions of a part that are named, ascending; all of them if none is. Notes how many have each name.
pub(super) fn asked(world: &World, names: &[String], named: &mut Vec<usize>) -> Vec<NodeIx> {
    if names.is_empty() {
        return world.decisions().collect();
    }
    let mut decisions = Vec::new();
    for name in names {
        let found = matching(world, name);
        named.push(found.len());
        decisions.extend(found);
    }
    decisions.sort_unstable();
    decisions.dedup();
    decisions
}

/// Fails unless each name is that of one decision; `named` is how many there are of each in every part.
pub(super) fn expect_each_once<'a>(
    names: &[String],
    named: impl Iterator<Item = &'a [usize]> + Clone,
) -> Result<(), CliError> {
    names.iter().enumerate().try_for_each(|(number, name)| {
        let found = named.clone().map(|part| part[number]).sum();
        only(name, &vec![(); found])
    })
}

/// Prints what stands on piles that ascend in seq, in the order of seq: of some ranges of seqs the lines are gathered, each on
/// a thread, while those of the ranges before are written: about `room` bytes of them, and as many that are written.
fn merge(spill: &Spill, piles: &[&Pile], room: u64, out: &mut impl Write) -> Result<(), CliError> {
    let at_once = 2 * rayon::current_num_threads().min(GATHERING);
    let pieces = (room as usize / spill::PIECE / at_once).max(1);
    let (mut full, mut empty) = (Vec::new(), Vec::new());
    for ranges in spill::ranges(piles, pieces).chunks(at_once) {
        let mut told: Vec<(Vec<u8>, io::Result<()>)> =
            ranges.iter().map(|_| (empty.pop().unwrap_or_default(), Ok(()))).collect();
        rayon::in_place_scope(|scope| {
            for (seqs, (lines, done)) in ranges.iter().zip(&mut told) {
                scope.spawn(|_| *done = gather(spill, piles, seqs.clone(), lines));
            }
            write_all(&full, out)
        })?;
        empty.append(&mut full);
        for (lines, done) in told {
            done.map_err(put_aside)?;
            full.push(lines);
        }
    }
    write_all(&full, out)
}

/// Puts the lines of these seqs in place of what stood in `lines`.
fn gather(spill: &Spill, piles: &[&Pile], seqs: RangeInclusive<u64>, lines: &mut Vec<u8>) -> io::Result<()> {
    lines.clear();
    let runs = piles.iter().map(|pile| Run::within(pile, spill, seqs.clone()));
    let mut merged = Merged::new(runs.collect())?;
    while let Some((_, _, line)) = merged.take()? {
        lines.extend_from_slice(line);
        lines.push(b'\n');
    }
    Ok(())
}

fn write_all(lines: &[Vec<u8>], out: &mut impl Write) -> Result<(), CliError> {
    lines.iter().try_for_each(|lines| out.write_all(lines)).map_err(exit::stdout)
}

fn put_aside(error: io::Error) -> CliError {
    LedgerError::into(scratch(error))
}
