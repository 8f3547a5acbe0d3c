//! `inforce replay`: judges decisions again.

use super::as_of::AsOf;
use super::exit::{self, print_line};
use super::memory::Memory;
use super::within::Within;
use super::{CliError, Common, Exit, in_parts, rederive};
use crate::attested::Attestations;
use crate::judge::{Conformance, Integrity, Judgement};
use crate::ledger::{Ledger, Loaded, Problem};
use crate::replay::{self, Summary};
use crate::timeline::{NodeIx, World};
use std::io::{self, BufWriter, Write};
use std::time::Duration;

/// Arguments of `inforce replay`.
#[derive(clap::Args)]
pub struct Replay {
    #[command(flatten)]
    pub(super) common: Common,
    /// Every decision.
    #[arg(long, conflicts_with = "decisions", required_unless_present = "decisions")]
    all: bool,
    #[command(flatten)]
    within: Within,
    /// Judge as if this version had always been in force: a policy of the ledger, or `PACK@built-in`.
    #[arg(long, value_name = "P@V")]
    pub(super) pack: Option<String>,
    /// Run the reference deriver again over all stored content, after the decisions, and report every label and signal of
    /// its own that does not come out the same (with `--json` as `{"rederived": …}`).
    #[arg(long)]
    rederive: bool,
    #[command(flatten)]
    pub(super) as_of: AsOf,
    #[command(flatten)]
    pub(super) memory: Memory,
    /// Ids of decisions, or `SOURCE ID` in one argument where an id is not unique.
    #[arg(value_name = "DECISION_ID")]
    pub(super) decisions: Vec<String>,
}

/// What a replay came to.
pub(super) struct Outcome {
    pub summary: Summary,
    pub bad: Option<Problem>,
    /// How long reading and checking took, and judging.
    pub took: [Duration; 2],
}

pub fn run(args: Replay) -> Result<Exit, CliError> {
    args.within.check()?;
    let ledger = Ledger::open_read_only(&args.common.ledger)?;
    let mut out = BufWriter::new(io::stdout().lock());
    let fits = args.memory.holds(&ledger)?;
    let outcome = if fits { whole(&args, &ledger, &mut out)? } else { in_parts::run(&args, &ledger, &mut out)? };
    out.flush().map_err(exit::stdout)?;
    let Outcome { summary, bad, took: [read_in, judged_in] } = outcome;
    tell(&summary, bad.as_ref());
    let rate = summary.decisions as f64 / judged_in.as_secs_f64();
    eprintln!(
        "read and checked in {:.2} s, judged in {:.2} s ({rate:.0} a second)",
        read_in.as_secs_f64(),
        judged_in.as_secs_f64()
    );
    // Of a ledger that was tampered with nothing is derived again either.
    let differs = args.rederive && bad.is_none() && rederive::run(&ledger, args.common.json, &mut out)?;
    Ok(match summary {
        _ if bad.is_some() || differs || summary.is_broken() => Exit::Broken,
        _ if summary.is_unproven() => Exit::Unproven,
        _ => Exit::Done,
    })
}

/// Judges a ledger that fits into memory.
fn whole(args: &Replay, ledger: &Ledger, out: &mut impl Write) -> Result<Outcome, CliError> {
    let start = std::time::Instant::now();
    let Loaded { mut world, attested, bad, .. } = args.as_of.load(ledger)?;
    let read_in = start.elapsed();
    if let Some(pack) = &args.pack {
        world.judge_by(pack).map_err(CliError::Usage)?;
    }
    let mut decisions = match (chosen(&world, &args.decisions), &bad) {
        // The decision may stand behind the damage: that is what there is to say, not that there is no such decision.
        (Err(_), Some(_)) => Vec::new(),
        (chosen, _) => chosen?,
    };
    decisions.retain(|&decision| args.is_asked(&world, decision));
    let start = std::time::Instant::now();
    let summary = match &bad {
        Some(problem) => report_tampered(&world, &decisions, problem, args.common.json, out)?,
        None => judge_all(&world, &attested, &decisions, args.common.json, out)?,
    };
    let took = [read_in, start.elapsed()];
    // The process ends soon: taking the world apart, string by string, would only cost time.
    std::mem::forget(world);
    Ok(Outcome { summary, bad, took })
}

impl Replay {
    /// True if the decision was made in the time asked for.
    pub(super) fn is_asked(&self, world: &World, decision: NodeIx) -> bool {
        self.within.holds(world.node(decision).at.at)
    }
}

/// One verdict, in place of what stood in `line`, without the end of the line.
pub(super) fn write_verdict(
    world: &World,
    judgement: &Judgement,
    attested: &Attestations,
    json: bool,
    line: &mut Vec<u8>,
) {
    line.clear();
    if json {
        replay::write_attested_line(world, judgement, attested, line);
    } else {
        line.extend_from_slice(brief(world, judgement, attested).as_bytes());
    }
}

