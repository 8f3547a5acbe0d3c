//! `inforce explain`: one decision for a person, as text, as a page, or as JSON.

use super::as_of::AsOf;
use super::decision::{self, Found};
use super::exit::print_line;
use super::memory::Memory;
use super::{CliError, Common, Exit};
use crate::codec::Header;
use crate::entry::Entry;
use crate::explain::{self, Evidence, Explanation, Wanted};
use crate::judge::{self, Ask, Conformance, Judgement, Memos};
use crate::ledger::{Ledger, LedgerError, Problem};
use crate::merkle::TreeSize;
use crate::replay;
use crate::timeline::{NodeIx, World};
use std::path::{Path, PathBuf};

/// Arguments of `inforce explain`.
#[derive(clap::Args)]
pub struct Explain {
    #[command(flatten)]
    common: Common,
    /// Write a page that stands alone.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Show the text of chats, where it still exists.
    #[arg(long)]
    with_content: bool,
    #[command(flatten)]
    as_of: AsOf,
    #[command(flatten)]
    memory: Memory,
    /// Say instead what would have changed the verdict: single facts that flip it had they been otherwise. With `--html`
    /// the page says it as well.
    #[arg(long, conflicts_with = "with_content")]
    flip: bool,
    /// The id of a decision, `SOURCE ID` in one argument where an id is not unique, or `#SEQ`.
    #[arg(value_name = "DECISION_ID")]
    decision: String,
}

pub fn run(args: Explain) -> Result<Exit, CliError> {
    if args.flip {
        return flip(&args);
    }
    let ledger = Ledger::open_read_only(&args.common.ledger)?;
    let Found { world, bad, size, decision } = decision::find(&ledger, &args.as_of, args.memory, &args.decision)?;
    let (explanation, exit) = match (bad, decision) {
        (Some(bad), Ok(decision)) => (tampered(&world, decision, &bad), Exit::Broken),
        (Some(bad), Err(error)) => {
            let what = format!("the ledger was tampered with: entry {}: {}; no verdict is given", bad.seq, bad.what);
            anstream::eprintln!("{what}\n{error}");
            return Ok(Exit::Broken);
        }
        (None, decision) => judged(&ledger, &world, size, decision?, args.with_content)?,
    };
    if let Some(path) = &args.html {
        write_page(path, &explanation)?;
    }
    let mut out = anstream::stdout().lock();
    match (args.common.json, &args.html) {
        (true, _) => print_line(&mut out, explain::to_json(&explanation))?,
        (false, Some(path)) => eprintln!("wrote {}", path.display()),
        (false, None) => print_line(&mut out, explain::to_text(&explanation, width()).trim_end())?,
    }
    Ok(exit)
}

/// What would flip the verdict, tried in worlds of what the decision can rest on.
fn flip(args: &Explain) -> Result<Exit, CliError> {
    let ledger = Ledger::open_read_only(&args.common.ledger)?;
    let Found { world, bad, size, decision } = decision::find(&ledger, &args.as_of, args.memory, &args.decision)?;
    if let Some(bad) = bad {
        let what = format!("entry {}: {}; no verdict is given", bad.seq, bad.what);
        return Err(CliError::Damaged(LedgerError::RolledBack(what)));
    }
    let decision = decision?;
    let seq = world.node(decision).seq;
    let exhibits = Ledger::open_indexed(&args.common.ledger)?.gather(seq, size)?;
    let entries: Vec<Entry> = exhibits.into_values().map(|exhibit| exhibit.entry.clone()).collect();
    let gone = || CliError::Failed(format!("`{}` was erased: nothing is left to judge again", args.decision));
    let flips = explain::flips(&entries, seq).ok_or_else(gone)?;
    let judgement = judge::judge(&world, decision, &mut Ask::Memo(&mut Memos::default()));
    if (flips.known, flips.today) != (judgement.known.verdict, judgement.today.verdict) {
        return Err(CliError::Failed(format!(
            "entry {seq}: what was gathered does not carry the verdict; please report this"
        )));
    }
    if let Some(path) = &args.html {
        let evidence = gather(&ledger, &world, size, &judgement)?;
        let explanation = explain::explain(&world, &judgement, &evidence, false);
        write_page(path, &Explanation { flips: Some(flips.clone()), ..explanation })?;
    }
    let mut out = anstream::stdout().lock();
    match (args.common.json, &args.html) {
        (true, _) => print_line(&mut out, flips.to_json())?,
        (false, Some(path)) => eprintln!("wrote {}", path.display()),
        (false, None) => print_line(&mut out, flips.to_text().trim_end())?,
    }
    Ok(exit(&judgement))
}

/// Judges one decision, and reads what there is to say about it.
pub(super) fn judged(
    ledger: &Ledger,
    world: &World,
    size: TreeSize,
    decision: NodeIx,
    with_content: bool,
) -> Result<(Explanation, Exit), CliError> {
    let judgement = judge::judge(world, decision, &mut Ask::Memo(&mut Memos::default()));
    let evidence = gather(ledger, world, size, &judgement)?;
    Ok((explain::explain(world, &judgement, &evidence, with_content), exit(&judgement)))
}

/// The entries behind a judgement, among the first `size`.
pub(super) fn gather(
    ledger: &Ledger,
    world: &World,
    size: TreeSize,
    judgement: &Judgement,
) -> Result<Evidence, CliError> {
    let wanted = Wanted::of(world, judgement);
    let mut evidence = Evidence::default();
    // All but the texts of chats was checked when the world was loaded; of these, those that are shown are checked now.
    let is_wanted = |header: &Header| header.seq < size.0 && wanted.takes(header);
    ledger.each_wanted(is_wanted, |entry| evidence.add(entry))?;
    Ok(evidence)
}

fn exit(judgement: &Judgement) -> Exit {
    match judgement.conformance {
        Conformance::Breach | Conformance::LateBreach => Exit::Broken,
        Conformance::Unproven | Conformance::Erased => Exit::Unproven,
        _ => Exit::Done,
    }
}

fn tampered(world: &World, decision: NodeIx, bad: &Problem) -> Explanation {
    explain::tampered(world, decision, bad.seq, &bad.what, replay::tampered(world, decision, bad.seq, &bad.what))
}

fn write_page(path: &Path, explanation: &Explanation) -> Result<(), CliError> {
    let failed = |error| CliError::File(path.display().to_string(), error);
    std::fs::write(path, explain::to_html(explanation)).map_err(failed)
}

/// The columns of the terminal, or what reads well where there is none.
fn width() -> usize {
    terminal_size::terminal_size().map_or(100, |(columns, _)| usize::from(columns.0))
}
