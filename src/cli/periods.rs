//! `inforce periods`: when each rule was broken.

use super::as_of::AsOf;
use super::exit::{self, print_line};
use super::query::duration;
use super::within::Within;
use super::{CliError, Common, Exit, csv, table};
use crate::explain::clean;
use crate::ledger::{Ledger, Loaded};
use crate::query::{self, Asked, Dimension, Period, Periods as Gathering, row};
use crate::replay;
use crate::timeline::{NodeIx, World};
use serde_json::{Value, json};
use std::io::{self, BufWriter, Write};

/// Arguments of `inforce periods`.
#[derive(clap::Args)]
pub struct Periods {
    #[command(flatten)]
    common: Common,
    /// Rows for a spreadsheet, a header first. A cell that begins like a formula gets an apostrophe in front.
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// Only this rule; several are "or".
    #[arg(long = "rule", value_name = "ID")]
    rules: Vec<String>,
    /// Tell apart by: app, region, policy, advertiser, campaign.
    #[arg(long, value_name = "DIMENSIONS", value_delimiter = ',', value_parser = dimension)]
    by: Vec<Dimension>,
    /// Verdicts as they were `known`, or as they are known today (`true`).
    #[arg(long, value_name = "VIEW", default_value = "known", value_parser = ["known", "true"])]
    view: String,
    /// A period ends where more than so many days pass without another decision.
    #[arg(long, value_name = "DAYS", default_value_t = 7, value_parser = clap::value_parser!(u32).range(..=36_500))]
    gap: u32,
    /// Rules that need a person as well, not only those that deny.
    #[arg(long)]
    unproven: bool,
    #[command(flatten)]
    within: Within,
    #[command(flatten)]
    as_of: AsOf,
}

fn dimension(text: &str) -> Result<Dimension, String> {
    let names: Vec<&str> = Dimension::ALL.iter().map(|each| each.name()).collect();
    Dimension::parse(text).ok_or_else(|| format!("expected {}", names.join(", ")))
}

pub fn run(args: Periods) -> Result<Exit, CliError> {
    args.within.check()?;
    let ledger = Ledger::open_read_only(&args.common.ledger)?;
    let Loaded { world, bad, .. } = args.as_of.load(&ledger)?;
    if let Some(bad) = bad {
        anstream::eprintln!("the ledger was tampered with: entry {}: {}; no verdict is given", bad.seq, bad.what);
        return Ok(Exit::Broken);
    }
    let mut by = Vec::new();
    args.by.iter().for_each(|each| {
        if !by.contains(each) {
            by.push(*each)
        }
    });
    let asked = Asked {
        by: by.clone(),
        known: args.view == "known",
        gap_s: i64::from(args.gap) * 86_400,
        unproven: args.unproven,
    };
    let within = |&decision: &NodeIx| args.within.holds(world.node(decision).at.at);
    let decisions: Vec<NodeIx> = world.decisions().filter(within).collect();
    let mut gathering = Gathering::new(&world, asked);
    replay::replay(&world, &decisions, |_, judgement| row(&world, &judgement), |row| gathering.take(&row));
    let mut found = gathering.finish();
    found.retain(|period| args.rules.is_empty() || args.rules.contains(&period.rule));
    let mut out = BufWriter::new(io::stdout().lock());
    match (args.common.json, args.csv) {
        (true, _) => found.iter().try_for_each(|period| print_line(&mut out, to_json(&world, &by, period)))?,
        (_, true) => print_csv(&mut out, &world, &by, &found)?,
        _ => print(&mut out, &by, &found)?,
    }
    out.flush().map_err(exit::stdout)?;
    eprintln!("{} periods over {} decisions, a gap of {} days between two", found.len(), decisions.len(), args.gap);
    tell_unknown(&world, &args.rules);
    std::mem::forget(world);
    Ok(Exit::Done)
}