/// What stands in place of a verdict where something is not what was recorded.
pub(super) fn tampered_line(world: &World, decision: NodeIx, bad: &Problem, json: bool) -> String {
    if json {
        replay::tampered(world, decision, bad.seq, &bad.what).to_string()
    } else {
        format!("tampered      no verdict: entry {} is bad: {}", bad.seq, bad.what)
    }
}

fn judge_all(
    world: &World,
    attested: &Attestations,
    decisions: &[NodeIx],
    json: bool,
    out: &mut impl Write,
) -> Result<Summary, CliError> {
    let mut summary = Summary::default();
    let mut printed = Ok(());
    let map = |world: &World, judgement| {
        let mut line = Vec::with_capacity(512);
        write_verdict(world, &judgement, attested, json, &mut line);
        line.push(b'\n');
        (judgement, line)
    };
    replay::replay(world, decisions, map, |(judgement, line)| {
        summary.count(&judgement);
        if printed.is_ok() {
            printed = out.write_all(&line).map_err(exit::stdout);
        }
    });
    printed.map(|()| summary)
}

/// One line for people.
fn brief(world: &World, judgement: &Judgement, attested: &Attestations) -> String {
    let object = replay::to_json(world, judgement);
    let name =
        object["decision"]["id"].as_str().map_or_else(|| format!("entry {}", object["decision"]["seq"]), str::to_owned);
    let mut rules: Vec<&str> =
        object["known"]["rules"].as_array().into_iter().flatten().filter_map(|rule| rule["id"].as_str()).collect();
    rules.dedup();
    let verdicts = format!("{} / {}", judgement.known.verdict.name(), judgement.today.verdict.name());
    let line = format!("{:<13} {:<31} {name}  {}", judgement.conformance.name(), verdicts, rules.join(", "));
    let on_record = attested.of(world.node(judgement.decision).seq).next_back();
    match on_record.filter(|_| judgement.integrity != Integrity::Ok) {
        Some(last) => format!("{}  (attested: {})", line.trim_end(), last.conformance.name()),
        None => line.trim_end().to_owned(),
    }
}

fn report_tampered(
    world: &World,
    decisions: &[NodeIx],
    bad: &Problem,
    json: bool,
    out: &mut impl Write,
) -> Result<Summary, CliError> {
    let mut summary = Summary::default();
    for &decision in decisions {
        summary.count_tampered();
        print_line(out, tampered_line(world, decision, bad, json))?;
    }
    Ok(summary)
}

fn tell(summary: &Summary, bad: Option<&Problem>) {
    if let Some(bad) = bad {
        eprintln!("the ledger was tampered with: entry {}: {}; no verdict is given", bad.seq, bad.what);
    }
    let counts = Conformance::ALL.iter().filter(|&&each| summary.of(each) > 0);
    let counts: Vec<String> = counts.map(|&each| format!("{} {}", summary.of(each), each.name())).collect();
    eprintln!(
        "{} decisions: {}",
        summary.decisions,
        if counts.is_empty() { "nothing judged".to_owned() } else { counts.join(", ") }
    );
}

/// The decisions that are named, in seq order; all of them if none is.
fn chosen(world: &World, names: &[String]) -> Result<Vec<NodeIx>, CliError> {
    let mut named = Vec::new();
    let found = in_parts::asked(world, names, &mut named);
    in_parts::expect_each_once(names, std::iter::once(&named[..]))?;
    Ok(found)
}

/// The decision of that id, of `SOURCE ID`, or of `#SEQ`.
pub(super) fn find(world: &World, name: &str) -> Result<NodeIx, CliError> {
    only(name, &matching(world, name))
}

/// Every decision of that name.
pub(super) fn matching(world: &World, name: &str) -> Vec<NodeIx> {
    let seq = name.strip_prefix('#').and_then(|seq| seq.parse().ok());
    let is_named = |(source, id): (&str, &str)| {
        id == name || name.strip_prefix(source).and_then(|rest| rest.strip_prefix(' ')) == Some(id)
    };
    let matches = |node: NodeIx| Some(world.node(node).seq) == seq || world.name_of(node).is_some_and(is_named);
    world.decisions().filter(|&node| matches(node)).collect()
}

/// The one decision of that name.
pub(super) fn only<T: Copy>(name: &str, found: &[T]) -> Result<T, CliError> {
    match *found {
        [one] => Ok(one),
        [] => Err(CliError::Failed(format!(
            "no decision `{name}`: expected the id of a decision, `SOURCE ID`, or `#SEQ`"
        ))),
        _ => {
            Err(CliError::Usage(format!("`{name}` is the id of {} decisions: say `SOURCE ID`, or `#SEQ`", found.len())))
        }
    }
}
