//! `inforce periods`: when each rule was broken.

use super::as_of::AsOf;
use super::exit::{self, print_line};
use super::memory::Memory;
use super::query::duration;
use super::within::Within;
use super::{CliError, Common, Exit, csv, table};
use crate::explain::clean;
use crate::fact::FactId;
use crate::judge::{self, Ask, Memos};
use crate::ledger::Ledger;
use crate::query::{self, Asked, Dimension, Period, Periods as Gathering, row};
use crate::timeline::World;
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
    #[command(flatten)]
    memory: Memory,
}

fn dimension(text: &str) -> Result<Dimension, String> {
    let names: Vec<&str> = Dimension::ALL.iter().map(|each| each.name()).collect();
    Dimension::parse(text).ok_or_else(|| format!("expected {}", names.join(", ")))
}

pub fn run(args: Periods) -> Result<Exit, CliError> {
    args.within.check()?;
    let ledger = Ledger::open_read_only(&args.common.ledger)?;
    let parts = args.as_of.load_parts(&ledger, args.memory.part_len())?;
    if let Some(bad) = &parts.bad {
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
    let (mut gathering, mut decisions) = (Gathering::new(asked.clone()), 0);
    let of_parts = parts.each(|world, _| Ok::<_, CliError>(gather(&world, &asked, args.within)))?;
    for (gathered, judged) in of_parts {
        gathering.add(gathered);
        decisions += judged;
    }
    let mut found = gathering.finish();
    found.retain(|period| args.rules.is_empty() || args.rules.contains(&period.rule));
    let mut out = BufWriter::new(io::stdout().lock());
    match (args.common.json, args.csv) {
        (true, _) => found.iter().try_for_each(|period| print_line(&mut out, to_json(&by, period)))?,
        (_, true) => print_csv(&mut out, &by, &found)?,
        _ => print(&mut out, &by, &found)?,
    }
    out.flush().map_err(exit::stdout)?;
    eprintln!("{} periods over {} decisions, a gap of {} days between two", found.len(), decisions, args.gap);
    if !args.rules.is_empty() {
        tell_unknown(&parts.policies(), &args.rules);
    }
    Ok(Exit::Done)
}

/// Judges the decisions of a part, and tells how many there are.
fn gather(world: &World, asked: &Asked, within: Within) -> (Gathering, usize) {
    let (mut gathering, mut memos, mut judged) = (Gathering::new(asked.clone()), Memos::default(), 0);
    for decision in world.decisions().filter(|&each| within.holds(world.node(each).at.at)) {
        let judgement = judge::judge(world, decision, &mut Ask::Memo(&mut memos));
        gathering.take(world, &row(world, &judgement));
        judged += 1;
    }
    gathering.settle(world);
    (gathering, judged)
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

fn name(seq: u64, name: Option<&FactId>) -> Value {
    json!({ "seq": seq, "source": name.map(|it| &it.source), "id": name.map(|it| &it.id) })
}

fn to_json(by: &[Dimension], period: &Period) -> Value {
    let mut object = json!({ "rule": period.rule, "outcome": if period.denies { "deny" } else { "indeterminate" } });
    for (dimension, value) in by.iter().zip(&period.by) {
        object[dimension.name()] = json!(value);
    }
    object["from"] = period.from.to_string().into();
    object["to"] = period.to.to_string().into();
    object["count"] = period.count.into();
    object["served"] = period.served.into();
    object["first"] = name(period.first, period.first_name.as_ref());
    object["last"] = name(period.last, period.last_name.as_ref());
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

fn print_csv(out: &mut impl Write, by: &[Dimension], found: &[Period]) -> Result<(), CliError> {
    let mut out = ::csv::Writer::from_writer(out);
    let rest = ["outcome", "from", "to", "count", "served", "first_seq", "first_id", "last_seq", "last_id"];
    let delays = ["delay_least_s", "delay_median_s", "delay_most_s"];
    csv::row(&mut out, heads(by).into_iter().chain(rest).chain(delays).map(str::to_owned))?;
    for period in found {
        let object = to_json(by, period);
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
