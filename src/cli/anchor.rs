//! `inforce anchor`

use super::exit::print_line;
use super::{CliError, Common, Exit};
use crate::ledger::Ledger;
use serde_json::json;
use std::path::PathBuf;

/// Arguments of `inforce anchor`.
#[derive(clap::Args)]
pub struct Anchor {
    #[command(flatten)]
    common: Common,
    /// Hold the ledger to no anchor any longer: for whoever has lost it.
    #[arg(long, conflicts_with = "file")]
    none: bool,
    /// A file outside the ledger's folder, best on another disk: it gets a copy of each checkpoint.
    #[arg(value_name = "FILE", required_unless_present = "none")]
    file: Option<PathBuf>,
}

pub fn run(args: Anchor) -> Result<Exit, CliError> {
    let dir = &args.common.ledger;
    let (anchor, words) = match &args.file {
        Some(file) => {
            Ledger::set_anchor(dir, file)?;
            (Some(file.display().to_string()), format!("the ledger is held to `{}` from now on", file.display()))
        }
        None => match Ledger::drop_anchor(dir)? {
            Some(old) => (None, format!("the ledger is held to `{}` no longer", old.display())),
            None => (None, "the ledger had no anchor".to_owned()),
        },
    };
    let mut out = std::io::stdout().lock();
    if args.common.json {
        print_line(&mut out, json!({ "anchor": anchor }))?;
    } else {
        print_line(&mut out, words)?;
    }
    Ok(Exit::Done)
}
