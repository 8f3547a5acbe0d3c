//! `--since` and `--until`: the time that is asked about; and times in arguments, however they are called.

use super::CliError;
use crate::fact::{Instant, Time};

/// The arguments.
#[derive(clap::Args, Clone, Copy)]
pub struct Within {
    /// Only what happened at or after this time (RFC 3339); a decision happens when it is made.
    #[arg(long, value_name = "T", value_parser = instant)]
    pub since: Option<Instant>,
    /// Only what happened before this time (RFC 3339).
    #[arg(long, value_name = "T", value_parser = instant)]
    pub until: Option<Instant>,
}

impl Within {
    /// A span that ends before it begins is a mistake, not an empty answer.
    pub fn check(self) -> Result<(), CliError> {
        match self.since.zip(self.until).filter(|(since, until)| since > until) {
            Some((since, until)) => {
                Err(CliError::Usage(format!("--until `{until}` is before --since `{since}`: expected a later time")))
            }
            None => Ok(()),
        }
    }

    /// True if `at` belongs to it.
    pub fn holds(self, at: Instant) -> bool {
        at.is_within(self.since, self.until)
    }
}

/// A time as people write it.
pub fn instant(text: &str) -> Result<Instant, String> {
    Time::parse(text).map(|time| time.at).map_err(|error| error.to_string())
}
