//! `inforce explain`: one decision for a person, as text, as a page, or as JSON.

use super::decision::{Asked, Read};
use super::exit::print_line;
use super::{CliError, Common, Exit};
use crate::explain::{self, Explanation};
use crate::judge::{self, Ask, Conformance, Judgement, Memos};
use crate::ledger::{Ledger, LedgerError, Problem};
use crate::replay;
use crate::timeline::{NodeIx, World};
use std::borrow::Cow;
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
    /// Say instead what would have changed the verdict: single facts that flip it had they been otherwise. With `--html`
    /// the page says it as well.
    #[arg(long, conflicts_with = "with_content")]
    flip: bool,
    #[command(flatten)]
    asked: Asked,
}

pub fn run(args: Explain) -> Result<Exit, CliError> {
    if args.flip {
        return flip(&args);
    }
    let (found, decision) = args.asked.find(&args.common.ledger)?;
    let (explanation, exit) = match (&found.bad, decision) {
        (Some(bad), Ok(decision)) => (tampered(&found.world, decision, bad), Exit::Broken),
        (Some(bad), Err(error)) => {
            let what = format!("the ledger was tampered with: entry {}: {}; no verdict is given", bad.seq, bad.what);
            anstream::eprintln!("{what}\n{error}");
            return Ok(Exit::Broken);
        }
        (None, decision) => {
            let judgement = judge_one(&found.world, decision?);
            let evidence = found.evidence(&judgement)?;
            (explain::explain(&found.world, &judgement, &evidence, args.with_content), exit(&judgement))
        }
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
    let (found, decision) = args.asked.find(&args.common.ledger)?;
    if let Some(bad) = &found.bad {
        let what = format!("entry {}: {}; no verdict is given", bad.seq, bad.what);
        return Err(CliError::Damaged(LedgerError::RolledBack(what)));
    }
    let decision = decision?;
    let seq = found.world.node(decision).seq;
    let entries = match &found.read {
        Read::Gathered(entries) => Cow::Borrowed(entries.as_slice()),
        Read::All(_) => {
            let exhibits = Ledger::open_indexed(&args.common.ledger)?.gather(seq, found.size)?;
            exhibits.into_values().map(|exhibit| exhibit.entry).collect()
        }
    };
    let gone = || CliError::Failed(format!("`{}` was erased: nothing is left to judge again", args.asked.name));
    let flips = explain::flips(&entries, seq).ok_or_else(gone)?;
    let judgement = judge_one(&found.world, decision);
    if (flips.known, flips.today) != (judgement.known.verdict, judgement.today.verdict) {
        return Err(CliError::Failed(format!(
            "entry {seq}: what was gathered does not carry the verdict; please report this"
        )));
    }
    if let Some(path) = &args.html {
        let evidence = found.evidence(&judgement)?;
        let explanation = explain::explain(&found.world, &judgement, &evidence, false);
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

/// Judges one decision.
fn judge_one(world: &World, decision: NodeIx) -> Judgement {
    judge::judge(world, decision, &mut Ask::Memo(&mut Memos::default()))
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
