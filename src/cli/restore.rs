//! `inforce restore`

use super::exit::print_line;
use super::{CliError, Exit};
use crate::ledger::{self, RestoreOptions};
use std::path::PathBuf;

/// Arguments of `inforce restore`.
#[derive(clap::Args)]
pub struct Restore {
    /// One JSON object on stdout.
    #[arg(long)]
    json: bool,
    /// The last checkpoint that was published, or a folder with it as `checkpoint`: a backup that does not hold all of it
    /// is refused.
    #[arg(long, value_name = "FILE|DIR")]
    published: Option<PathBuf>,
    /// The keyring, for a backup that was made without: the one of the same moment.
    #[arg(long, value_name = "FILE")]
    keyring: Option<PathBuf>,
    /// Restore though the ledger's anchor is not there and nothing is compared: the anchor is given up.
    #[arg(long)]
    without_anchor: bool,
    /// The backup's folder.
    #[arg(value_name = "FROM")]
    from: PathBuf,
    /// The ledger's folder, which must be empty or not there.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

pub fn run(args: Restore) -> Result<Exit, CliError> {
    let options = RestoreOptions {
        published: args.published.as_deref(),
        keyring: args.keyring.as_deref(),
        without_anchor: args.without_anchor,
    };
    let restored = ledger::restore_with(&args.from, &args.dir, &options)?;
    let mut out = std::io::stdout().lock();
    if args.json {
        let object = serde_json::json!({
            "origin": restored.origin, "entries": restored.entries, "root": restored.root.to_string(),
            "made_at": restored.made_at, "published": restored.published,
        });
        print_line(&mut out, object)?;
    } else {
        let ledger::Restored { origin, entries, root, made_at, .. } = &restored;
        print_line(&mut out, format!("restored `{origin}` as of {made_at}: {entries} entries, root {root}"))?;
        eprintln!("what was recorded or erased after {made_at} is not in it: hand in facts and erasures again");
    }
    if let Some(anchor) = &restored.lost_anchor {
        let anchor = anchor.display();
        eprintln!(
            "the anchor `{anchor}` is not there, so the ledger is not held to it; `inforce anchor` names another"
        );
    }
    if restored.published.is_none() {
        eprintln!("nothing published was compared: if later entries were, this ledger forks them; see --published");
    }
    Ok(Exit::Done)
}
