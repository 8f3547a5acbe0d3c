//! Decisions by what they say and what is said of them.

use super::SearchError;
use super::judging::Judged;
use super::keep::{self, kept_label};
use super::page::{Page, Turned, Visit, hand_out};
use crate::fact::Kind;
use crate::judge::{self, Ask, Memos};
use crate::ledger::{By, Kept, Ledger, LedgerError, Look, Parts};
use crate::merkle::TreeSize;
use crate::query::{Block, Directory, Filter, Line, row};
use crate::timeline::World;
use rayon::prelude::*;
use std::ops::ControlFlow;
use std::path::Path;

/// What is worth saying while it takes long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Everything is judged now: no verdicts are kept for the ledger as it stands.
    Judging,
    /// They are kept from now on.
    Kept,
    /// They cannot be.
    NotKept,
}

/// Pages longer than this are not worth gathering each decision's evidence by itself.
const FEW: usize = 200;
/// Blocks of kept verdicts that are read at once.
const AT_ONCE: usize = 16;

/// The decisions that `filter` takes, a page of them, as the ledger in `dir` stands.
///
/// With `refresh`, all are judged anew, and kept; where all are judged, in parts of about `part_len` entries. A writer waits
/// while things are looked up, and not while all is judged.
pub fn decisions(
    dir: &Path,
    filter: &Filter,
    page: &Page,
    refresh: bool,
    part_len: u64,
    tell: &mut dyn FnMut(How),
    visit: Visit,
) -> Result<Turned, SearchError> {
    if !refresh && let Some(turned) = looked_up(&Ledger::open_indexed(dir)?, filter, page, visit)? {
        return Ok(turned);
    }
    tell(How::Judging);
    let ledger = Ledger::open_read_only(dir)?;
    let parts = ledger.load_parts(part_len, None)?;
    let keeping = keep::begin(&ledger, &parts)?;
    let judged = Judged::of(&parts, Some((filter, page)), keeping.is_some())?;
    let is_kept = keeping.map_or(Ok(false), |keeping| keep::finish(keeping, &judged))?;
    tell(if is_kept { How::Kept } else { How::NotKept });
    judged.hand_out(page, visit)
}

/// What can be found without judging everything; `None`, before anything is handed out, where nothing can.
fn looked_up(ledger: &Ledger, filter: &Filter, page: &Page, visit: Visit) -> Result<Option<Turned>, SearchError> {
    if !ledger.is_indexed() {
        return Ok(None);
    }
    // Read first: a writer signs what its tree holds already.
    let signed = ledger.last_checkpoint().map(|checkpoint| checkpoint.size);
    let (size, root) = ledger.standing()?;
    // What is kept, gathered and proved goes by the tree: it must be neither behind what was signed nor before what there is.
    let look = ledger.look()?;
    if !signed.is_ok_and(|signed| signed <= size) || look.size(size)? != size {
        return Ok(None);
    }
    look.reach(size)?;
    let kept = ledger.kept_verdicts(&kept_label(), size, root);
    let kept = kept.and_then(|kept| Some((Directory::read(kept.directory())?, kept)));
    match kept {
        Some((directory, kept)) => Search { look, directory, kept, filter, page, size, block: None }.run(visit),
        None if is_narrow(filter) && !filter.asks_for_verdicts() && page.limit <= FEW => {
            gathered(ledger, &look, filter, page, size, visit).map(Some)
        }
        None => Ok(None),
    }
}

/// The same out of a ledger that was loaded, as it stood at whatever moment.
pub fn judged(parts: &Parts, filter: &Filter, page: &Page, visit: Visit) -> Result<Turned, SearchError> {
    Judged::of(parts, Some((filter, page)), false)?.hand_out(page, visit)
}

fn is_narrow(filter: &Filter) -> bool {
    !filter.accounts.is_empty() || !filter.advertisers.is_empty()
}

/// The seqs that accounts and advertisers leave, ascending: others than decisions among them.
fn candidates(look: &Look, filter: &Filter) -> Result<Vec<u64>, LedgerError> {
    let all = |names: &[String], by: fn(&str) -> By<'_>| {
        let mut seqs = Vec::new();
        for name in names {
            seqs.extend(look.find(by(name))?);
        }
        seqs.sort_unstable();
        seqs.dedup();
        Ok::<_, LedgerError>(seqs)
    };
    let accounts = all(&filter.accounts, |name| By::Account(name))?;
    let advertisers = all(&filter.advertisers, |name| By::Advertiser(name))?;
    Ok(match (filter.accounts.is_empty(), filter.advertisers.is_empty()) {
        (false, true) => accounts,
        (true, false) => advertisers,
        _ => accounts.into_iter().filter(|seq| advertisers.binary_search(seq).is_ok()).collect(),
    })
}

