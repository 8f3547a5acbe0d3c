//! `inforce sample`: decisions for a person to look at, drawn so that nobody could have chosen them; or drawn again.

mod judged;
mod redraw;
mod words;

use super::as_of::AsOf;
use super::bundle::{read, write};
use super::exit::print_line;
use super::memory::Memory;
use super::within::Within;
use super::{CliError, Exit};
use crate::checkpoint::{Checkpoint, Note};
use crate::evidence::{self, EvidenceError};
use crate::explain::clean;
use crate::fact::{Digest, Instant, Kind, Time};
use crate::ledger::{Ledger, LedgerError, Parts, Reading};
use crate::merkle::{NodeHash, TreeSize};
use crate::query::{self, By, Chosen, Population, Recipe, SampleFile, Standing};
use judged::judge;
use std::path::{Path, PathBuf};
use words::{NOT_COMMITTED, words};

/// Arguments of `inforce sample`.
#[derive(clap::Args)]
pub struct Sample {
    /// The ledger's folder; not needed with `--redraw` and `--population`.
    #[arg(long, env = "INFORCE_LEDGER", value_name = "DIR")]
    ledger: Option<PathBuf>,
    /// One JSON object on stdout: `sample.json`, or what a redraw found.
    #[arg(long)]
    json: bool,
    /// How many decisions.
    #[arg(long, value_name = "N", required_unless_present = "redraw", value_parser = clap::value_parser!(u64).range(1..))]
    size: Option<u64>,
    /// Any line of text, said by whoever audits after the root was committed to.
    #[arg(long, value_name = "TEXT", required_unless_present = "redraw")]
    seed: Option<String>,
    /// The root of the ledger as it stands (or at `--as-of`), of its last or last cosigned checkpoint, or of
    /// `--checkpoint`: in hex, or in base64 as a checkpoint has it.
    #[arg(long, value_name = "ROOT", required_unless_present = "redraw", value_parser = root)]
    root: Option<NodeHash>,
    /// Draw from each stratum by these: policy, region, app, rule, conformance, verdict, outcome, purpose, advertiser,
    /// campaign.
    #[arg(long, value_name = "FIELD", value_delimiter = ',', value_parser = By::parse)]
    by: Vec<By>,
    #[command(flatten)]
    within: Within,
    /// A checkpoint of the ledger's that signs the root; also what bundles are proved against.
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// A new or empty folder for `sample.json`, `population.tsv`, and a bundle of each decision drawn.
    #[arg(long, short, value_name = "DIR")]
    output: Option<PathBuf>,
    #[command(flatten)]
    as_of: AsOf,
    #[command(flatten)]
    memory: Memory,
    /// Draw the sample of this `sample.json` again, and say what differs, also in what lies beside it.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["size", "seed", "root", "by", "since", "until", "output"])]
    redraw: Option<PathBuf>,
    /// Draw it again from this `population.tsv` alone: without the ledger nobody can tell if a decision was left out of it.
    #[arg(long, value_name = "FILE", requires = "redraw", conflicts_with_all = ["as_of", "checkpoint", "mib"])]
    population: Option<PathBuf>,
    /// The ledger's public key, or a file that holds it: checkpoint and bundles are held to it where there is no ledger.
    #[arg(long, value_name = "PUBKEY", requires = "population")]
    key: Option<String>,
}

pub fn run(args: Sample) -> Result<Exit, CliError> {
    match &args.redraw {
        Some(path) => redraw::redraw(&args, path),
        None => draw(&args),
    }
}

fn root(text: &str) -> Result<NodeHash, String> {
    use base64::Engine as _;
    let decoded = || base64::engine::general_purpose::STANDARD.decode(text).ok()?.try_into().ok();
    let hash = Digest::parse(text).map(|digest| digest.0).or_else(decoded);
    hash.map(NodeHash).ok_or_else(|| "expected 64 hex digits, or 32 bytes in base64".to_owned())
}

