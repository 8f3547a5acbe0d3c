//! `inforce backup`

use super::exit::print_line;
use super::{CliError, Common, Exit};
use crate::ledger::{self, BackupOptions};
use std::path::PathBuf;

/// Arguments of `inforce backup`.
#[derive(clap::Args)]
pub struct Backup {
    #[command(flatten)]
    common: Common,
    /// Make the keyring part of it. Such a backup can read what is erased later: keep it apart, and no longer than the
    /// data may be kept.
    #[arg(long)]
    with_keyring: bool,
    /// Read and hash copies of earlier backups again.
    #[arg(long)]
    recheck: bool,
    /// The backup's folder; one that holds an earlier backup gets what is new.
    #[arg(value_name = "TO")]
    to: PathBuf,
}

pub fn run(args: Backup) -> Result<Exit, CliError> {
    let options = BackupOptions { with_keyring: args.with_keyring, recheck: args.recheck };
    let made = ledger::backup(&args.common.ledger, &args.to, &options)?;
    let mut out = std::io::stdout().lock();
    if args.common.json {
        let object = serde_json::json!({
            "entries": made.entries, "signed": made.signed, "segments": made.segments, "copied": made.copied,
            "copied_bytes": made.copied_bytes, "with_keyring": made.with_keyring,
        });
        print_line(&mut out, object)?;
    } else {
        print_line(
            &mut out,
            format!(
                "{} entries are backed up, {} of them signed: {} of {} segments were copied, {} bytes",
                made.entries, made.signed, made.copied, made.segments, made.copied_bytes
            ),
        )?;
        if !made.with_keyring {
            eprintln!("the keyring is not part of it: without it bodies cannot be read; `--with-keyring` adds it");
        }
    }
    Ok(Exit::Done)
}
