//! `inforce report`: a span of time on one page, or as JSON.

use super::as_of::AsOf;
use super::bundle::write;
use super::exit::print_line;
use super::memory::Memory;
use super::verify_bundle::parse_key;
use super::within::Within;
use super::{CliError, Common, Exit, sample};
use crate::attested::Attestations;
use crate::checkpoint::{Cosigned, Note, SignatureLine, VerifierKey};
use crate::fact::{Instant, Time};
use crate::judge::{self, Ask, Memos};
use crate::ledger::{Ledger, LedgerError, Parts, Problem};
use crate::query::{self, SampleFile};
use crate::report::{self, Head, Signer, Span, Tally, Tree};
use crate::timeline::World;
use std::path::PathBuf;

/// Arguments of `inforce report`.
#[derive(clap::Args)]
pub struct ReportArgs {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    within: Within,
    /// Write a page that stands alone.
    #[arg(long, short, value_name = "FILE", required_unless_present = "json")]
    output: Option<PathBuf>,
    /// Draw a sample of so many decisions, under the root of the ledger at hand.
    #[arg(long, value_name = "N", requires = "seed", value_parser = clap::value_parser!(u64).range(1..))]
    sample: Option<u64>,
    /// The sample's seed: any line of text.
    #[arg(long, value_name = "TEXT", requires = "sample")]
    seed: Option<String>,
    /// A witness's public key, or a file that holds it: its cosignature on the checkpoint is verified. May be given again.
    #[arg(long, value_name = "VKEY")]
    witness: Vec<String>,
    #[command(flatten)]
    as_of: AsOf,
    #[command(flatten)]
    memory: Memory,
}

pub fn run(args: ReportArgs) -> Result<Exit, CliError> {
    args.within.check()?;
    args.seed.as_deref().map_or(Ok(()), query::check_seed).map_err(CliError::Usage)?;
    let witnesses = args.witness.iter().map(|text| parse_key(text)).collect::<Result<Vec<_>, _>>()?;
    let ledger = Ledger::open_read_only(&args.common.ledger)?;
    let parts = args.as_of.load_parts(&ledger, args.memory.part_len())?;
    refuse(&parts.bad)?;
    let Within { since, until } = args.within;
    let (span, size) = (Span { since, until }, parts.size.0);
    let tree = Tree {
        entries: size,
        root: parts.root.to_string(),
        as_of: args.as_of.said().map(str::to_owned),
        // One that came after the moment was not there then.
        checkpoint: Some(head(&ledger, &ledger.last_note()?, &witnesses)?).filter(|head| head.entries <= size),
        cosigned: ledger
            .witnessed_checkpoint()?
            .map(|note| head(&ledger, &note, &witnesses))
            .transpose()?
            .filter(|head| head.entries <= size),
    };
    let mut tally = Tally::new(span);
    let of_parts = parts.each(|world, attested| Ok::<_, CliError>(count(&world, &attested, span)))?;
    of_parts.into_iter().for_each(|part| tally.add(part));
    let mut report = tally.finish(ledger.origin(), tree, &parts.policies());
    report.sample = draw(&args, &ledger, &parts)?;
    if let Some(path) = &args.output {
        write(path, report::to_html(&report).as_bytes())?;
        eprintln!("wrote {}", path.display());
    }
    if args.common.json {
        let line = serde_json::to_string(&report).expect("strings and numbers");
        print_line(&mut std::io::stdout().lock(), line)?;
    }
    Ok(Exit::Done)
}

fn refuse(bad: &Option<Problem>) -> Result<(), CliError> {
    let Some(bad) = bad else { return Ok(()) };
    let what = format!("entry {}: {}; no report is made", bad.seq, bad.what);
    Err(CliError::Damaged(LedgerError::RolledBack(what)))
}

/// Judges the decisions of a part, and counts its facts.
fn count(world: &World, attested: &Attestations, span: Span) -> Tally {
    let (mut tally, mut memos, mut on_record) = (Tally::new(span), Memos::default(), 0);
    for decision in world.decisions() {
        let node = world.node(decision);
        on_record += attested.of(node.seq).filter(|each| span.holds(each.at)).count();
        if span.holds(node.at.at) {
            tally.take(world, &judge::judge(world, decision, &mut Ask::Memo(&mut memos)));
        }
    }
    tally.facts(world, on_record as u64);
    tally
}

/// The sample that was asked for.
fn draw(args: &ReportArgs, ledger: &Ledger, parts: &Parts) -> Result<Option<SampleFile>, CliError> {
    let (Some(requested), Some(seed)) = (args.sample, &args.seed) else { return Ok(None) };
    Ok(Some(sample::sample(ledger, parts, (seed, requested, &[]), args.within)?.0))
}

fn head(ledger: &Ledger, note: &str, witnesses: &[VerifierKey]) -> Result<Head, CliError> {
    let failed = |error| CliError::Failed(format!("the checkpoint: {error}"));
    let own = ledger.verifier_key();
    let Cosigned { checkpoint, cosignatures } = Cosigned::open(note, &own, witnesses).map_err(failed)?;
    let lines = Note::parse(note).map_err(failed)?;
    let signer = |line: &SignatureLine| {
        let is_of = |key: &VerifierKey| (key.id(), &key.name) == (line.id, &line.name);
        let cosigned = cosignatures.iter().find(|each| is_of(&each.witness));
        let at = cosigned.and_then(|each| i64::try_from(each.timestamp).ok()?.checked_mul(1_000_000_000));
        Signer {
            name: line.name.clone(),
            verified: is_of(&own) || cosigned.is_some(),
            at: at.map(|at| Time::utc(Instant(at)).to_string()),
        }
    };
    let signed_by = lines.signatures().iter().map(signer).collect();
    Ok(Head { entries: checkpoint.size.0, root: checkpoint.root.to_string(), signed_by, note: note.to_owned() })
}
