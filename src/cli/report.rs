//! `inforce report`: a span of time on one page, or as JSON.

use super::as_of::AsOf;
use super::bundle::write;
use super::exit::print_line;
use super::verify_bundle::parse_key;
use super::within::Within;
use super::{CliError, Common, Exit, sample};
use crate::checkpoint::{Cosigned, Note, SignatureLine, VerifierKey};
use crate::fact::{Instant, Time};
use crate::ledger::{Ledger, LedgerError, Loaded};
use crate::query::{self, Recipe};
use crate::replay;
use crate::report::{self, Head, Signer, Span, Tally, Tree};
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
}

pub fn run(args: ReportArgs) -> Result<Exit, CliError> {
    args.within.check()?;
    let witnesses = args.witness.iter().map(|text| parse_key(text)).collect::<Result<Vec<_>, _>>()?;
    let ledger = Ledger::open_read_only(&args.common.ledger)?;
    let Loaded { world, attested, size, root, bad } = args.as_of.load(&ledger)?;
    if let Some(bad) = bad {
        let what = format!("entry {}: {}; no report is made", bad.seq, bad.what);
        return Err(CliError::Damaged(LedgerError::RolledBack(what)));
    }
    let Within { since, until } = args.within;
    let span = Span { since, until };
    let tree = Tree {
        entries: size.0,
        root: root.to_string(),
        as_of: args.as_of.said().map(str::to_owned),
        // One that came after the moment was not there then.
        checkpoint: Some(head(&ledger, &ledger.last_note()?, &witnesses)?).filter(|head| head.entries <= size.0),
        cosigned: ledger
            .witnessed_checkpoint()?
            .map(|note| head(&ledger, &note, &witnesses))
            .transpose()?
            .filter(|head| head.entries <= size.0),
    };
    let mut tally = Tally::new(&world, ledger.origin(), span, tree);
    let decisions: Vec<_> = world.decisions().filter(|&each| span.holds(world.node(each).at.at)).collect();
    replay::replay(&world, &decisions, |_, judgement| report::judged(&world, &judgement), |judged| tally.take(&judged));
    let on_record = world.decisions().flat_map(|each| attested.of(world.node(each).seq));
    let mut report = tally.finish(on_record.filter(|each| span.holds(each.at)).count() as u64);
    if let (Some(requested), Some(seed)) = (args.sample, args.seed) {
        query::check_seed(&seed).map_err(CliError::Usage)?;
        let text = |at: Option<Instant>| at.map(|at| Time::utc(at).to_string());
        let recipe = Recipe {
            origin: ledger.origin().to_owned(),
            root: root.to_string(),
            entries: size.0,
            seed,
            requested,
            by: Vec::new(),
            since: text(since),
            until: text(until),
        };
        let parts = args.as_of.load_parts(&ledger, u64::MAX)?;
        report.sample = Some(sample::sample(&ledger, &parts, recipe, args.within)?.0);
    }
    if let Some(path) = &args.output {
        write(path, report::to_html(&report).as_bytes())?;
        eprintln!("wrote {}", path.display());
    }
    if args.common.json {
        let line = serde_json::to_string(&report).expect("strings and numbers");
        print_line(&mut std::io::stdout().lock(), line)?;
    }
    // The process ends here: taking the world apart, string by string, would only cost time.
    std::mem::forget(world);
    Ok(Exit::Done)
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