/// A page of candidates, each judged by what was gathered for it alone.
fn gathered(
    ledger: &Ledger,
    look: &Look,
    filter: &Filter,
    page: &Page,
    size: TreeSize,
    visit: Visit,
) -> Result<Turned, SearchError> {
    let mut turned = Turned::default();
    let seqs = candidates(look, filter)?;
    for seq in page.turn(seqs.into_iter()).filter(|&seq| seq < size.0 && page.reaches(seq)) {
        let entry = look.expect(seq)?;
        let header = &entry.header;
        if header.kind != Kind::DecisionMade || !filter.span.holds(header.occurred_at.at, header.recorded_at) {
            continue;
        }
        let world = World::of(ledger.gather(seq, size)?.values().map(|exhibit| &exhibit.entry));
        let decision = world.locate(seq).expect("it was gathered");
        let judgement = judge::judge(&world, decision, &mut Ask::Memo(&mut Memos::default()));
        let line = Line::of(&row(&world, &judgement));
        if filter.takes(&line) && hand_out(&mut turned, page, &line, visit).is_break() {
            break;
        }
    }
    Ok(turned)
}

/// What was kept is damaged: it is made again, unless a part of the page was handed out by it.
fn damaged(turned: &Turned) -> Result<Option<Turned>, SearchError> {
    if turned.count == 0 { Ok(None) } else { Err(SearchError::Kept) }
}

/// A block, and which of its shapes the filter takes; `None` where it is not what was kept.
fn read(kept: &Kept, directory: &Directory, filter: &Filter, number: usize) -> Option<(Block, Vec<bool>)> {
    let block = Block::read(&kept.block(number)?, &directory.names)?;
    let taken = block.taken(&directory.names, |said| filter.takes_said(said));
    Some((block, taken))
}

/// A search by index and kept verdicts.
struct Search<'a> {
    look: Look<'a>,
    directory: Directory,
    kept: Kept,
    filter: &'a Filter,
    page: &'a Page,
    size: TreeSize,
    /// The block that was read last, its number, and which of its shapes the filter takes.
    block: Option<(usize, Block, Vec<bool>)>,
}

impl Search<'_> {
    /// `None` where a block is not what was kept.
    fn run(&mut self, visit: Visit) -> Result<Option<Turned>, SearchError> {
        if is_narrow(self.filter) { self.by_index(visit) } else { self.by_verdict(visit) }
    }

    fn by_index(&mut self, visit: Visit) -> Result<Option<Turned>, SearchError> {
        let mut turned = Turned::default();
        let seqs = candidates(&self.look, self.filter)?;
        let (page, size) = (self.page, self.size);
        for seq in page.turn(seqs.into_iter()).filter(|&seq| seq < size.0 && page.reaches(seq)) {
            let Some(number) = self.directory.block_of(seq) else { continue };
            if !self.filter.may_take(&self.directory.summaries[number], &self.directory.names) {
                continue;
            }
            if self.open(number).is_none() {
                return damaged(&turned);
            }
            let (_, block, taken) = self.block.as_ref().expect("just read");
            let Some(ix) = block.find(seq) else { continue };
            if self.try_point(block, taken, ix, &mut turned, visit)?.is_break() {
                break;
            }
        }
        Ok(Some(turned))
    }

    fn by_verdict(&self, visit: Visit) -> Result<Option<Turned>, SearchError> {
        let (mut turned, page) = (Turned::default(), self.page);
        let (kept, directory, filter) = (&self.kept, &self.directory, self.filter);
        let numbers = page.turn(0..directory.summaries.len()).filter(|&number| {
            let summary = &directory.summaries[number];
            let behind = if page.newest { summary.seqs.0 } else { summary.seqs.1 };
            page.reaches(behind) && filter.may_take(summary, &directory.names)
        });
        for some in numbers.collect::<Vec<_>>().chunks(AT_ONCE) {
            let read = |&number: &usize| read(kept, directory, filter, number);
            let read: Option<Vec<(Block, Vec<bool>)>> = some.par_iter().map(read).collect();
            let Some(read) = read else { return damaged(&turned) };
            for (block, taken) in read {
                for ix in page.turn(0..block.len()) {
                    if self.try_point(&block, &taken, ix, &mut turned, visit)?.is_break() {
                        return Ok(Some(turned));
                    }
                }
            }
        }
        Ok(Some(turned))
    }

    /// Reads a block, unless it is the one at hand.
    fn open(&mut self, number: usize) -> Option<()> {
        if self.block.as_ref().is_some_and(|(held, ..)| *held == number) {
            return Some(());
        }
        let (block, taken) = read(&self.kept, &self.directory, self.filter, number)?;
        self.block = Some((number, block, taken));
        Some(())
    }

    /// Hands out one decision of a block, if it is one of those.
    fn try_point(
        &self,
        block: &Block,
        taken: &[bool],
        ix: usize,
        turned: &mut Turned,
        visit: Visit,
    ) -> Result<ControlFlow<()>, SearchError> {
        let point = block.point(ix);
        let is_in_question = self.page.reaches(point.seq)
            && self.filter.span.holds(point.occurred, point.recorded)
            && Block::is_taken(point, taken);
        if !is_in_question {
            return Ok(ControlFlow::Continue(()));
        }
        let entry = self.look.expect(point.seq)?;
        let line = Line::of_entry(&entry, block.said(point, &self.directory.names));
        if !self.filter.takes_body(&line) {
            return Ok(ControlFlow::Continue(()));
        }
        Ok(hand_out(turned, self.page, &line, visit))
    }
}
