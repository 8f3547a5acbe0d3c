//! The command line: a file a command. Results go to stdout, people's words and progress to stderr.

mod anchor;
mod as_of;
mod attest;
mod backup;
mod bundle;
mod checkpoint;
mod consistency;
mod csv;
mod decision;
mod demo;
mod derive;
mod exit;
mod explain;
mod history;
mod import;
mod in_parts;
mod init;
mod memory;
mod periods;
mod policy;
mod progress;
mod proof;
mod publish;
mod provenance;
mod query;
mod rederive;
mod reindex;
mod replay;
mod report;
mod restore;
mod retain;
mod salvage;
mod sample;
mod sql;
mod status;
mod table;
mod verify;
mod verify_bundle;
mod whatif;
mod within;
mod witness;

pub use as_of::AsOf;
pub use exit::{CliError, Exit};
pub use table::{cut, fit, width};

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Records every AI interaction, notice, preference, signal and ad decision, and replays any decision against the
/// policy that was in force at that time.
#[derive(Parser)]
#[command(name = "inforce", version, max_term_width = 110, propagate_version = true)]
pub struct Cli {
    /// Say more on stderr about what is being done.
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    #[command(subcommand)]
    command: Command,
}

/// What every command on a ledger takes.
#[derive(Args, Clone)]
pub struct Common {
    /// The ledger's folder.
    #[arg(long, env = "INFORCE_LEDGER", value_name = "DIR")]
    ledger: PathBuf,
    /// One JSON object, or JSON Lines, on stdout.
    #[arg(long)]
    json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Make a new ledger in an empty folder.
    Init(init::Init),
    /// Record facts from JSON Lines.
    Import(import::Import),
    /// Label interactions that nobody labelled, and derive signals from those that none cites.
    Derive(derive::Derive),
    /// Make a ledger from conversations, decide over it, replay every decision, and report.
    Demo(demo::Demo),
    /// Judge decisions again, against the policies in force at their time.
    Replay(replay::Replay),
    /// Find decisions and facts by account, advertiser, rule, verdict, time and the like, a page at a time.
    Query(query::Query),
    /// Show one person's facts on both clocks, and what was set for them at any moment, in either view.
    History(history::History),
    /// Say when each rule was broken: intervals, counts, and how long a person's own choice had been ignored.
    Periods(periods::Periods),
    /// Judge every decision by another policy too, and count both verdicts against each other.
    Whatif(whatif::WhatIf),
    /// Explain one decision to a person: the verdict, why, and everything that it rests on.
    Explain(explain::Explain),
    /// Draw decisions to look at, so that nobody could have chosen them; or draw a sample again.
    Sample(sample::Sample),
    /// Report on a span of time: a page that stands alone and prints, or JSON.
    Report(report::ReportArgs),
    /// Put verdicts on record, so that they are known after evidence was erased.
    Attest(attest::Attest),
    /// Write evidence about decisions that others can check without the ledger.
    Bundle(bundle::Bundle),
    /// Check a bundle: integrity, completeness, and the verdict, from the file alone.
    VerifyBundle(verify_bundle::VerifyBundle),
    /// Export what one decision rests on as W3C PROV-JSON.
    Provenance(provenance::Provenance),
    /// Check every hash, chain, commitment and signature.
    Verify(verify::Verify),
    /// Sign the tree as it stands, and have witnesses cosign it.
    Checkpoint(checkpoint::Checkpoint),
    /// Prove or refute that one state of the log is the beginning of another.
    Consistency(consistency::Consistency),
    /// Prove that an entry is in the log, as a file that anybody can check; or check such a file.
    Proof(proof::Proof),
    /// Write the log as static files that any web server can mirror.
    Publish(publish::Publish),
    /// Serve as a witness: cosign checkpoints of logs that only grow.
    Witness(witness::Witness),
    /// Keep a copy of each checkpoint outside the ledger's folder, and hold the ledger to it.
    Anchor(anchor::Anchor),
    /// Adopt, list and compare policies.
    Policy(policy::Policy),
    /// Throw the index away and rebuild it from the journal.
    Reindex(reindex::Reindex),
    /// Copy the ledger to another folder, while it is written to; only what is new since the last time.
    Backup(backup::Backup),
    /// Make a ledger again from a backup.
    Restore(restore::Restore),
    /// Move sealed segments of the journal to cold storage, and read them from there.
    Retain(retain::Retain),
    /// Copy what verifies of a damaged ledger into a new one, and report what became of every entry.
    Salvage(salvage::Salvage),
    /// Ask in SQL: facts, uses, and verdicts of both views as tables.
    Sql(sql::Sql),
    /// Write every table as files of Parquet or CSV.
    Export(sql::Export),
    /// Say how the ledger stands: entries, checkpoint, bytes, writer.
    Status(status::StatusArgs),
}

