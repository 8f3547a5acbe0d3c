//! `inforce sample`: decisions for a person to look at, drawn so that nobody could have chosen them; or drawn again.

use super::as_of::AsOf;
use super::bundle::{read, write};
use super::exit::print_line;
use super::{CliError, Exit};
use crate::checkpoint::Checkpoint;
use crate::evidence::{self, EvidenceError};
use crate::fact::{Digest, Instant, Time};
use crate::ledger::{Ledger, LedgerError, Loaded};
use crate::merkle::{NodeHash, TreeSize};
use crate::query::{self, By, Chosen, Population, Recipe, SampleFile};
use crate::replay;
use crate::timeline::World;
use serde_json::json;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

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
    /// Only decisions made at or after this time (RFC 3339).
    #[arg(long, value_name = "T", value_parser = super::replay::instant)]
    since: Option<Instant>,
    /// Only decisions made before this time (RFC 3339).
    #[arg(long, value_name = "T", value_parser = super::replay::instant)]
    until: Option<Instant>,
    /// A checkpoint of the ledger's that signs the root; also what bundles are proved against.
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// A folder for `sample.json`, `population.tsv`, and a bundle of each decision drawn.
    #[arg(long, short, value_name = "DIR")]
    output: Option<PathBuf>,
    #[command(flatten)]
    as_of: AsOf,
    /// Draw the sample of this `sample.json` again, and say what differs.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["size", "seed", "root", "by", "since", "until", "output"])]
    redraw: Option<PathBuf>,
    /// Draw it again from this `population.tsv` alone.
    #[arg(long, value_name = "FILE", requires = "redraw", conflicts_with_all = ["as_of", "checkpoint"])]
    population: Option<PathBuf>,
}