/// A misspelt rule was never broken: that is no answer.
pub(super) fn tell_unknown(world: &World, asked: &[String]) {
    for id in query::unknown(world, asked) {
        let mut known: Vec<&str> = query::rules(world).map(|rule| rule.id).collect();
        known.sort_unstable();
        known.dedup();
        anstream::eprintln!(
            "note: no policy here has a rule `{}`, nor has the judge: expected {}",
            clean(id),
            known.join(", ")
        );
    }
}

fn name(world: &World, seq: u64) -> Value {
    let name = world.locate(seq).and_then(|node| world.name_of(node));
    json!({ "seq": seq, "source": name.map(|it| it.0), "id": name.map(|it| it.1) })
}

fn to_json(world: &World, by: &[Dimension], period: &Period) -> Value {
    let mut object = json!({ "rule": period.rule, "outcome": if period.denies { "deny" } else { "indeterminate" } });
    for (dimension, value) in by.iter().zip(&period.by) {
        object[dimension.name()] = json!(value);
    }
    object["from"] = period.from.to_string().into();
    object["to"] = period.to.to_string().into();
    object["count"] = period.count.into();
    object["served"] = period.served.into();
    object["first"] = name(world, period.first);
    object["last"] = name(world, period.last);
    object["delay_s"] = period
        .delay
        .map_or(Value::Null, |delay| json!({ "least": delay.least_s, "median": delay.median_s, "most": delay.most_s }));
    object
}

fn heads(by: &[Dimension]) -> Vec<&'static str> {
    let dimensions = by.iter().map(|dimension| dimension.name());
    std::iter::once("rule").chain(dimensions).collect()
}

fn cells(by: &Period) -> Vec<String> {
    let values = by.by.iter().map(|value| value.clone().unwrap_or_default());
    std::iter::once(by.rule.clone()).chain(values).collect()
}

fn print_csv(out: &mut impl Write, world: &World, by: &[Dimension], found: &[Period]) -> Result<(), CliError> {
    let mut out = ::csv::Writer::from_writer(out);
    let rest = ["outcome", "from", "to", "count", "served", "first_seq", "first_id", "last_seq", "last_id"];
    let delays = ["delay_least_s", "delay_median_s", "delay_most_s"];
    csv::row(&mut out, heads(by).into_iter().chain(rest).chain(delays).map(str::to_owned))?;
    for period in found {
        let object = to_json(world, by, period);
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let cell = |value: &Value| if value.is_null() { String::new() } else { text(value) };
        let of = |key: &str| cell(&object[key]);
        let named = |key: &str| [cell(&object[key]["seq"]), cell(&object[key]["id"])];
        let delay = ["least", "median", "most"].map(|key| cell(&object["delay_s"][key]));
        let middle = ["outcome", "from", "to", "count", "served"].map(of);
        let all = cells(period).into_iter().chain(middle).chain(named("first")).chain(named("last")).chain(delay);
        csv::row(&mut out, all)?;
    }
    csv::end(out)
}

fn print(out: &mut impl Write, by: &[Dimension], found: &[Period]) -> Result<(), CliError> {
    if found.is_empty() {
        return Ok(());
    }
    let mut head = heads(by);
    head.extend(["from", "to", "broken", "served", "first", "last", "ignored for"]);
    let row = |period: &Period| {
        let delay = period.delay.map(|delay| match (duration(delay.least_s), duration(delay.most_s)) {
            (least, most) if least == most => least,
            (least, most) => format!("{least} to {most}"),
        });
        let mut row = cells(period);
        row.extend([
            period.from.to_string(),
            period.to.to_string(),
            period.count.to_string(),
            period.served.to_string(),
        ]);
        row.extend([format!("#{}", period.first), format!("#{}", period.last), delay.unwrap_or_default()]);
        row
    };
    let rows: Vec<Vec<String>> = found.iter().map(row).collect();
    table::print(out, &head, &rows, table::width())
}
