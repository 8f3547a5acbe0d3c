//! `inforce whatif`: every decision judged by another policy, beside what was said under those in force.

use super::as_of::AsOf;
use super::exit::print_line;
use super::memory::Memory;
use super::policy::{param, role};
use super::within::Within;
use super::{CliError, Common, Exit, table};
use crate::fact::{Conformance, Instant, PolicyAdopted, Role, Time, Verdict};
use crate::ledger::Ledger;
use crate::policy::{self, Pack};
use crate::query::{self, Change, Example, WhatIf as Found};
use crate::timeline::{NodeIx, World};
use serde_json::{Map, Value, json};
use std::io::Write;
use std::path::PathBuf;

/// Arguments of `inforce whatif`.
#[derive(clap::Args)]
pub struct WhatIf {
    #[command(flatten)]
    common: Common,
    /// A version of a policy of the ledger, or a built-in pack: `PACK`, or `PACK@built-in`.
    #[arg(long, value_name = "P@V", required_unless_present = "policy")]
    pack: Option<String>,
    /// A file with Cedar text of your own.
    #[arg(long, value_name = "FILE", conflicts_with = "pack")]
    policy: Option<PathBuf>,
    /// Override a param of the text or the built-in pack, the value in JSON or plain.
    #[arg(long = "param", value_name = "KEY=VALUE", value_parser = param)]
    params: Vec<(String, Value)>,
    /// The text's role: `platform` stands in place of every platform policy, `overlay` beside them.
    #[arg(long, value_name = "ROLE", value_parser = role, conflicts_with = "pack")]
    role: Option<Role>,
    #[command(flatten)]
    within: Within,
    /// So many examples of each change of verdict.
    #[arg(long, value_name = "N", default_value_t = 3)]
    examples: usize,
    #[command(flatten)]
    as_of: AsOf,
    #[command(flatten)]
    memory: Memory,
}

/// Said wherever it is printed.
const NOTE: &str = "hypothetical: nothing of this is a verdict on record";

pub fn run(args: WhatIf) -> Result<Exit, CliError> {
    args.within.check()?;
    let other = other(&args)?;
    let ledger = Ledger::open_read_only(&args.common.ledger)?;
    let start = std::time::Instant::now();
    let parts = args.as_of.load_parts(&ledger, args.memory.part_len())?;
    if let Some(bad) = &parts.bad {
        anstream::eprintln!("the ledger was tampered with: entry {}: {}; no verdict is given", bad.seq, bad.what);
        return Ok(Exit::Broken);
    }
    let read_in = start.elapsed();
    let start = std::time::Instant::now();
    let mut found = Found::default();
    let compared = parts.each(|world, _| compare(&args, &other, world))?;
    compared.into_iter().for_each(|part| found.add(part, args.examples));
    let judged_in = start.elapsed();
    let mut out = std::io::stdout().lock();
    match args.common.json {
        true => print_line(&mut out, to_json(other.name(), &found))?,
        false => print(&mut out, other.name(), &found)?,
    }
    eprintln!(
        "read and checked in {:.2} s, judged twice in {:.2} s ({:.0} verdicts a second)",
        read_in.as_secs_f64(),
        judged_in.as_secs_f64(),
        2.0 * found.decisions as f64 / judged_in.as_secs_f64()
    );
    Ok(Exit::Done)
}

/// Judges the decisions of a part by what was in force, and by the other policy.
fn compare(args: &WhatIf, other: &Other, mut world: World) -> Result<Found, CliError> {
    let within = |&decision: &NodeIx| args.within.holds(world.node(decision).at.at);
    let decisions: Vec<NodeIx> = world.decisions().filter(within).collect();
    let before = query::verdicts(&world, &decisions);
    match other {
        Other::Named(name) => world.judge_by(name),
        Other::Text(name, adopted) => world.judge_by_text(name, (**adopted).clone()),
    }
    .map_err(CliError::Usage)?;
    let after = query::verdicts(&world, &decisions);
    Ok(query::compare(&world, &decisions, &before, &after, args.examples))
}

/// What to judge by.
enum Other {
    Named(String),
    Text(String, Box<PolicyAdopted>),
}

impl Other {
    fn name(&self) -> &str {
        match self {
            Other::Named(name) | Other::Text(name, _) => name,
        }
    }
}

