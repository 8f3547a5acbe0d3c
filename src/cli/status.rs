//! `inforce status`

use super::exit::print_line;
use super::{AsOf, CliError, Common, Exit};
use crate::fact::Instant;
use crate::ledger::{Ledger, Metrics, Signed, Status};
use crate::merkle::TreeSize;
use serde_json::{Value, json};

/// Arguments of `inforce status`.
#[derive(clap::Args)]
pub struct StatusArgs {
    #[command(flatten)]
    common: Common,
    /// The text format that Prometheus reads.
    #[arg(long, conflicts_with = "json")]
    metrics: bool,
    #[command(flatten)]
    as_of: AsOf,
}

pub fn run(args: StatusArgs) -> Result<Exit, CliError> {
    if args.as_of.is_given() {
        return past(&args);
    }
    let status = Status::read(&args.common.ledger)?;
    let mut out = std::io::stdout().lock();
    if args.metrics {
        print_line(&mut out, Metrics::from(status).to_text().trim_end())?;
    } else if args.common.json {
        print_line(&mut out, to_json(&status))?;
    } else {
        print_line(&mut out, to_text(&status))?;
    }
    Ok(Exit::Done)
}

/// What can be told of a moment in the past: entries stay, while files, signatures and writers are those of today.
fn past(args: &StatusArgs) -> Result<Exit, CliError> {
    if args.metrics {
        return Err(CliError::Usage(
            "--metrics: expected without --as-of, since files and writers have no past".into(),
        ));
    }
    let ledger = Ledger::open_indexed(&args.common.ledger)?;
    let size = args.as_of.size(&ledger)?.unwrap_or(TreeSize(0));
    let last = match size.0.checked_sub(1) {
        Some(seq) => Some(ledger.look()?.expect(seq)?.header.recorded_at),
        None => None,
    };
    let mut out = std::io::stdout().lock();
    if args.common.json {
        let last = last.map(|at| at.to_string());
        print_line(&mut out, json!({ "origin": ledger.origin(), "entries": size.0, "last_recorded": last }))?;
    } else {
        let (held, _) = ledger.standing()?;
        let last = last.map_or("none".to_owned(), |at| at.to_string());
        let (origin, entries, held) = (ledger.origin(), size.0, held.0);
        print_line(
            &mut out,
            format!("ledger      {origin}\nentries     {entries}, of {held} today\nlast entry  {last}"),
        )?;
    }
    Ok(Exit::Done)
}

fn to_json(status: &Status) -> Value {
    let signed = |signed: Option<Signed>| {
        signed.map(|one| {
            let age_s = status.now.seconds_since(one.written).max(0);
            json!({ "entries": one.size, "written": one.written.to_string(), "age_s": age_s })
        })
    };
    json!({
        "origin": status.origin,
        "entries": status.entries,
        "last_recorded": status.last_recorded.map(|at| at.to_string()),
        "clock_behind_s": status.clock_behind_s(),
        "bytes": status.bytes,
        "segments": { "count": status.segments, "cold": status.cold, "growing_bytes": status.growing_bytes },
        "ahead_bytes": status.ahead_bytes,
        "unsynced_bytes": status.unsynced_bytes,
        "checkpoint": signed(status.checkpoint),
        "checkpoint_problem": status.checkpoint_problem,
        "witnessed": signed(status.witnessed),
        "unsigned_entries": status.unsigned(),
        "tree_lag_entries": status.entries.saturating_sub(status.leaves),
        "writer": status.is_written,
    })
}

fn to_text(status: &Status) -> String {
    let ago = |at: Instant| format!("{at}, {} s ago", status.now.seconds_since(at).max(0));
    let signed = |signed: Option<Signed>| {
        signed.map_or("none".to_owned(), |one| format!("over {} entries, {}", one.size, ago(one.written)))
    };
    let behind = match status.clock_behind_s() {
        0 => String::new(),
        s => format!(" ({s} s ahead of the clock: what is appended until then carries this time)"),
    };
    let writer = if status.is_written { "a process holds the lock" } else { "none" };
    format!(
        "ledger      {}\nentries     {}, {} of them not signed yet\nlast entry  {}{behind}\ncheckpoint  {}\nwitnessed   {}\n\
         journal     {} bytes in {} segments, {} of them in cold storage\nwriter      {writer}",
        status.origin,
        status.entries,
        status.unsigned(),
        status.last_recorded.map_or("none".to_owned(), ago),
        status.checkpoint_problem.as_ref().map_or_else(|| signed(status.checkpoint), |what| format!("none: {what}")),
        signed(status.witnessed),
        status.bytes,
        status.segments,
        status.cold,
    )
}
