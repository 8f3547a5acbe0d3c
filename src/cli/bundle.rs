//! `inforce bundle`: evidence about decisions, a file each.

use super::as_of::AsOf;
use super::exit::print_line;
use super::replay::only;
use super::{CliError, Common, Exit};
use crate::evidence;
use crate::fact::FactId;
use crate::ledger::Ledger;
use crate::merkle::TreeSize;
use serde_json::json;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Arguments of `inforce bundle`.
#[derive(clap::Args)]
pub struct Bundle {
    #[command(flatten)]
    common: Common,
    /// The file to write; with several decisions, a folder that gets a file each.
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    /// Show the text of the chats that the decision rests on, where it still exists.
    #[arg(long)]
    with_content: bool,
    /// Write an in-toto Statement in a DSSE envelope, whose predicate is the bundle.
    #[arg(long)]
    dsse: bool,
    /// Prove against this checkpoint of the ledger's, cosigned or not, instead of the newest one.
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    #[command(flatten)]
    as_of: AsOf,
    /// Ids of decisions, or `SOURCE ID` in one argument where an id is not unique, or `#SEQ`.
    #[arg(value_name = "DECISION", required = true)]
    decisions: Vec<String>,
}

pub fn run(args: Bundle) -> Result<Exit, CliError> {
    let ledger = Ledger::open_indexed(&args.common.ledger)?;
    let at = match (&args.checkpoint, args.as_of.is_given()) {
        (Some(_), true) => return Err(CliError::Usage("expected one of --checkpoint and --as-of".to_owned())),
        (Some(path), false) => Some(read(path)?),
        (None, _) => args.as_of.note(&ledger)?,
    };
    let folder = args.decisions.len() > 1 || args.output.is_dir();
    if folder {
        std::fs::create_dir_all(&args.output).map_err(|error| file_error(&args.output, error))?;
    }
    let mut out = std::io::stdout().lock();
    for name in &args.decisions {
        let seq = find(&ledger, name, TreeSize(u64::MAX))?;
        let bundle = evidence::bundle(&ledger, seq, args.with_content, at.as_deref())?;
        let ending = if args.dsse { "inforce.dsse.json" } else { "inforce.json" };
        let path = if folder { args.output.join(format!("{seq}.{ending}")) } else { args.output.clone() };
        let text = match args.dsse {
            true => evidence::envelope(&ledger, &bundle)?,
            false => bundle.to_text(),
        };
        write(&path, text.as_bytes())?;
        if args.common.json {
            let conformance = &bundle.verdict["conformance"];
            let line = json!({ "decision": bundle.decision, "file": path.display().to_string(), "bytes": text.len(),
                "entries": bundle.entries.len(), "conformance": conformance });
            print_line(&mut out, line)?;
        } else {
            eprintln!("wrote {}: {} entries, {} bytes", path.display(), bundle.entries.len(), text.len());
        }
    }
    Ok(Exit::Done)
}

/// The seq of the decision of that id, or of `SOURCE ID`, among the first `size` entries; or of `#SEQ`.
pub(super) fn find(ledger: &Ledger, name: &str, size: TreeSize) -> Result<u64, CliError> {
    if let Some(seq) = name.strip_prefix('#').and_then(|seq| seq.parse().ok()) {
        return Ok(seq);
    }
    let mut found = ledger.decisions_of(name)?;
    if let Some((source, id)) = name.split_once(' ').filter(|_| found.is_empty()) {
        found.extend(ledger.decision_of(&FactId { source: source.to_owned(), id: id.to_owned() })?);
    }
    if found.is_empty() {
        // The decision may stand behind damage: that is what there is to say, not that there is no such decision.
        ledger.look()?.reach(ledger.standing()?.0)?;
    }
    found.retain(|&seq| seq < size.0);
    only(name, &found)
}

/// Reads a text file.
pub(super) fn read(path: &Path) -> Result<String, CliError> {
    std::fs::read_to_string(path).map_err(|error| file_error(path, error))
}

/// Writes a file that its owner alone may read: a bundle says what a person did.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = std::fs::OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(bytes)).map_err(|error| file_error(path, error))
}

fn file_error(path: &Path, error: std::io::Error) -> CliError {
    CliError::File(path.display().to_string(), error)
}
