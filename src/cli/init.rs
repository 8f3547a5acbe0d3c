//! `inforce init`

use super::exit::print_line;
use super::{CliError, Common, Exit};
use crate::ledger::Ledger;
use std::path::PathBuf;

/// Arguments of `inforce init`.
#[derive(clap::Args)]
pub struct Init {
    #[command(flatten)]
    common: Common,
    /// The ledger's name in its checkpoints, such as `example.com/ads`; one made from its key if left out.
    #[arg(long, value_name = "NAME", value_parser = origin)]
    origin: Option<String>,
    /// A file outside the ledger's folder that gets a copy of each checkpoint; the ledger is held to it.
    #[arg(long, value_name = "FILE")]
    anchor: Option<PathBuf>,
}

fn origin(text: &str) -> Result<String, String> {
    let ok =
        !text.is_empty() && text.len() <= 256 && !text.chars().any(|c| c.is_whitespace() || c.is_control() || c == '+');
    if ok {
        Ok(text.to_owned())
    } else {
        Err("expected a name without spaces or `+`, such as `example.com/ads`".to_owned())
    }
}

pub fn run(args: Init) -> Result<Exit, CliError> {
    let ledger = Ledger::create(&args.common.ledger, args.origin.as_deref())?;
    let (origin, key) = (ledger.origin().to_owned(), ledger.verifier_key().to_string());
    ledger.close()?;
    if let Some(anchor) = &args.anchor {
        Ledger::set_anchor(&args.common.ledger, anchor)?;
    }
    let mut out = std::io::stdout().lock();
    if args.common.json {
        print_line(&mut out, serde_json::json!({ "origin": origin, "public_key": key }))?;
    } else {
        print_line(&mut out, format!("made ledger `{origin}` in {}\npublic key: {key}", args.common.ledger.display()))?;
    }
    Ok(Exit::Done)
}
