//! Exit codes and errors of the command line.

use crate::evidence::EvidenceError;
use crate::ledger::LedgerError;
use crate::search::SearchError;
use std::io;

/// How a command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done, and nothing wrong.
    Done = 0,
    /// It failed.
    Failure = 1,
    /// It was called wrongly.
    Usage = 2,
    /// A breach, a late breach or tampering was found.
    Broken = 3,
    /// Something is unproven, and nothing is worse.
    Unproven = 4,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        std::process::ExitCode::from(exit as u8)
    }
}

/// How "error:" looks.
pub(super) const ERROR: anstyle::Style = anstyle::AnsiColor::Red.on_default().bold();

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum CliError {
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error("the ledger is not what was recorded: {0}")]
    Damaged(LedgerError),
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
    #[error(transparent)]
    Search(#[from] SearchError),
    #[error("`{0}`: {1}")]
    File(String, io::Error),
    #[error("{0}")]
    Usage(String),
    #[error("{0}")]
    Failed(String),
    /// Whoever read stdout went away: no error.
    #[error("stdout is closed")]
    ClosedPipe,
    #[error("stdout: {0}")]
    Stdout(io::Error),
}

impl CliError {
    /// The code to exit with.
    pub fn exit(&self) -> Exit {
        match self {
            CliError::Usage(_) => Exit::Usage,
            // What was recorded is not what is there: that is a finding, not a failure to look.
            CliError::Damaged(_) => Exit::Broken,
            CliError::Ledger(error) if error.is_damage() => Exit::Broken,
            CliError::Evidence(error) if error.is_damage() => Exit::Broken,
            CliError::Search(error) if error.is_damage() => Exit::Broken,
            _ => Exit::Failure,
        }
    }
}

/// Writes a line to stdout.
pub fn print_line(out: &mut impl io::Write, line: impl std::fmt::Display) -> Result<(), CliError> {
    writeln!(out, "{line}").map_err(stdout)
}

/// Why stdout takes nothing more.
pub fn stdout(error: io::Error) -> CliError {
    match error.kind() {
        io::ErrorKind::BrokenPipe => CliError::ClosedPipe,
        _ => CliError::Stdout(error),
    }
}
