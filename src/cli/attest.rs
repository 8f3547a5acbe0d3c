//! `inforce attest`: puts verdicts on record, so that they are known after evidence was erased.

use super::exit::print_line;
use super::in_parts::{asked, expect_each_once};
use super::memory::Memory;
use super::{CliError, Common, Exit, progress};
use crate::attested::Attestations;
use crate::codec;
use crate::fact::{Digest, VerdictAttested};
use crate::judge::{self, Ask, Judgement, Memos};
use crate::ledger::{Ledger, LedgerError, Parts, scratch};
use crate::replay;
use crate::spill::Pile;
use crate::timeline::World;

/// Arguments of `inforce attest`.
#[derive(clap::Args)]
pub struct Attest {
    #[command(flatten)]
    common: Common,
    /// Every decision.
    #[arg(long, conflicts_with = "decisions", required_unless_present = "decisions")]
    all: bool,
    #[command(flatten)]
    memory: Memory,
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

impl Counts {
    fn add(&mut self, other: &Counts) {
        self.attested += other.attested;
        self.unchanged += other.unchanged;
        self.erased += other.erased;
    }
}

/// What came of one part.
#[derive(Default)]
struct Judged {
    /// Verdicts that are not on record, by the seq of their decisions, ascending.
    fresh: Pile,
    counts: Counts,
    /// How many decisions of the part have each name that was asked for.
    named: Vec<usize>,
}

pub fn run(args: Attest) -> Result<Exit, CliError> {
    let ledger = Ledger::open(&args.common.ledger)?;
    let parts = ledger.load_parts(args.memory.part_len(), None)?;
    if let Some(bad) = &parts.bad {
        anstream::eprintln!("the ledger was tampered with: entry {}: {}; nothing is attested", bad.seq, bad.what);
        return Ok(Exit::Broken);
    }
    let judged = parts.each(|world, on_record| judge_part(&args.decisions, &ledger, &parts, &world, &on_record))?;
    expect_each_once(&args.decisions, judged.iter().map(|part| &part.named[..]))?;
    let mut counts = Counts::default();
    judged.iter().for_each(|part| counts.add(&part.counts));
    let bar = progress::bar("attesting", counts.attested);
    // Only what is written counts as attested: somebody else may have written the same meanwhile.
    let mut register = Register { ledger: &ledger, fresh: Vec::new(), counts: Counts { attested: 0, ..counts } };
    let mut merged = parts.merged(judged.iter().map(|part| &part.fresh))?;
    while let Some((_, _, verdict)) = merged.take().map_err(scratch)? {
        bar.inc(1);
        register.take(codec::decode(verdict, "a verdict").expect("it was put aside here"))?;
    }
    register.write()?;
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

fn judge_part(
    names: &[String],
    ledger: &Ledger,
    parts: &Parts,
    world: &World,
    on_record: &Attestations,
) -> Result<Judged, LedgerError> {
    let (mut judged, mut memos) = (Judged::default(), Memos::default());
    for decision in asked(world, names, &mut judged.named) {
        let judgement = judge::judge(world, decision, &mut Ask::Memo(&mut memos));
        match verdict(ledger, world, judgement, parts.size.0, Digest(parts.root.0)) {
            None => judged.counts.erased += 1,
            Some(same) if on_record.holds(&same) => judged.counts.unchanged += 1,
            Some(verdict) => {
                judged.counts.attested += 1;
                let bytes = codec::encode(&verdict);
                judged.fresh.push(parts.spill(), verdict.decision, &bytes).map_err(scratch)?;
            }
        }
    }
    judged.fresh.settle(parts.spill()).map_err(scratch)?;
    Ok(judged)
}

/// The verdict for the record, unless the decision itself was erased.
fn verdict(ledger: &Ledger, world: &World, judgement: Judgement, size: u64, root: Digest) -> Option<VerdictAttested> {
    judgement.outcome?;
    let digest = ledger.verdict_digest(world, judgement.decision, &replay::to_line(world, &judgement))?;
    Some(replay::attestation(world, &judgement, digest, size, root))
}

/// Writes what is new in groups.
struct Register<'a> {
    ledger: &'a Ledger,
    fresh: Vec<VerdictAttested>,
    counts: Counts,
}

impl Register<'_> {
    fn take(&mut self, verdict: VerdictAttested) -> Result<(), LedgerError> {
        self.fresh.push(verdict);
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
