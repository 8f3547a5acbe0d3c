//! `inforce policy check`

use crate::cli::exit::print_line;
use crate::cli::{CliError, Exit};
use crate::policy;
use std::path::PathBuf;

/// Arguments of `inforce policy check`.
#[derive(clap::Args)]
pub struct Check {
    /// One JSON object on stdout.
    #[arg(long)]
    json: bool,
    /// A file with Cedar text.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub fn run(args: Check) -> Result<Exit, CliError> {
    let name = args.file.display();
    let text = String::from_utf8(super::adopt::read(&args.file)?)
        .map_err(|_| CliError::Failed(format!("`{name}` is not UTF-8")))?;
    policy::validate(&text).map_err(|error| CliError::Failed(format!("`{name}`: {error}")))?;
    let rules = policy::rules(&text).map_err(|error| CliError::Failed(error.to_string()))?;
    let mut out = std::io::stdout().lock();
    if args.json {
        print_line(&mut out, serde_json::json!({ "ok": true, "rules": super::show::rules_json(&rules) }))?;
    } else {
        super::show::print_rules(&mut out, &rules)?;
        print_line(&mut out, format!("`{name}` can be adopted: {} rules", rules.len()))?;
    }
    Ok(Exit::Done)
}
