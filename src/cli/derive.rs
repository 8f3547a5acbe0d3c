//! `inforce derive`: labels and signals for interactions that have none, by the reference deriver.

use super::exit::print_line;
use super::{CliError, Common, Exit, progress};
use crate::derive::Gaps;
use crate::fact::Fact;
use crate::ledger::{Ledger, system_now};

/// Arguments of `inforce derive`.
#[derive(clap::Args)]
pub struct Derive {
    #[command(flatten)]
    common: Common,
}

/// Facts handed to the ledger at a time, unless one conversation has more.
const GROUP: usize = 4096;

pub fn run(args: Derive) -> Result<Exit, CliError> {
    let ledger = Ledger::open(&args.common.ledger)?;
    let reading = progress::bar("reading", ledger.size()?);
    let mut gaps = Gaps::default();
    ledger.each_entry(|entry| {
        gaps.take(entry);
        reading.inc(1);
    })?;
    reading.finish_and_clear();
    let filling = gaps.fill(system_now());
    let writing = progress::bar("appending", filling.labelled + filling.signals);
    let mut waiting: Vec<Fact> = Vec::new();
    // A conversation is never split: what is appended of it, is appended whole.
    for group in filling.groups {
        if waiting.len() + group.len() > GROUP {
            append(&ledger, &mut waiting, &writing)?;
        }
        waiting.extend(group);
    }
    append(&ledger, &mut waiting, &writing)?;
    writing.finish_and_clear();
    let size = ledger.size()?;
    ledger.close()?;
    let (labelled, signals, skipped) = (filling.labelled, filling.signals, filling.skipped);
    let mut out = std::io::stdout().lock();
    if args.common.json {
        print_line(
            &mut out,
            serde_json::json!({ "labelled": labelled, "signals": signals, "skipped": skipped, "size": size }),
        )?;
    } else {
        print_line(
            &mut out,
            format!("{labelled} labelled, {signals} signals, {skipped} without text; the ledger holds {size} entries"),
        )?;
    }
    Ok(Exit::Done)
}

fn append(ledger: &Ledger, waiting: &mut Vec<Fact>, writing: &indicatif::ProgressBar) -> Result<(), CliError> {
    let receipts = ledger.append(std::mem::take(waiting))?;
    writing.inc(receipts.len() as u64);
    Ok(())
}