/// Parses the arguments, runs the command, reports an error, and says how to exit.
pub fn main() -> Exit {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let failed = error.use_stderr();
            // Help that cannot be printed, to a closed pipe say, is nobody's loss.
            let _ = error.print();
            return if failed { Exit::Usage } else { Exit::Done };
        }
    };
    start_log(cli.verbose);
    outlive_size_limits();
    if matches!(cli.command, Command::Import(_)) {
        forgo_huge_pages();
    }
    // Judging must not depend on which thread does it: all have the stack of the first.
    if let Err(error) = rayon::ThreadPoolBuilder::new().stack_size(8 << 20).build_global() {
        tracing::warn!("threads: {error}");
    }
    match run(cli.command) {
        Ok(exit) => exit,
        Err(CliError::ClosedPipe) => Exit::Done,
        Err(error) => {
            anstream::eprintln!("{}error:{} {error}", exit::ERROR.render(), exit::ERROR.render_reset());
            error.exit()
        }
    }
}

fn run(command: Command) -> Result<Exit, CliError> {
    match command {
        Command::Init(args) => init::run(args),
        Command::Import(args) => import::run(args),
        Command::Derive(args) => derive::run(args),
        Command::Demo(args) => demo::run(args),
        Command::Replay(args) => replay::run(args),
        Command::Query(args) => query::run(args),
        Command::History(args) => history::run(args),
        Command::Periods(args) => periods::run(args),
        Command::Whatif(args) => whatif::run(args),
        Command::Explain(args) => explain::run(args),
        Command::Provenance(args) => provenance::run(args),
        Command::Sample(args) => sample::run(args),
        Command::Report(args) => report::run(args),
        Command::Attest(args) => attest::run(args),
        Command::Bundle(args) => bundle::run(args),
        Command::VerifyBundle(args) => verify_bundle::run(args),
        Command::Verify(args) => verify::run(args),
        Command::Checkpoint(args) => checkpoint::run(args),
        Command::Consistency(args) => consistency::run(args),
        Command::Proof(args) => proof::run(args),
        Command::Publish(args) => publish::run(args),
        Command::Witness(args) => witness::run(args),
        Command::Anchor(args) => anchor::run(args),
        Command::Policy(args) => policy::run(args),
        Command::Reindex(args) => reindex::run(args),
        Command::Backup(args) => backup::run(args),
        Command::Restore(args) => restore::run(args),
        Command::Retain(args) => retain::run(args),
        Command::Salvage(args) => salvage::run(args),
        Command::Sql(args) => sql::run(args),
        Command::Export(args) => sql::export(args),
        Command::Status(args) => status::run(args),
    }
}

/// A file that reaches its limit is an error to report, not a signal to die of: once somebody listens, the write fails.
fn outlive_size_limits() {
    let heard = Arc::new(AtomicBool::new(false));
    if let Err(error) = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, heard) {
        tracing::warn!("signals: {error}");
    }
}

/// Has the system give this process memory in small pages from here on, whatever the allocator asks for: an import is to leave
/// memory to others. The other commands keep huge pages, and wait less for memory: docs/performance.md tells what either takes.
/// Where the system knows no such thing nothing is said.
fn forgo_huge_pages() {
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}

fn start_log(verbose: u8) {
    let level = match verbose {
        0 => tracing::Level::WARN,
        1 => tracing::Level::INFO,
        _ => tracing::Level::DEBUG,
    };
    tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr).with_target(false).init();
}
