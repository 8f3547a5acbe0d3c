//! `inforce policy in-force`

use super::Adopted;
use crate::cli::as_of::AsOf;
use crate::cli::exit::print_line;
use crate::cli::{CliError, Common, Exit};
use crate::fact::Instant;
use crate::ledger::Ledger;
use serde_json::json;
use std::collections::BTreeMap;

/// Arguments of `inforce policy in-force`.
#[derive(clap::Args)]
pub struct InForce {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    as_of: AsOf,
    /// The time that is asked about (RFC 3339).
    #[arg(long, value_name = "T", value_parser = crate::cli::within::instant)]
    at: Instant,
    /// As the ledger knew it at this time: versions recorded later are left out.
    #[arg(long, value_name = "T", value_parser = crate::cli::within::instant)]
    known_at: Option<Instant>,
}

pub fn run(args: InForce) -> Result<Exit, CliError> {
    let mut all = super::adopted(&Ledger::open_read_only(&args.common.ledger)?, &args.as_of)?;
    all.retain(|each| args.known_at.is_none_or(|known| each.recorded_at <= known));
    let mut lines: BTreeMap<&str, Vec<&Adopted>> = BTreeMap::new();
    all.iter().for_each(|each| lines.entry(&each.id).or_default().push(each));
    let mut out = std::io::stdout().lock();
    let mut found = 0;
    for line in lines.values_mut() {
        line.sort_by_key(|each| (each.body.in_force_from.at, each.seq));
        let Some((version, until)) = in_force(line, args.at) else { continue };
        found += 1;
        let until = until.map(|until| until.to_string());
        if args.common.json {
            let mut object = super::list::to_json(version);
            object["until"] = json!(until);
            print_line(&mut out, object)?;
        } else {
            let until = until.map_or_else(|| "until replaced".to_owned(), |until| format!("until {until}"));
            let (name, role, from) = (version.name(), version.body.role.name(), version.body.in_force_from);
            print_line(&mut out, format!("{name} ({role}), from {from} {until}, recorded {}", version.recorded_at))?;
        }
    }
    if found == 0 {
        eprintln!("no policy is in force at {}", args.at);
    }
    Ok(Exit::Done)
}

/// The version in force, and until when: its own end, or the start of the version that follows.
fn in_force<'a>(line: &[&'a Adopted], at: Instant) -> Option<(&'a Adopted, Option<Instant>)> {
    let end = line.partition_point(|each| each.body.in_force_from.at <= at);
    let version = *line[..end].last()?;
    let own_end = version.body.in_force_until.map(|time| time.at);
    let next = line.get(end).map(|next| next.body.in_force_from.at);
    let until = [own_end, next].into_iter().flatten().min();
    own_end.is_none_or(|until| at < until).then_some((version, until))
}
