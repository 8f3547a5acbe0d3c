//! `inforce publish`

use super::exit::print_line;
use super::{CliError, Common, Exit};
use crate::ledger::{self, Ledger};
use serde_json::json;
use std::path::PathBuf;

/// Arguments of `inforce publish`.
#[derive(clap::Args)]
pub struct Publish {
    #[command(flatten)]
    common: Common,
    /// Publish the last cosigned checkpoint instead of the last one.
    #[arg(long)]
    witnessed: bool,
    /// Write every tile again, not only those that changed.
    #[arg(long)]
    all: bool,
    /// The folder to bring up to date; made if it is not there.
    #[arg(value_name = "DIR")]
    to: PathBuf,
}

pub fn run(args: Publish) -> Result<Exit, CliError> {
    let ledger = Ledger::open_read_only(&args.common.ledger)?;
    let options = ledger::Publish { witnessed: args.witnessed, all: args.all };
    let published = ledger.publish(&args.to, options)?;
    let (size, root) = (published.checkpoint.size.0, published.checkpoint.root.to_string());
    let mut out = std::io::stdout().lock();
    if args.common.json {
        let before = published.before.0;
        print_line(&mut out, json!({ "size": size, "root": root, "before": before, "tiles": published.tiles }))?;
    } else {
        let fresh = size - published.before.0;
        let to = args.to.display();
        print_line(
            &mut out,
            format!("published {size} entries in {to}: {fresh} new, {} tiles written", published.tiles),
        )?;
    }
    Ok(Exit::Done)
}