pub fn run(args: Sample) -> Result<Exit, CliError> {
    match &args.redraw {
        Some(path) => redraw(&args, path),
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
    let ledger = open(args)?;
    let Found { loaded, note } = find(args, &ledger, root)?;
    if let (None, Some(_)) = (&note, &args.output) {
        return Err(CliError::Failed(format!(
            "no checkpoint at hand signs the root `{root}`: `inforce checkpoint` signs it as it stands, `--checkpoint` names one"
        )));
    }
    let text = |at: Option<Instant>| at.map(|at| Time::utc(at).to_string());
    let recipe = Recipe {
        origin: ledger.origin().to_owned(),
        root: root.to_string(),
        entries: loaded.size.0,
        seed: seed.clone(),
        requested: size,
        by: args.by.clone(),
        since: text(args.since),
        until: text(args.until),
    };
    let (mut file, population) = sample(&ledger, &loaded.world, recipe, [args.since, args.until])?;
    file.checkpoint = note;
    if let Some(dir) = &args.output {
        write_all(&ledger, dir, &mut file, &population)?;
    }
    let mut out = std::io::stdout().lock();
    match args.json {
        true => print_line(&mut out, file.to_text().trim_end())?,
        false => print_line(&mut out, file.words())?,
    }
    if !args.json && args.output.is_none() {
        for each in &file.sample {
            let name = each.id.clone().unwrap_or_else(|| format!("#{}", each.seq));
            print_line(&mut out, format!("{:>10}  {:<13} {name}", each.seq, each.conformance))?;
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
    loaded: Loaded,
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
    let loaded = args.as_of.load(ledger)?;
    if let Some(bad) = &loaded.bad {
        return Err(tampered(bad.seq, &bad.what));
    }
    if loaded.root == root {
        return Ok(Found { loaded, note });
    }
    if let Some(note) = note.filter(|_| !args.as_of.is_given()) {
        let loaded = at(ledger, head(&note).size, root)?;
        return Ok(Found { loaded, note: Some(note) });
    }
    let own = ("the ledger", loaded.size.0, loaded.root);
    let heads = notes.iter().map(|(what, note)| (*what, head(note).size.0, head(note).root));
    let has: Vec<String> = std::iter::once(own)
        .chain(heads)
        .map(|(what, size, root)| format!("`{root}` of {what} over {size} entries"))
        .collect();
    Err(CliError::Usage(format!("root `{root}`: expected {}", has.join(", or "))))
}

/// The ledger at a size, whose root must be this one.
fn at(ledger: &Ledger, size: TreeSize, root: NodeHash) -> Result<Loaded, CliError> {
    let loaded = ledger.load_as_of(size).map_err(|error| match error {
        LedgerError::BeyondTree { asked, expected } => CliError::Damaged(LedgerError::RolledBack(format!(
            "the root is over {asked} entries, and the ledger has fewer: expected {expected}"
        ))),
        other => other.into(),
    })?;
    match &loaded.bad {
        Some(bad) => Err(tampered(bad.seq, &bad.what)),
        None if loaded.root != root => Err(CliError::Damaged(LedgerError::RolledBack(format!(
            "over {} entries the root is `{}`, and was `{root}`",
            size.0, loaded.root
        )))),
        None => Ok(loaded),
    }
}

fn tampered(seq: u64, what: &str) -> CliError {
    CliError::Damaged(LedgerError::RolledBack(format!("entry {seq}: {what}; no sample is drawn")))
}

/// Judges everything, and draws.
pub(super) fn sample(
    ledger: &Ledger,
    world: &World,
    recipe: Recipe,
    [since, until]: [Option<Instant>; 2],
) -> Result<(SampleFile, Population), CliError> {
    let within = |at: Instant| since.is_none_or(|since| at >= since) && until.is_none_or(|until| at < until);
    let decisions: Vec<_> = world.decisions().filter(|&each| within(world.node(each).at.at)).collect();
    let mut leaves = ledger.leaves(decisions.iter().map(|&each| world.node(each).seq))?.into_iter();
    let (mut population, mut conformance) = (Population::default(), HashMap::new());
    let stratum = |world: &World, judgement| {
        let row = query::row(world, &judgement);
        (row.seq, query::stratum(&row, &recipe.by), row.conformance)
    };
    replay::replay(world, &decisions, stratum, |(seq, stratum, found)| {
        let leaf = leaves.next().expect("a leaf a decision");
        population.add(seq, Digest(leaf.0), &stratum);
        conformance.insert(seq, found);
    });
    let chosen = |seq, stratum| {
        let name = world.locate(seq).and_then(|node| world.name_of(node));
        let (source, id) = name.map(|(source, id)| (source.to_owned(), id.to_owned())).unzip();
        Chosen { seq, source, id, stratum, conformance: conformance[&seq].name().to_owned(), bundle: None, why: None }
    };
    let file = SampleFile::draw(recipe.clone(), &population, chosen).map_err(CliError::Usage)?;
    Ok((file, population))
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

/// Draws the sample of a file again, from the ledger or from its population.
fn redraw(args: &Sample, path: &Path) -> Result<Exit, CliError> {
    let wrong = |path: &Path, what: String| CliError::Failed(format!("`{}`: {what}", path.display()));
    let file = SampleFile::parse(&read(path)?).map_err(|error| wrong(path, error))?;
    let again = match &args.population {
        Some(listed) => {
            let population = Population::parse(&read(listed)?).map_err(|error| wrong(listed, error))?;
            let chosen = |seq, stratum| Chosen {
                seq,
                source: None,
                id: None,
                stratum,
                conformance: String::new(),
                bundle: None,
                why: None,
            };
            SampleFile::draw(file.recipe.clone(), &population, chosen).map_err(|error| wrong(path, error))?
        }
        None => {
            let ledger = open(args)?;
            let committed = root(&file.recipe.root).map_err(|error| wrong(path, format!("root: {error}")))?;
            let time = |text: &Option<String>| -> Result<Option<Instant>, CliError> {
                let read = |text: &String| Time::parse(text).map_err(|error| wrong(path, error.to_string()));
                Ok(text.as_ref().map(read).transpose()?.map(|time| time.at))
            };
            let window = [time(&file.recipe.since)?, time(&file.recipe.until)?];
            let loaded = at(&ledger, TreeSize(file.recipe.entries), committed)?;
            sample(&ledger, &loaded.world, file.recipe.clone(), window)?.0
        }
    };
    let found = file.differences(&again);
    let mut out = std::io::stdout().lock();
    if args.json {
        print_line(&mut out, json!({ "same": found.is_empty(), "differences": found }))?;
    } else if found.is_empty() {
        let (drawn, all) = (file.sample.len(), file.population.decisions);
        print_line(&mut out, format!("the same sample: {drawn} of {all} decisions, none left out, none changed"))?;
    }
    for each in found.iter().filter(|_| !args.json) {
        print_line(&mut out, each)?;
    }
    Ok(if found.is_empty() { Exit::Done } else { Exit::Broken })
}
