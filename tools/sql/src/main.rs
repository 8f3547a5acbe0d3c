//! The `inforce-sql` command: what `inforce sql` and `inforce export` call.

use clap::{Args, Parser, Subcommand};
use inforce::cli::{AsOf, Exit};
use inforce_sql::error::SqlError;
use inforce_sql::export::{Format, export};
use inforce_sql::output::{Form, print};
use inforce_sql::query;
use inforce_sql::source::Source;
use std::io::{self, BufWriter, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// A judgement makes and drops many small things on every core.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Asks a ledger in SQL: facts, the uses behind decisions, and verdicts of both views as tables. `SHOW TABLES` and
/// `DESCRIBE TABLE` say what there is; docs/sql.md says what it means.
#[derive(Parser)]
#[command(
    name = "inforce-sql",
    version,
    max_term_width = 110,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    ask: Ask,
}

#[derive(Args)]
struct Ask {
    /// The ledger's folder.
    #[arg(long, env = "INFORCE_LEDGER", value_name = "DIR", required_unless_present = "parquet")]
    ledger: Option<PathBuf>,
    /// Ask an export of Parquet in place of a ledger: nothing is checked or judged again.
    #[arg(long, value_name = "DIR", conflicts_with = "as_of")]
    parquet: Option<PathBuf>,
    #[command(flatten)]
    as_of: AsOf,
    /// Read, check and judge everything, also where `inforce query` has kept the verdicts.
    #[arg(long, conflicts_with = "parquet")]
    judge: bool,
    /// JSON Lines on stdout, an object a row.
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// CSV on stdout, with a header.
    #[arg(long)]
    csv: bool,
    /// What a query may hold, in MiB; more is refused. What decisions are judged in comes on top, and grows with the ledger.
    #[arg(long, value_name = "MIB", default_value_t = 2048)]
    memory: usize,
    /// The query; `-` reads it from stdin.
    #[arg(value_name = "SQL")]
    sql: Option<String>,
}

#[derive(Subcommand)]
enum Command {
    /// Write every table as files that other programs read.
    Export(Export),
}

#[derive(Args)]
struct Export {
    /// The ledger's folder.
    #[arg(long, env = "INFORCE_LEDGER", value_name = "DIR")]
    ledger: PathBuf,
    #[command(flatten)]
    as_of: AsOf,
    /// One JSON object on stdout.
    #[arg(long)]
    json: bool,
    /// Parquet below a new folder: `TABLE/day=YYYY-MM-DD/part-0.parquet`.
    #[arg(long, value_name = "DIR", required_unless_present = "csv")]
    parquet: Option<PathBuf>,
    /// CSV below a new folder: `TABLE.csv`.
    #[arg(long, value_name = "DIR", conflicts_with = "parquet")]
    csv: Option<PathBuf>,
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let failed = error.use_stderr();
            let _ = error.print();
            return if failed { Exit::Usage } else { Exit::Done }.into();
        }
    };
    let done = match cli {
        Cli { command: Some(Command::Export(args)), .. } => write_export(args),
        Cli { ask: args, .. } => ask(args),
    };
    match done {
        Ok(()) | Err(SqlError::ClosedPipe) => Exit::Done.into(),
        Err(error) => {
            eprintln!("error: {error}");
            error.exit().into()
        }
    }
}

fn ask(args: Ask) -> Result<(), SqlError> {
    let begun = std::time::Instant::now();
    let sql = match args.sql.as_deref() {
        None => {
            let expected = "no query: expected SQL in one argument, or `-` to read it from stdin";
            return Err(SqlError::Usage(expected.to_owned()));
        }
        Some("-") => io::read_to_string(io::stdin().lock()).map_err(SqlError::file("stdin".as_ref()))?,
        Some(sql) => sql.to_owned(),
    };
    let form = match (args.json, args.csv) {
        (true, _) => Form::Json,
        (_, true) => Form::Csv,
        _ => Form::Table(io::stdout().is_terminal().then(inforce::cli::width)),
    };
    let pool = query::memory(args.memory << 20);
    let rows = query::runtime()?.block_on(async {
        let session = match (&args.parquet, &args.ledger) {
            (Some(dir), _) => query::over_export(dir, pool).await?,
            (None, Some(dir)) => {
                let source = Source::open(dir, args.as_of.clone(), pool.clone())?;
                let source = if args.judge { source.judging_anew() } else { source };
                query::over_ledger(&Arc::new(source), pool)?
            }
            (None, None) => unreachable!("clap asks for one of them"),
        };
        let rows = query::ask(&session, &sql).await?;
        let rows = print(rows, form, &mut BufWriter::new(io::stdout().lock())).await?;
        // The process ends here: taking the world apart, string by string, would only cost time.
        std::mem::forget(session);
        Ok::<u64, SqlError>(rows)
    })?;
    if matches!(form, Form::Table(_)) || io::stderr().is_terminal() {
        let noun = if rows == 1 { "row" } else { "rows" };
        eprintln!("{rows} {noun} in {:.2} s", begun.elapsed().as_secs_f64());
    }
    Ok(())
}

fn write_export(args: Export) -> Result<(), SqlError> {
    let (format, dir) = match (&args.parquet, &args.csv) {
        (Some(dir), _) => (Format::Parquet, dir),
        (None, Some(dir)) => (Format::Csv, dir),
        (None, None) => unreachable!("clap asks for one of them"),
    };
    let source = Source::open(&args.ledger, args.as_of.clone(), query::memory(usize::MAX))?;
    let told = export(&source, &args.ledger, format, dir)?;
    match args.json {
        true => println!("{told}"),
        false => eprintln!("{}: {} entries, {} rows", dir.display(), told["size"], told["rows"]),
    }
    Ok(())
}
