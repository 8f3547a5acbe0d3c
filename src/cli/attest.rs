//! `inforce attest`: puts verdicts on record, so that they are known after evidence was erased.

use super::exit::print_line;
use super::{CliError, Common, Exit, progress, replay::chosen};
use crate::attested::Attestations;
use crate::fact::{Digest, VerdictAttested};
use crate::judge::Judgement;
use crate::ledger::{Ledger, LedgerError, Loaded};
use crate::replay;
use crate::timeline::World;

/// Arguments of `inforce attest`.
#[derive(clap::Args)]
pub struct Attest {
    #[command(flatten)]
    common: Common,
    /// Every decision.
    #[arg(long, conflicts_with = "decisions", required_unless_present = "decisions")]
    all: bool,
    /// Ids of decisions, `SOURCE ID` in one argument where an id is not unique, or `#SEQ`.
    #[arg(value_name = "DECISION")]
    decisions: Vec<String>,
}

/// Verdicts handed to the ledger at a time.
const GROUP: usize = 4096;

/// What became of the decisions.
#[derive(Default)]
struct Counts {
    attested: u64,
    unchanged: u64,
    /// Their own body is gone: there is no verdict any more.
    erased: u64,
}

pub fn run(args: Attest) -> Result<Exit, CliError> {
    let ledger = Ledger::open(&args.common.ledger)?;
    let Loaded { world, attested, size, root, bad } = ledger.load()?;
    if let Some(bad) = bad {
        anstream::eprintln!("the ledger was tampered with: entry {}: {}; nothing is attested", bad.seq, bad.what);
        return Ok(Exit::Broken);
    }
    let decisions = chosen(&world, &args.decisions)?;
    let bar = progress::bar("attesting", decisions.len() as u64);
    let mut register = Register { ledger: &ledger, on_record: &attested, fresh: Vec::new(), counts: Counts::default() };
    let mut written = Ok(());
    let judge = |world: &World, judgement| verdict(&ledger, world, judgement, size.0, Digest(root.0));
    replay::replay(&world, &decisions, judge, |verdict| {
        bar.inc(1);
        if written.is_ok() {
            written = register.take(verdict);
        }
    });
    written.and_then(|()| register.write())?;
    let counts = register.counts;
    bar.finish_and_clear();
    let size = ledger.size()?;
    ledger.close()?;
    let Counts { attested, unchanged, erased } = counts;
    let mut out = std::io::stdout().lock();
    if args.common.json {
        let object =
            serde_json::json!({ "attested": attested, "unchanged": unchanged, "erased": erased, "size": size });
        print_line(&mut out, object)?;
    } else {
        let line = format!(
            "{attested} attested, {unchanged} unchanged, {erased} erased before; the ledger holds {size} entries"
        );
        print_line(&mut out, line)?;
    }
    Ok(Exit::Done)
}

/// The verdict for the record, unless the decision itself was erased.
fn verdict(ledger: &Ledger, world: &World, judgement: Judgement, size: u64, root: Digest) -> Option<VerdictAttested> {
    judgement.outcome?;
    let digest = ledger.verdict_digest(world, judgement.decision, &replay::to_line(world, &judgement))?;
    Some(replay::attestation(world, &judgement, digest, size, root))
}

/// Sifts verdicts and writes what is new in groups.
struct Register<'a> {
    ledger: &'a Ledger,
    on_record: &'a Attestations,
    fresh: Vec<VerdictAttested>,
    counts: Counts,
}

impl Register<'_> {
    fn take(&mut self, verdict: Option<VerdictAttested>) -> Result<(), LedgerError> {
        match verdict {
            None => self.counts.erased += 1,
            Some(same) if self.on_record.holds(&same) => self.counts.unchanged += 1,
            Some(verdict) => self.fresh.push(verdict),
        }
        if self.fresh.len() < GROUP { Ok(()) } else { self.write() }
    }

    fn write(&mut self) -> Result<(), LedgerError> {
        let receipts = self.ledger.attest(std::mem::take(&mut self.fresh))?;
        let new = receipts.iter().filter(|receipt| !receipt.duplicate).count() as u64;
        self.counts.attested += new;
        self.counts.unchanged += receipts.len() as u64 - new;
        Ok(())
    }
}
