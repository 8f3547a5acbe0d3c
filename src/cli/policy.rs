//! `inforce policy`

use super::{CliError, Common, Exit};

/// Arguments of `inforce policy`.
#[derive(clap::Args)]
pub struct Policy {
    #[command(flatten)]
    common: Common,
}

pub fn run(_args: Policy) -> Result<Exit, CliError> {
    Ok(Exit::Done)
}
