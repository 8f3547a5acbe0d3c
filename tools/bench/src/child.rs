//! This program run again as `inforce`, so that a command is measured as a process of its own: its time from start to end,
//! and the most memory that it ever held.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// Set for a child: where it writes the most memory that it held.
const PEAK: &str = "INFORCE_BENCH_PEAK";

/// What a command took.
#[derive(Clone, Copy, Debug)]
pub struct Took {
    /// From start to end.
    pub time: Duration,
    /// The most memory, in megabytes.
    pub peak_mb: f64,
}

/// Is `inforce` where this process is a child; `None` where it is not.
pub fn as_child() -> Option<ExitCode> {
    let peak = std::env::var_os(PEAK)?;
    let exit = inforce::cli::main();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().split(' ').next()?.parse::<u64>().ok());
    let written = std::fs::write(peak, kib.unwrap_or(0).to_string());
    Some(written.map_or(ExitCode::FAILURE, |()| exit.into()))
}

/// A command that is `inforce` with these arguments.
pub fn command(ledger: &Path, args: &[&str], peak: &Path) -> io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(args).arg("--ledger").arg(ledger).env(PEAK, peak).stdout(Stdio::null()).stderr(Stdio::null());
    Ok(command)
}

/// Runs `inforce` to its end, with what `feed` writes as its input. Exit codes of findings are no failures.
pub fn run(ledger: &Path, args: &[&str], feed: impl FnOnce(&mut dyn io::Write) -> io::Result<()>) -> io::Result<Took> {
    let dir = tempfile::tempdir()?;
    let peak: PathBuf = dir.path().join("peak");
    let begun = Instant::now();
    let mut child = command(ledger, args, &peak)?.stdin(Stdio::piped()).spawn()?;
    let mut input = io::BufWriter::with_capacity(1 << 20, child.stdin.take().expect("it is piped"));
    feed(&mut input)?;
    io::Write::flush(&mut input)?;
    drop(input);
    let status = child.wait()?;
    let time = begun.elapsed();
    if !matches!(status.code(), Some(0 | 3 | 4)) {
        return Err(io::Error::other(format!("`{}` ended with {status}", args.join(" "))));
    }
    let kib: f64 = std::fs::read_to_string(&peak)?.parse().map_err(io::Error::other)?;
    Ok(Took { time, peak_mb: kib * 1024.0 / 1e6 })
}
