//! `inforce reindex`

use super::exit::print_line;
use super::{CliError, Common, Exit};
use crate::ledger::Ledger;

/// Arguments of `inforce reindex`.
#[derive(clap::Args)]
pub struct Reindex {
    #[command(flatten)]
    common: Common,
}

pub fn run(args: Reindex) -> Result<Exit, CliError> {
    let ledger = Ledger::open(&args.common.ledger)?;
    let entries = ledger.reindex()?;
    ledger.close()?;
    let mut out = std::io::stdout().lock();
    if args.common.json {
        print_line(&mut out, serde_json::json!({ "entries": entries }))?;
    } else {
        print_line(&mut out, format!("the index was rebuilt over {entries} entries"))?;
    }
    Ok(Exit::Done)
}
