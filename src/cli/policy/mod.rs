//! `inforce policy`: a file a subcommand.

mod adopt;
mod check;
mod diff;
mod in_force;
mod list;
mod show;

pub(super) use adopt::{param, role};

use super::as_of::AsOf;
use super::{CliError, Exit};
use crate::fact::{Body, FactId, Instant, PolicyAdopted, Time};
use crate::ledger::Ledger;
use crate::policy::{PACKS, Pack};

/// Arguments of `inforce policy`.
#[derive(clap::Args)]
pub struct Policy {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Record a policy version: a built-in pack, or a Cedar text of your own.
    Adopt(adopt::Adopt),
    /// Check a Cedar text as adoption would, without a ledger.
    Check(check::Check),
    /// List every version that was adopted, and the built-in packs.
    List(list::List),
    /// Show a version: its dates, params, rules, documents and text.
    Show(show::Show),
    /// Say which versions were in force at a time, and until when.
    InForce(in_force::InForce),
    /// Compare two versions: dates, params and rules.
    Diff(diff::Diff),
}

pub fn run(args: Policy) -> Result<Exit, CliError> {
    match args.command {
        Command::Adopt(args) => adopt::run(args),
        Command::Check(args) => check::run(args),
        Command::List(args) => list::run(args),
        Command::Show(args) => show::run(args),
        Command::InForce(args) => in_force::run(args),
        Command::Diff(args) => diff::run(args),
    }
}

/// A version as the ledger holds it.
struct Adopted {
    seq: u64,
    fact: FactId,
    id: String,
    time: Time,
    recorded_at: Instant,
    body: PolicyAdopted,
}

impl Adopted {
    fn name(&self) -> String {
        format!("{}@{}", self.id, self.body.version)
    }

    /// True if it was recorded after it took force.
    fn is_backdated(&self) -> bool {
        self.recorded_at > self.body.in_force_from.at
    }
}

/// Every version that was there at a moment, in the order of recording.
fn adopted(ledger: &Ledger, as_of: &AsOf) -> Result<Vec<Adopted>, CliError> {
    let (mut found, size) = (Vec::new(), as_of.size(ledger)?);
    ledger.each_entry(|entry| {
        let Some(record) = entry.record.as_ref().filter(|_| size.is_none_or(|size| entry.header.seq < size.0)) else {
            return;
        };
        if let Body::PolicyAdopted(body) = &record.body {
            let header = &entry.header;
            found.push(Adopted {
                seq: header.seq,
                fact: record.id.clone(),
                id: record.subject.clone(),
                time: header.occurred_at,
                recorded_at: header.recorded_at,
                body: (**body).clone(),
            });
        }
    })?;
    Ok(found)
}

/// The version of `POLICY@VERSION`, the latest recorded of `POLICY`, or a built-in pack as `PACK@built-in`.
fn find(ledger: &Ledger, as_of: &AsOf, name: &str) -> Result<Adopted, CliError> {
    let (id, version) = name.split_once('@').map_or((name, None), |(id, version)| (id, Some(version)));
    if version == Some("built-in") {
        return built_in(id);
    }
    let mut all = adopted(ledger, as_of)?;
    let place =
        all.iter().rposition(|each| each.id == id && version.is_none_or(|version| each.body.version == version));
    place.map(|place| all.swap_remove(place)).ok_or_else(|| {
        let known: Vec<String> = all.iter().map(Adopted::name).collect();
        let known = if known.is_empty() {
            "no policy was adopted yet".to_owned()
        } else {
            format!("adopted are {}", known.join(", "))
        };
        CliError::Usage(format!("no version `{name}`: {known}; a built-in pack is `PACK@built-in`"))
    })
}

fn built_in(name: &str) -> Result<Adopted, CliError> {
    let pack = Pack::named(name).ok_or_else(|| {
        let names: Vec<&str> = PACKS.iter().map(|pack| pack.name).collect();
        CliError::Usage(format!("no built-in pack `{name}`: expected one of {}", names.join(", ")))
    })?;
    let body = pack.as_adopted().map_err(|error| CliError::Failed(error.to_string()))?;
    let fact = FactId { source: "//inforce".to_owned(), id: name.to_owned() };
    Ok(Adopted { seq: 0, fact, id: name.to_owned(), time: Time::utc(Instant(0)), recorded_at: Instant(0), body })
}
