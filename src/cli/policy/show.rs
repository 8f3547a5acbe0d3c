//! `inforce policy show`

use crate::cli::as_of::AsOf;
use crate::cli::exit::print_line;
use crate::cli::{CliError, Common, Exit};
use crate::ledger::Ledger;
use crate::policy::{self, Rule};
use serde_json::{Map, Value, json};
use std::io::Write;

/// Arguments of `inforce policy show`.
#[derive(clap::Args)]
pub struct Show {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    as_of: AsOf,
    /// `POLICY@VERSION`, `POLICY` for its latest version, or `PACK@built-in`.
    #[arg(value_name = "POLICY[@VERSION]")]
    policy: String,
    /// Print the Cedar text alone.
    #[arg(long, conflicts_with = "json")]
    text: bool,
}

pub fn run(args: Show) -> Result<Exit, CliError> {
    let found = super::find(&Ledger::open_read_only(&args.common.ledger)?, &args.as_of, &args.policy)?;
    let mut out = std::io::stdout().lock();
    let body = &found.body;
    if args.text {
        return print_line(&mut out, body.cedar.trim_end()).map(|()| Exit::Done);
    }
    if args.common.json {
        let mut object = super::list::to_json(&found);
        object["cedar"] = body.cedar.as_str().into();
        return print_line(&mut out, object).map(|()| Exit::Done);
    }
    let until = body.in_force_until.map_or_else(|| "until replaced".to_owned(), |time| format!("until {time}"));
    print_line(
        &mut out,
        format!("{} ({}), in force from {} {until}", found.name(), body.role.name(), body.in_force_from),
    )?;
    let origin = body.pack.as_ref().map_or_else(|| "a text of its own".to_owned(), |pack| format!("the pack `{pack}`"));
    print_line(&mut out, format!("recorded {} as entry {}, from {origin}", found.recorded_at, found.seq))?;
    if found.is_backdated() {
        print_line(&mut out, "backdated: it was recorded after it took force")?;
    }
    print_line(&mut out, "\ndocuments")?;
    for document in &body.documents {
        let (title, url, sha256) = (&document.title, &document.url, document.sha256);
        print_line(&mut out, format!("  {title}, captured {}\n    {url}\n    sha256 {sha256}", document.captured_at))?;
    }
    if body.documents.is_empty() {
        print_line(&mut out, "  none attached")?;
    }
    print_line(&mut out, "\nparams")?;
    let params: Map<String, Value> = serde_json::from_str(&body.params).unwrap_or_default();
    for (key, value) in params {
        print_line(&mut out, format!("  {key:<22} {value}"))?;
    }
    print_line(&mut out, "\nrules")?;
    let rules = policy::rules(&body.cedar).map_err(|error| CliError::Failed(error.to_string()))?;
    print_rules(&mut out, &rules)?;
    eprintln!("--text prints the Cedar text");
    Ok(Exit::Done)
}

/// Rules for people: outcome, id, title, source.
pub(super) fn print_rules(out: &mut impl Write, rules: &[Rule]) -> Result<(), CliError> {
    for rule in rules {
        print_line(out, format!("  {:<13}  {}: {}", rule.outcome.name(), rule.id, rule.title))?;
        if let Some(source) = &rule.source {
            print_line(out, format!("                 ({source})"))?;
        }
    }
    Ok(())
}

pub(super) fn rules_json(rules: &[Rule]) -> Vec<Value> {
    let object = |rule: &Rule| json!({ "id": rule.id, "outcome": rule.outcome.name(), "title": rule.title, "source": rule.source });
    rules.iter().map(object).collect()
}