fn other(args: &WhatIf) -> Result<Other, CliError> {
    let overrides: Map<String, Value> = args.params.iter().cloned().collect();
    let (name, pack, cedar, role) = match (&args.pack, &args.policy) {
        (Some(pack), _) => {
            let built_in = pack.strip_suffix("@built-in").or((!pack.contains('@')).then_some(pack.as_str()));
            match built_in.and_then(Pack::named) {
                Some(pack) if !overrides.is_empty() => (pack.name, Some(pack.name), String::new(), pack.role()),
                Some(pack) => return Ok(Other::Named(format!("{}@built-in", pack.name))),
                None if overrides.is_empty() => return Ok(Other::Named(pack.clone())),
                None => {
                    let what = "expected with a built-in pack or a text: a version that was adopted has its own";
                    return Err(CliError::Usage(format!("--param: {what}")));
                }
            }
        }
        (None, Some(path)) => {
            let text = std::fs::read_to_string(path);
            let text = text.map_err(|error| CliError::File(path.display().to_string(), error))?;
            ("what-if", None, text, args.role.unwrap_or(Role::Platform))
        }
        (None, None) => return Err(CliError::Usage("expected --pack or --policy".to_owned())),
    };
    let mut adopted = PolicyAdopted {
        version: "what-if".to_owned(),
        in_force_from: Time::utc(Instant(0)),
        in_force_until: None,
        role,
        pack: pack.map(str::to_owned),
        overrides: Value::Object(overrides).to_string(),
        cedar,
        params: String::new(),
        cedar_version: 0,
        documents: Vec::new(),
    };
    policy::resolve(&mut adopted).map_err(|error| CliError::Usage(error.to_string()))?;
    Ok(Other::Text(name.to_owned(), Box::new(adopted)))
}

fn to_json(name: &str, found: &Found) -> Value {
    let conformance: Vec<Value> = found
        .conformance
        .iter()
        .map(|((before, after), count)| json!({ "before": before.name(), "after": after.name(), "count": count }))
        .collect();
    json!({
        "hypothetical": true, "policy": name, "decisions": found.decisions, "conformance": conformance,
        "known": change_json(&found.known), "true": change_json(&found.today),
    })
}

fn change_json(change: &Change) -> Value {
    let matrix: Vec<Value> = change
        .matrix
        .iter()
        .map(|((before, after), cell)| {
            let examples: Vec<Value> = cell
                .examples
                .iter()
                .map(|Example { seq, name }| {
                    let name = name.as_ref();
                    json!({ "seq": seq, "source": name.map(|it| &it.source), "id": name.map(|it| &it.id) })
                })
                .collect();
            json!({ "before": before.name(), "after": after.name(), "count": cell.count, "examples": examples })
        })
        .collect();
    let rules: Vec<Value> = change
        .rules
        .iter()
        .map(|(id, rule)| {
            json!({ "id": id, "before": rule.before, "after": rule.after, "anew": rule.anew, "gone": rule.gone })
        })
        .collect();
    json!({ "matrix": matrix, "rules": rules })
}

fn print(out: &mut impl Write, name: &str, found: &Found) -> Result<(), CliError> {
    print_line(
        out,
        format!("what if `{}` had always been in force: {} decisions", crate::explain::clean(name), found.decisions),
    )?;
    print_line(out, NOTE)?;
    for (title, change) in [("as it was known", &found.known), ("as it is known today", &found.today)] {
        print_line(out, format!("\n{title}: verdicts before (down) and after (across)"))?;
        let count = |before: Verdict, after: Verdict| change.matrix.get(&(before, after)).map_or(0, |cell| cell.count);
        let head: Vec<&str> = std::iter::once("").chain(Verdict::NAMES.iter().copied()).collect();
        let row = |&before: &Verdict| {
            let counts = Verdict::ALL.iter().map(|&after| count(before, after).to_string());
            std::iter::once(before.name().to_owned()).chain(counts).collect()
        };
        let rows: Vec<Vec<String>> = Verdict::ALL.iter().map(row).collect();
        table::print(out, &head, &rows, table::width())?;
        for ((before, after), cell) in change.matrix.iter().filter(|((before, after), _)| before != after) {
            let names: Vec<String> = cell.examples.iter().map(example).collect();
            print_line(out, format!("{} to {}: {} {}", before.name(), after.name(), cell.count, names.join(", ")))?;
        }
        let rows: Vec<Vec<String>> = change
            .rules
            .iter()
            .filter(|(_, rule)| rule.anew > 0 || rule.gone > 0)
            .map(|(id, rule)| {
                let numbers = [rule.before, rule.after, rule.anew, rule.gone].map(|number| number.to_string());
                std::iter::once(id.clone()).chain(numbers).collect()
            })
            .collect();
        if !rows.is_empty() {
            print_line(out, "")?;
            table::print(out, &["rule", "before", "after", "anew", "no longer"], &rows, table::width())?;
        }
    }
    let changed = found.conformance.iter().filter(|((before, after), _)| before != after);
    let rows: Vec<Vec<String>> = changed.map(|(pair, count)| conformance_row(*pair, *count)).collect();
    if !rows.is_empty() {
        print_line(out, "\nwhat was done, held against the verdict")?;
        table::print(out, &["before", "after", "decisions"], &rows, table::width())?;
    }
    Ok(())
}

fn conformance_row((before, after): (Conformance, Conformance), count: u64) -> Vec<String> {
    vec![before.name().to_owned(), after.name().to_owned(), count.to_string()]
}

fn example(Example { seq, name }: &Example) -> String {
    name.as_ref().map_or_else(|| format!("#{seq}"), |name| format!("{} (#{seq})", crate::explain::clean(&name.id)))
}
