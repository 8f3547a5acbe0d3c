//! `inforce retain`

use super::exit::print_line;
use super::{CliError, Common, Exit};
use crate::ledger;
use std::path::PathBuf;

/// Arguments of `inforce retain`.
#[derive(clap::Args)]
pub struct Retain {
    #[command(flatten)]
    common: Common,
    /// The folder of the cold storage, one for each ledger.
    #[arg(long, value_name = "DIR")]
    cold: PathBuf,
    /// How many sealed segments stay, from the latest on.
    #[arg(long, value_name = "N", default_value_t = 0)]
    keep: usize,
    /// Segments to move, by number; every sealed one if left out.
    #[arg(value_name = "SEGMENT", conflicts_with = "keep")]
    segments: Vec<u32>,
}

pub fn run(args: Retain) -> Result<Exit, CliError> {
    let moved = ledger::retain(&args.common.ledger, &args.cold, args.keep, &args.segments)?;
    let mut out = std::io::stdout().lock();
    for one in &moved {
        if args.common.json {
            let object = serde_json::json!({
                "segment": one.segment, "bytes": one.bytes, "place": one.place.to_string_lossy(),
            });
            print_line(&mut out, object)?;
        } else {
            let place = one.place.display();
            print_line(&mut out, format!("segment {}: {} bytes are read from {place} now", one.segment, one.bytes))?;
        }
    }
    if moved.is_empty() {
        eprintln!("nothing was moved: no other segment is sealed");
    }
    Ok(Exit::Done)
}
