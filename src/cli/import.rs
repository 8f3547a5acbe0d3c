//! `inforce import`: JSON Lines in, appended a group at a time. While one group is recorded the next one is read and parsed
//! on a thread of its own, and no more than that: the threads that record groups would wait for lines that they parse.

use super::exit::print_line;
use super::{CliError, Common, Exit};
use crate::fact::Fact;
use crate::ledger::{Clock, Ledger, Options};
use crate::wire::{self, Line, Lines, Refusal};
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver};
use std::thread::JoinHandle;

/// Arguments of `inforce import`.
#[derive(clap::Args)]
pub struct Import {
    #[command(flatten)]
    common: Common,
    /// `recorded` takes each fact's `recordedtime` as the time of recording: for moving an older log in.
    #[arg(long, value_enum, default_value = "ledger")]
    clock: ClockArg,
    /// Take the system's clock as it is, though it is more than a year ahead of the last writing.
    #[arg(long)]
    trust_clock: bool,
    /// Where refused lines are kept, one JSON object each with the line and why.
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
    /// JSON Lines, or `-` for stdin.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum ClockArg {
    Ledger,
    Recorded,
}

/// Lines handed to the ledger at a time: one group, one sync.
const GROUP: usize = 4096;
/// Bytes of lines held at a time, whatever their number.
const GROUP_BYTES: usize = 8 << 20;
/// Refusals shown to people; all of them are counted, and kept with `--rejects`.
const SHOWN: u64 = 20;

pub fn run(args: Import) -> Result<Exit, CliError> {
    let options = Options { trust_clock: args.trust_clock, ..Options::default() };
    let ledger = Ledger::open_with(&args.common.ledger, &options)?;
    let name = args.file.display().to_string();
    let input: Box<dyn BufRead + Send> = if args.file.as_os_str() == "-" {
        Box::new(BufReader::new(io::stdin()))
    } else {
        Box::new(BufReader::with_capacity(
            1 << 20,
            File::open(&args.file).map_err(|error| CliError::File(name.clone(), error))?,
        ))
    };
    if let Some(rejects) = &args.rejects {
        check_rejects(rejects, &args.file, &args.common.ledger)?;
    }
    let rejects = args
        .rejects
        .as_ref()
        .map(|path| File::create(path).map_err(|error| CliError::File(path.display().to_string(), error)));
    let mut importing = Importing {
        ledger: &ledger,
        clock: if matches!(args.clock, ClockArg::Recorded) { Clock::Recorded } else { Clock::Ledger },
        rejects: rejects.transpose()?.map(BufWriter::new),
        counts: Counts::default(),
    };
    let (groups, reader) = groups(Lines::new(input));
    for group in groups {
        importing.take(group.map_err(|error| CliError::File(name.clone(), error))?)?;
    }
    // It has nothing left to send. If it panicked, not everything was read.
    reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    let Importing { counts, rejects, .. } = importing;
    if let Some(mut out) = rejects {
        out.flush().map_err(|error| CliError::File("--rejects".to_owned(), error))?;
    }
    let size = ledger.size()?;
    let closed = ledger.close();
    let Counts { appended, duplicates, rejected } = counts;
    let mut out = io::stdout().lock();
    if args.common.json {
        let object =
            serde_json::json!({ "appended": appended, "duplicates": duplicates, "rejected": rejected, "size": size });
        print_line(&mut out, object)?;
    } else {
        print_line(
            &mut out,
            format!(
                "{appended} appended, {duplicates} duplicates, {rejected} rejected; the ledger holds {size} entries"
            ),
        )?;
    }
    // What was recorded is recorded, whether or not it could be signed.
    closed?;
    Ok(if rejected == 0 { Exit::Done } else { Exit::Failure })
}

/// The file for refused lines is written over: it must be neither what is read nor part of the ledger.
fn check_rejects(rejects: &Path, input: &Path, ledger: &Path) -> Result<(), CliError> {
    use std::os::unix::fs::MetadataExt;
    let identity = |path: &Path| std::fs::metadata(path).map(|file| (file.dev(), file.ino())).ok();
    let same = identity(rejects).is_some_and(|own| identity(input) == Some(own));
    let folder = rejects.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let inside = folder
        .canonicalize()
        .ok()
        .zip(ledger.canonicalize().ok())
        .is_some_and(|(folder, ledger)| folder.starts_with(ledger));
    if same || inside {
        let what = if same { "the file that is read" } else { "in the ledger's folder" };
        return Err(CliError::Usage(format!(
            "--rejects `{}` is {what}: expected a file of its own",
            rejects.display()
        )));
    }
    Ok(())
}

