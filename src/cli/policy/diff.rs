//! `inforce policy diff`

use super::Adopted;
use crate::cli::as_of::AsOf;
use crate::cli::exit::print_line;
use crate::cli::{CliError, Common, Exit};
use crate::ledger::Ledger;
use crate::policy;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Arguments of `inforce policy diff`.
#[derive(clap::Args)]
pub struct Diff {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    as_of: AsOf,
    /// `POLICY@VERSION`, or `PACK@built-in`.
    #[arg(value_name = "OLD")]
    old: String,
    /// `POLICY@VERSION`, or `PACK@built-in`.
    #[arg(value_name = "NEW")]
    new: String,
}

pub fn run(args: Diff) -> Result<Exit, CliError> {
    let ledger = Ledger::open_read_only(&args.common.ledger)?;
    let (old, new) = (super::find(&ledger, &args.as_of, &args.old)?, super::find(&ledger, &args.as_of, &args.new)?);
    let changes = changes(&old, &new)?;
    let mut out = std::io::stdout().lock();
    if args.common.json {
        let list: Vec<Value> =
            changes.iter().map(|change| json!({ "what": change.what, "old": change.old, "new": change.new })).collect();
        return print_line(&mut out, json!({ "old": old.name(), "new": new.name(), "changes": list }))
            .map(|()| Exit::Done);
    }
    for Change { what, old, new } in &changes {
        print_line(&mut out, what)?;
        for (sign, side) in [('-', old), ('+', new)] {
            let lines = side.as_deref().unwrap_or_default().lines();
            lines.into_iter().try_for_each(|line| print_line(&mut out, format!("  {sign} {line}")))?;
        }
    }
    eprintln!("{} and {} differ in {} places", old.name(), new.name(), changes.len());
    Ok(Exit::Done)
}

/// One difference; a side is absent where it has no such thing.
struct Change {
    what: String,
    old: Option<String>,
    new: Option<String>,
}

fn changes(old: &Adopted, new: &Adopted) -> Result<Vec<Change>, CliError> {
    let (old_sides, new_sides) = (sides(old)?, sides(new)?);
    let keys: BTreeSet<&String> = old_sides.keys().chain(new_sides.keys()).collect();
    let differs = |key: &&&String| old_sides.get(**key) != new_sides.get(**key);
    let change =
        |key: &String| Change { what: key.clone(), old: old_sides.get(key).cloned(), new: new_sides.get(key).cloned() };
    Ok(keys.iter().filter(differs).map(|key| change(key)).collect())
}

/// Everything about a version that can differ, by name.
fn sides(version: &Adopted) -> Result<BTreeMap<String, String>, CliError> {
    let body = &version.body;
    let mut sides = BTreeMap::from([
        ("in_force_from".to_owned(), body.in_force_from.to_string()),
        ("role".to_owned(), body.role.name().to_owned()),
    ]);
    sides.extend(body.in_force_until.map(|until| ("in_force_until".to_owned(), until.to_string())));
    let params: Map<String, Value> = serde_json::from_str(&body.params).unwrap_or_default();
    sides.extend(params.into_iter().map(|(key, value)| (format!("param {key}"), value.to_string())));
    sides.extend(
        body.documents.iter().map(|document| (format!("document {}", document.title), document.sha256.to_string())),
    );
    let texts = policy::texts(&body.cedar).map_err(|error| CliError::Failed(error.to_string()))?;
    for (id, text) in texts {
        // An id may stand over several rules: they are compared together.
        let side = sides.entry(format!("rule {id}")).or_default();
        side.push_str(&text);
        side.push('\n');
    }
    Ok(sides)
}