fn draw(args: &Sample) -> Result<Exit, CliError> {
    let (Some(size), Some(seed), Some(root)) = (args.size, &args.seed, args.root) else {
        return Err(CliError::Usage("expected `--size`, `--seed` and `--root`".to_owned()));
    };
    query::check_seed(seed).map_err(CliError::Usage)?;
    args.within.check()?;
    args.output.as_deref().map_or(Ok(()), expect_empty)?;
    let ledger = open(args)?;
    let Found { parts, note } = find(args, &ledger, root)?;
    if let (None, Some(_)) = (&note, &args.output) {
        return Err(CliError::Failed(format!(
            "no checkpoint at hand signs the root `{root}`: `inforce checkpoint` signs it as it stands, `--checkpoint` names one"
        )));
    }
    let (mut file, population) = sample(&ledger, &parts, (seed, size, &args.by), args.within)?;
    if let Some(note) = note {
        commit(&mut file, note)?;
    }
    if !file.committed {
        eprintln!("warning: {NOT_COMMITTED}");
    }
    if let Some(dir) = &args.output {
        write_all(&ledger, dir, &mut file, &population)?;
    }
    let mut out = std::io::stdout().lock();
    match args.json {
        true => print_line(&mut out, file.to_text().trim_end())?,
        false => words(&file).iter().try_for_each(|line| print_line(&mut out, line))?,
    }
    if !args.json && args.output.is_none() {
        for each in &file.sample {
            let name = each.id.clone().unwrap_or_else(|| format!("#{}", each.seq));
            print_line(&mut out, format!("{:>10}  {:<13} {}", each.seq, each.conformance, clean(&name)))?;
        }
    }
    Ok(if file.sample.iter().any(|each| each.why.is_some()) { Exit::Unproven } else { Exit::Done })
}

fn open(args: &Sample) -> Result<Ledger, CliError> {
    let dir = args.ledger.as_ref().ok_or_else(|| CliError::Usage("expected `--ledger`".to_owned()))?;
    Ok(Ledger::open_read_only(dir)?)
}

/// What has the root that was asked for, and the note that signs it.
struct Found {
    parts: Parts,
    note: Option<String>,
}

/// The ledger at the size whose root was asked for; refused if it never had that root where anybody could have said it.
fn find(args: &Sample, ledger: &Ledger, root: NodeHash) -> Result<Found, CliError> {
    let mut notes = Vec::new();
    if let Some(path) = &args.checkpoint {
        let note = read(path)?;
        let opened = Checkpoint::open(&note, &ledger.verifier_key());
        opened.map_err(|error| CliError::Failed(format!("`{}`: {error}", path.display())))?;
        notes.push(("the given checkpoint", note));
    }
    notes.extend(ledger.witnessed_checkpoint()?.map(|note| ("the last cosigned checkpoint", note)));
    notes.push(("the last checkpoint", ledger.last_note()?));
    let head = |note: &str| Checkpoint::open(note, &ledger.verifier_key()).expect("opened before");
    let signed = notes.iter().find(|(_, note)| head(note).root == root);
    let note = signed.map(|(_, note)| note.clone());
    let part_len = args.memory.part_len();
    let parts = args.as_of.load_parts(ledger, part_len)?;
    if let Some(bad) = &parts.bad {
        return Err(tampered(bad.seq, &bad.what));
    }
    if parts.root == root {
        return Ok(Found { parts, note });
    }
    if let Some(note) = note.filter(|_| !args.as_of.is_given()) {
        drop(parts);
        let parts = at(ledger, head(&note).size, root, part_len)?;
        return Ok(Found { parts, note: Some(note) });
    }
    let own = ("the ledger", parts.size.0, parts.root);
    let heads = notes.iter().map(|(what, note)| (*what, head(note).size.0, head(note).root));
    let has: Vec<String> = std::iter::once(own)
        .chain(heads)
        .map(|(what, size, root)| format!("`{root}` of {what} over {size} entries"))
        .collect();
    Err(CliError::Usage(format!("root `{root}`: expected {}", has.join(", or "))))
}

/// The ledger at a size, whose root must be this one.
fn at(ledger: &Ledger, size: TreeSize, root: NodeHash, part_len: u64) -> Result<Parts, CliError> {
    let parts = ledger.load_parts(part_len, Some(size)).map_err(|error| match error {
        LedgerError::BeyondTree { asked, expected } => CliError::Damaged(LedgerError::RolledBack(format!(
            "the root is over {asked} entries, and the ledger has fewer: expected {expected}"
        ))),
        other => other.into(),
    })?;
    match &parts.bad {
        Some(bad) => Err(tampered(bad.seq, &bad.what)),
        None if parts.root != root => Err(CliError::Damaged(LedgerError::RolledBack(format!(
            "over {} entries the root is `{}`, and was `{root}`",
            size.0, parts.root
        )))),
        None => Ok(parts),
    }
}

fn tampered(seq: u64, what: &str) -> CliError {
    CliError::Damaged(LedgerError::RolledBack(format!("entry {seq}: {what}; no sample is drawn")))
}

