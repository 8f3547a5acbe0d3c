//! `inforce replay`: judges decisions again.

use super::as_of::AsOf;
use super::exit::print_line;
use super::{CliError, Common, Exit, rederive};
use crate::attested::Attestations;
use crate::fact::{Instant, Time};
use crate::judge::{Conformance, Integrity, Judgement};
use crate::ledger::{Ledger, Loaded, Problem};
use crate::replay::{self, Summary};
use crate::timeline::{NodeIx, World};
use std::io::{self, BufWriter, Write};

/// Arguments of `inforce replay`.
#[derive(clap::Args)]
pub struct Replay {
    #[command(flatten)]
    common: Common,
    /// Every decision.
    #[arg(long, conflicts_with = "decisions", required_unless_present = "decisions")]
    all: bool,
    /// Only decisions made at or after this time (RFC 3339).
    #[arg(long, value_name = "T", value_parser = instant)]
    since: Option<Instant>,
    /// Only decisions made before this time (RFC 3339).
    #[arg(long, value_name = "T", value_parser = instant)]
    until: Option<Instant>,
    /// Judge as if this version had always been in force: a policy of the ledger, or `PACK@built-in`.
    #[arg(long, value_name = "P@V")]
    pack: Option<String>,
    /// Run the reference deriver again over all stored content, after the decisions, and report every label and signal of
    /// its own that does not come out the same (with `--json` as `{"rederived": …}`).
    #[arg(long)]
    rederive: bool,
    #[command(flatten)]
    as_of: AsOf,
    /// Ids of decisions, or `SOURCE ID` in one argument where an id is not unique.
    #[arg(value_name = "DECISION_ID")]
    decisions: Vec<String>,
}

pub(super) fn instant(text: &str) -> Result<Instant, String> {
    Time::parse(text).map(|time| time.at).map_err(|error| error.to_string())
}

pub fn run(args: Replay) -> Result<Exit, CliError> {
    let ledger = Ledger::open_read_only(&args.common.ledger)?;
    let start = std::time::Instant::now();
    let Loaded { mut world, attested, bad, .. } = args.as_of.load(&ledger)?;
    let read_in = start.elapsed();
    if let Some(pack) = &args.pack {
        world.judge_by(pack).map_err(CliError::Usage)?;
    }
    let mut decisions = match (chosen(&world, &args.decisions), &bad) {
        // The decision may stand behind the damage: that is what there is to say, not that there is no such decision.
        (Err(_), Some(_)) => Vec::new(),
        (chosen, _) => chosen?,
    };
    decisions.retain(|&decision| {
        let at = world.node(decision).at.at;
        args.since.is_none_or(|since| at >= since) && args.until.is_none_or(|until| at < until)
    });
    let mut out = BufWriter::new(io::stdout().lock());
    let start = std::time::Instant::now();
    let summary = match &bad {
        Some(problem) => report_tampered(&world, &decisions, problem, args.common.json, &mut out)?,
        None => judge_all(&world, &attested, &decisions, args.common.json, &mut out)?,
    };
    out.flush().map_err(CliError::Stdout)?;
    tell(&summary, bad.as_ref());
    let judged_in = start.elapsed();
    let rate = summary.decisions as f64 / judged_in.as_secs_f64();
    eprintln!(
        "read and checked in {:.2} s, judged in {:.2} s ({rate:.0} a second)",
        read_in.as_secs_f64(),
        judged_in.as_secs_f64()
    );
    // Of a ledger that was tampered with nothing is derived again either.
    let differs = args.rederive && bad.is_none() && rederive::run(&ledger, args.common.json, &mut out)?;
    // The process ends here: taking the world apart, string by string, would only cost time.
    std::mem::forget(world);
    Ok(match summary {
        _ if bad.is_some() || differs || summary.is_broken() => Exit::Broken,
        _ if summary.is_unproven() => Exit::Unproven,
        _ => Exit::Done,
    })
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
        let line =
            if json { replay::attested_line(world, &judgement, attested) } else { brief(world, &judgement, attested) };
        (judgement, line)
    };
    replay::replay(world, decisions, map, |(judgement, line)| {
        summary.count(&judgement);
        if printed.is_ok() {
            printed = print_line(out, line);
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
        let object = replay::tampered(world, decision, bad.seq, &bad.what);
        let line = if json {
            object.to_string()
        } else {
            format!("tampered      no verdict: entry {} is bad: {}", bad.seq, bad.what)
        };
        print_line(out, line)?;
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
pub(super) fn chosen(world: &World, names: &[String]) -> Result<Vec<NodeIx>, CliError> {
    if names.is_empty() {
        return Ok(world.decisions().collect());
    }
    let mut found: Vec<NodeIx> = names.iter().map(|name| find(world, name)).collect::<Result<_, _>>()?;
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// The decision of that id, of `SOURCE ID`, or of `#SEQ`.
pub(super) fn find(world: &World, name: &str) -> Result<NodeIx, CliError> {
    let matches = |node: NodeIx| {
        let by_seq = name.strip_prefix('#').is_some_and(|seq| seq.parse() == Ok(world.node(node).seq));
        by_seq || world.name(node).is_some_and(|fact| fact.id == name || fact.to_string() == name)
    };
    let found: Vec<NodeIx> = world.decisions().filter(|&node| matches(node)).collect();
    only(name, &found)
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
