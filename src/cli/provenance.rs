//! `inforce provenance`: one decision's lineage as W3C PROV-JSON.

use super::as_of::AsOf;
use super::decision::{self, Found};
use super::exit::print_line;
use super::memory::Memory;
use super::{CliError, Common, Exit, explain::gather};
use crate::judge::{self, Ask};
use crate::ledger::Ledger;
use crate::provenance::to_prov;
use std::path::PathBuf;

/// Arguments of `inforce provenance`.
#[derive(clap::Args)]
pub struct Provenance {
    #[command(flatten)]
    common: Common,
    /// Write to a file, not to stdout.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    as_of: AsOf,
    #[command(flatten)]
    memory: Memory,
    /// The id of a decision, `SOURCE ID` in one argument where an id is not unique, or `#SEQ`.
    #[arg(value_name = "DECISION")]
    decision: String,
}

pub fn run(args: Provenance) -> Result<Exit, CliError> {
    let ledger = Ledger::open_read_only(&args.common.ledger)?;
    let Found { world, bad, size, decision } = decision::find(&ledger, &args.as_of, args.memory, &args.decision)?;
    if let Some(bad) = bad {
        anstream::eprintln!("the ledger was tampered with: entry {}: {}; nothing is exported", bad.seq, bad.what);
        return Ok(Exit::Broken);
    }
    let judgement = judge::judge(&world, decision?, &mut Ask::Plainly);
    let evidence = gather(&ledger, &world, size, &judgement)?;
    let document = to_prov(&world, &judgement, &evidence, ledger.origin());
    match &args.output {
        Some(path) => {
            let pretty = serde_json::to_string_pretty(&document).expect("strings and numbers") + "\n";
            std::fs::write(path, pretty).map_err(|error| CliError::File(path.display().to_string(), error))?;
            eprintln!("wrote {}", path.display());
        }
        None => print_line(&mut std::io::stdout().lock(), document)?,
    }
    Ok(Exit::Done)
}