/// Judges everything, and draws so many by a seed from each stratum; the ledger's own checkpoint over the root, if it holds one,
/// is named.
pub(super) fn sample(
    ledger: &Ledger,
    parts: &Parts,
    (seed, requested, by): (&str, u64, &[By]),
    within: Within,
) -> Result<(SampleFile, Population), CliError> {
    let text = |at: Option<Instant>| at.map(|at| Time::utc(at).to_string());
    let recipe = Recipe {
        origin: ledger.origin().to_owned(),
        root: parts.root.to_string(),
        entries: parts.size.0,
        seed: seed.to_owned(),
        requested,
        by: by.to_vec(),
        since: text(within.since),
        until: text(within.until),
    };
    let judged = judge(ledger, parts, by, within)?;
    let mut file = judged.draw(recipe).map_err(CliError::Usage)?;
    let mut chosen = judged.chosen(&file.sample.iter().map(|each| each.seq).collect())?;
    for each in &mut file.sample {
        let said = chosen.remove(&each.seq).expect("it is of the population");
        *each = Chosen { stratum: std::mem::take(&mut each.stratum), ..said };
    }
    let entries = ledger.standing()?.0.0.max(file.recipe.entries);
    let erasures = erasures(ledger, file.recipe.entries, entries)?.len() as u64;
    file.standing = Standing { entries, erasures };
    let held = [ledger.witnessed_checkpoint()?, Some(ledger.last_note()?)];
    let signs = |note: &String| {
        Checkpoint::open(note, &ledger.verifier_key()).is_ok_and(|head| head.root.to_string() == file.recipe.root)
    };
    if let Some(note) = held.into_iter().flatten().find(signs) {
        commit(&mut file, note)?;
    }
    Ok((file, judged.population))
}

/// Erasures with a seq from `from` on and below `until`, by seq.
fn erasures(ledger: &Ledger, from: u64, until: u64) -> Result<Vec<u64>, CliError> {
    if from >= until {
        return Ok(Vec::new());
    }
    let read = ledger.read_as_of(Some(TreeSize(until)), Vec::new, |found, entry| {
        if entry.header.kind == Kind::SubjectErased && entry.header.seq >= from {
            found.push(entry.header.seq);
        }
    })?;
    let Reading { gathered, bad, .. } = read;
    bad.map_or(Ok(gathered), |bad| Err(tampered(bad.seq, &bad.what)))
}

/// Notes the checkpoint that the root is in.
fn commit(file: &mut SampleFile, note: String) -> Result<(), CliError> {
    file.cosigned = others(&note, &file.recipe.origin)?;
    file.committed = true;
    file.checkpoint = Some(note);
    Ok(())
}

/// The names on a note's signature lines, but for the ledger's own.
fn others(note: &str, origin: &str) -> Result<Vec<String>, CliError> {
    let note = Note::parse(note).map_err(|error| CliError::Failed(format!("the checkpoint: {error}")))?;
    Ok(note.signatures().iter().map(|line| line.name.clone()).filter(|name| name != origin).collect())
}

/// A folder of two samples would pass for one.
fn expect_empty(dir: &Path) -> Result<(), CliError> {
    let failed = |error| CliError::File(dir.display().to_string(), error);
    match std::fs::read_dir(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(failed(error)),
        Ok(mut held) => match held.next() {
            None => Ok(()),
            Some(Err(error)) => Err(failed(error)),
            Some(Ok(_)) => Err(CliError::Usage(format!(
                "`{}` is not empty: expected a new or an empty folder, so that no file of another sample passes for one of \
                 this; move what is in it away, or name another",
                dir.display()
            ))),
        },
    }
}

/// `sample.json`, `population.tsv`, and a bundle of each decision, for their owner's eyes.
fn write_all(ledger: &Ledger, dir: &Path, file: &mut SampleFile, population: &Population) -> Result<(), CliError> {
    std::fs::create_dir_all(dir).map_err(|error| CliError::File(dir.display().to_string(), error))?;
    let indexed = Ledger::open_indexed(ledger.dir())?;
    let note = file.checkpoint.clone();
    for each in &mut file.sample {
        match evidence::bundle(&indexed, each.seq, false, note.as_deref()) {
            Ok(bundle) => {
                let name = format!("bundle-{}.json", each.seq);
                write(&dir.join(&name), bundle.to_text().as_bytes())?;
                each.bundle = Some(name);
            }
            // What was erased since the root was signed cannot be shown as it was then: that is told, not passed over.
            Err(error @ EvidenceError::ErasedBehind { .. }) => {
                eprintln!("no bundle of entry {}: {error}", each.seq);
                each.why = Some(error.to_string());
            }
            Err(error) => return Err(error.into()),
        }
    }
    write(&dir.join("population.tsv"), population.to_text().as_bytes())?;
    write(&dir.join("sample.json"), file.to_text().as_bytes())?;
    eprintln!("wrote {}: sample.json, population.tsv, {} bundles", dir.display(), file.sample.len());
    Ok(())
}