#[derive(Default)]
struct Counts {
    appended: u64,
    duplicates: u64,
    rejected: u64,
}

struct Importing<'a> {
    ledger: &'a Ledger,
    clock: Clock,
    rejects: Option<BufWriter<File>>,
    counts: Counts,
}

impl Importing<'_> {
    fn take(&mut self, Group { lines, facts, origins, mut refused }: Group) -> Result<(), CliError> {
        for (outcome, number) in self.ledger.append_each(facts, self.clock)?.into_iter().zip(origins) {
            match outcome {
                Ok(receipt) if receipt.duplicate => self.counts.duplicates += 1,
                Ok(_) => self.counts.appended += 1,
                Err(refusal) => refused.push((number, refusal)),
            }
        }
        refused.sort_by_key(|(number, _)| *number);
        refused.into_iter().try_for_each(|(number, refusal)| self.reject(&lines[number], &refusal))
    }

    fn reject(&mut self, line: &Line, refusal: &Refusal) -> Result<(), CliError> {
        self.counts.rejected += 1;
        match self.counts.rejected {
            n if n <= SHOWN => eprintln!("line {}: {refusal}", line.number),
            n if n == SHOWN + 1 => eprintln!("more lines are rejected; --rejects FILE keeps all of them"),
            _ => {}
        }
        let Some(out) = &mut self.rejects else { return Ok(()) };
        let object = serde_json::json!({
            "line": line.number, "field": refusal.field, "expected": refusal.expected,
            "text": String::from_utf8_lossy(&line.bytes),
        });
        writeln!(out, "{object}").map_err(|error| CliError::File("--rejects".to_owned(), error))
    }
}

/// Lines, and what was read out of them.
struct Group {
    lines: Vec<Line>,
    facts: Vec<Fact>,
    /// The line of each fact, by its place.
    origins: Vec<usize>,
    /// Lines that are no facts, by their places.
    refused: Vec<(usize, Refusal)>,
}

/// Groups as they are read, on a thread of its own, which may wait for input for as long as it likes: it ends with the
/// process, if not before.
fn groups(mut lines: Lines<Box<dyn BufRead + Send>>) -> (Receiver<io::Result<Group>>, JoinHandle<()>) {
    let (sender, receiver) = mpsc::sync_channel(0);
    // Room for the deepest JSON, as the threads of the pool have.
    let reader = std::thread::Builder::new().stack_size(8 << 20).spawn(move || {
        while let Some(lines) = next_group(&mut lines).transpose() {
            let ends = lines.is_err();
            // Nobody takes it where a group before it could not be recorded.
            if sender.send(lines.map(parse_all)).is_err() || ends {
                return;
            }
        }
    });
    (receiver, reader.expect("a thread can be had"))
}

fn parse_all(lines: Vec<Line>) -> Group {
    let (mut facts, mut origins) = (Vec::with_capacity(lines.len()), Vec::with_capacity(lines.len()));
    let mut refused = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        match parse(line) {
            Ok(fact) => {
                facts.push(fact);
                origins.push(number);
            }
            Err(refusal) => refused.push((number, refusal)),
        }
    }
    Group { lines, facts, origins, refused }
}

fn parse(line: &Line) -> Result<Fact, Refusal> {
    if line.is_cut() {
        return Err(Refusal::new(".", format!("the line is longer than {} bytes", wire::MAX_LINE)));
    }
    let text = std::str::from_utf8(&line.bytes).map_err(|_| Refusal::new(".", "not UTF-8: expected JSON"))?;
    wire::parse(text)
}

fn next_group(lines: &mut Lines<Box<dyn BufRead + Send>>) -> io::Result<Option<Vec<Line>>> {
    let (mut group, mut bytes) = (Vec::new(), 0);
    while group.len() < GROUP && bytes < GROUP_BYTES {
        let Some(line) = lines.next_line()? else { break };
        bytes += line.bytes.len();
        if !line.is_blank() {
            group.push(line);
        }
    }
    Ok((!group.is_empty() || bytes > 0).then_some(group))
}
