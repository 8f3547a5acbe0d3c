//! `inforce sql` and `inforce export`: handed to `inforce-sql`, a program of its own, so that this one does without an SQL
//! engine. Found as cargo finds its subcommands: beside this program, then on PATH.

use super::{CliError, Exit};
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::Command;

/// The program's name.
const PROGRAM: &str = "inforce-sql";

/// Arguments of `inforce sql`: all of them are those of `inforce-sql`.
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub struct Sql {
    /// `--ledger DIR`, `--as-of`, `--json`, `--csv`, and the query; `--help` says more.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
    arguments: Vec<OsString>,
}

/// Arguments of `inforce export`: all of them are those of `inforce-sql export`.
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub struct Export {
    /// `--ledger DIR`, `--as-of`, `--parquet DIR`, `--csv DIR`; `--help` says more.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
    arguments: Vec<OsString>,
}

pub fn run(args: Sql) -> Result<Exit, CliError> {
    hand_over(args.arguments)
}

pub fn export(args: Export) -> Result<Exit, CliError> {
    hand_over([OsString::from("export")].into_iter().chain(args.arguments).collect())
}

/// Becomes the other program; comes back only if there is none, or it cannot be run.
fn hand_over(arguments: Vec<OsString>) -> Result<Exit, CliError> {
    let program = find().ok_or_else(missing)?;
    let mut command = Command::new(&program);
    command.args(arguments);
    #[cfg(unix)]
    let error = std::os::unix::process::CommandExt::exec(&mut command);
    #[cfg(not(unix))]
    let error = match command.status() {
        Ok(status) => std::process::exit(status.code().unwrap_or(Exit::Failure as i32)),
        Err(error) => error,
    };
    Err(CliError::File(program.display().to_string(), error))
}

fn find() -> Option<PathBuf> {
    let name = format!("{PROGRAM}{}", std::env::consts::EXE_SUFFIX);
    let beside = std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.to_owned()));
    let path = std::env::var_os("PATH");
    let on_path = path.as_deref().map(OsStr::to_owned).unwrap_or_default();
    // An empty entry of PATH means the working folder, from which no program is taken.
    let dirs = std::env::split_paths(&on_path).filter(|dir| dir.is_absolute());
    beside.into_iter().chain(dirs).map(|dir| dir.join(&name)).find(|file| file.is_file())
}

fn missing() -> CliError {
    CliError::Failed(format!(
        "`{PROGRAM}` is neither beside this program nor on PATH: build it by `cargo build --release --manifest-path \
         tools/sql/Cargo.toml`, or `cargo install --path tools/sql`"
    ))
}
