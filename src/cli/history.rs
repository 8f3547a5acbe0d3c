//! `inforce history`: one person's facts on both clocks, and their state at any moment in either view.

use super::as_of::AsOf;
use super::exit::{self, print_line};
use super::query::lag;
use super::{CliError, Common, Exit, table};
use crate::entry::Entry;
use crate::fact::{Instant, Kind, Time};
use crate::ledger::Ledger;
use crate::query::{self, State, When, account, fact_json, fact_words};
use crate::search;
use serde_json::{Value, json};
use std::io::{BufWriter, Write};

/// Arguments of `inforce history`.
#[derive(clap::Args)]
pub struct History {
    #[command(flatten)]
    common: Common,
    /// The moment that is asked about (RFC 3339); the last there is if left out.
    #[arg(long, value_name = "T", value_parser = super::within::instant)]
    at: Option<Instant>,
    /// What the ledger knew then, or what is known today of how it was then (`true`).
    #[arg(long, value_name = "VIEW", default_value = "true", value_parser = ["known", "true"])]
    view: String,
    #[command(flatten)]
    as_of: AsOf,
    /// The account, `<app>/<id>`.
    #[arg(value_name = "ACCOUNT")]
    account: String,
}

pub fn run(args: History) -> Result<Exit, CliError> {
    let ledger = Ledger::open_indexed(&args.common.ledger)?;
    let size = match args.as_of.size(&ledger)? {
        Some(size) => size,
        None => ledger.standing()?.0,
    };
    let at = args.at.unwrap_or(Instant(i64::MAX));
    let known = match (args.view.as_str(), args.at) {
        ("known", Some(at)) => Some(ledger.size_at(at)?.0.min(size.0)),
        ("known", None) => Some(size.0),
        _ => None,
    };
    let when = When { at, known };
    let entries = search::person(&ledger, &args.account, size)?;
    let mut own: Vec<&Entry> = own(&entries, &args.account).into_iter().filter(|entry| when.sees(entry)).collect();
    if entries.is_empty() {
        let what = "no entry is known to be about that account; one that was erased cannot be found by its name";
        return Err(CliError::Failed(format!("`{}`: {what}", args.account)));
    }
    own.sort_by_key(|entry| (entry.header.occurred_at.at, entry.header.seq));
    let state = query::state(&entries, &args.account, when);
    let mut out = BufWriter::new(std::io::stdout().lock());
    if args.common.json {
        let facts: Vec<Value> = own.iter().map(|entry| fact_json(entry, false)).collect();
        let at = args.at.map(|at| at.to_string());
        let object =
            json!({ "account": args.account, "at": at, "view": args.view, "state": state.to_json(), "facts": facts });
        print_line(&mut out, object)?;
    } else {
        print(&mut out, &args, &state, &own)?;
    }
    out.flush().map_err(exit::stdout)?;
    Ok(Exit::Done)
}

/// Entries of the account's own stream.
fn own<'a>(entries: &'a [Entry], name: &str) -> Vec<&'a Entry> {
    let stream = entries.iter().find(|entry| account(entry) == Some(name)).map(|entry| entry.header.streams[0].stream);
    entries.iter().filter(|entry| Some(entry.header.streams[0].stream) == stream).collect()
}

fn print(out: &mut impl Write, args: &History, state: &State, own: &[&Entry]) -> Result<(), CliError> {
    let moment = args.at.map_or_else(|| "at the end".to_owned(), |at| format!("at {at}"));
    let view = if args.view == "known" { "as the ledger knew it then" } else { "as it is known today" };
    print_line(out, format!("{} {moment}, {view}", crate::explain::clean(&args.account)))?;
    let since = |since: Option<Time>| since.map(|since| since.to_string()).unwrap_or_default();
    let lines = state.lines().into_iter().map(|(label, value, from)| vec![label, value, since(from)]);
    let lines: Vec<Vec<String>> = lines.collect();
    if lines.is_empty() {
        print_line(out, "nothing was set")?;
    } else {
        table::print(out, &["state", "value", "since"], &lines, table::width())?;
    }
    print_line(out, "")?;
    let row = |entry: &&Entry| {
        let header = &entry.header;
        vec![
            header.seq.to_string(),
            header.occurred_at.to_string(),
            header.recorded_at.to_string(),
            lag(header.occurred_at, header.recorded_at),
            header.kind.name().trim_start_matches("inforce.").to_owned(),
            words(entry),
        ]
    };
    let rows: Vec<Vec<String>> = own.iter().map(row).collect();
    table::print(out, &["seq", "happened", "recorded", "lag", "kind", "what"], &rows, table::width())
}

/// What a fact says; of a chat whose text is gone, that as well.
fn words(entry: &Entry) -> String {
    let erased = entry.header.kind == Kind::InteractionRecorded
        && entry.header.content.is_some()
        && entry.content.is_none()
        && entry.record.is_some();
    if erased { format!("(text erased) {}", fact_words(entry)) } else { fact_words(entry) }
}
