//! `inforce policy list`

use super::Adopted;
use crate::cli::as_of::AsOf;
use crate::cli::exit::print_line;
use crate::cli::{CliError, Common, Exit};
use crate::ledger::Ledger;
use crate::policy::{self, PACKS};
use serde_json::{Value, json};

/// Arguments of `inforce policy list`.
#[derive(clap::Args)]
pub struct List {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    as_of: AsOf,
}

pub fn run(args: List) -> Result<Exit, CliError> {
    let all = super::adopted(&Ledger::open_read_only(&args.common.ledger)?, &args.as_of)?;
    let mut out = std::io::stdout().lock();
    if args.common.json {
        return all.iter().try_for_each(|each| print_line(&mut out, to_json(each))).map(|()| Exit::Done);
    }
    let width = all.iter().map(|each| each.name().len()).max().unwrap_or(0).max(7);
    if !all.is_empty() {
        print_line(
            &mut out,
            format!("{:<width$}  {:<8}  {:<20}  {:<20}  recorded", "version", "role", "in force from", "until"),
        )?;
    }
    for each in &all {
        let until = each.body.in_force_until.map_or("-".to_owned(), |time| time.to_string());
        let mark = if each.is_backdated() { "  (backdated: recorded after it took force)" } else { "" };
        let (role, from) = (each.body.role.name(), each.body.in_force_from.to_string());
        print_line(
            &mut out,
            format!("{:<width$}  {role:<8}  {from:<20}  {until:<20}  {}{mark}", each.name(), each.recorded_at),
        )?;
    }
    let packs: Vec<&str> = PACKS.iter().map(|pack| pack.name).collect();
    eprintln!("{} versions adopted; built-in packs: {}", all.len(), packs.join(", "));
    Ok(Exit::Done)
}

/// A version without its text.
pub(super) fn to_json(each: &Adopted) -> Value {
    let body = &each.body;
    let documents: Vec<Value> = body
        .documents
        .iter()
        .map(|document| {
            json!({
                "title": document.title, "url": document.url, "sha256": document.sha256.to_string(),
                "captured_at": document.captured_at.to_string(),
            })
        })
        .collect();
    let rules = policy::rules(&body.cedar).unwrap_or_default();
    json!({
        "policy": each.id, "version": body.version, "role": body.role.name(), "pack": body.pack,
        "in_force_from": body.in_force_from.to_string(), "in_force_until": body.in_force_until.map(|time| time.to_string()),
        "seq": each.seq, "source": each.fact.source, "id": each.fact.id, "recorded_at": each.recorded_at.to_string(),
        "backdated": each.is_backdated(),
        "params": serde_json::from_str::<Value>(&body.params).unwrap_or_default(), "documents": documents,
        "rules": super::show::rules_json(&rules),
    })
}
