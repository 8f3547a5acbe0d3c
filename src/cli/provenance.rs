//! `inforce provenance`: one decision's lineage as W3C PROV-JSON.

use super::decision::Asked;
use super::exit::print_line;
use super::{CliError, Common, Exit};
use crate::judge::{self, Ask};
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
    asked: Asked,
}

pub fn run(args: Provenance) -> Result<Exit, CliError> {
    let (found, decision) = args.asked.find(&args.common.ledger)?;
    if let Some(bad) = &found.bad {
        anstream::eprintln!("the ledger was tampered with: entry {}: {}; nothing is exported", bad.seq, bad.what);
        return Ok(Exit::Broken);
    }
    let judgement = judge::judge(&found.world, decision?, &mut Ask::Plainly);
    let document = to_prov(&found.world, &judgement, &found.evidence(&judgement)?, &found.origin);
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
