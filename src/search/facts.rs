//! Facts by what they say, and everything about one person.

use super::SearchError;
use super::page::{Page, Turned};
use crate::entry::Entry;
use crate::fact::{Instant, Kind};
use crate::ledger::{By, Ledger, LedgerError, Look};
use crate::merkle::TreeSize;
use crate::query::FactFilter;
use crate::timeline::World;
use std::collections::VecDeque;
use std::ops::ControlFlow;

/// Days of postings that are worth putting together; a longer span is read through.
const DAYS: i64 = 31;
const DAY_NS: i64 = 86_400_000_000_000;

/// Hands out the facts that `filter` takes among the first `size` entries, a page of them.
pub fn each_fact(
    ledger: &Ledger,
    filter: &FactFilter,
    page: &Page,
    size: TreeSize,
    mut visit: impl FnMut(&Entry) -> ControlFlow<()>,
) -> Result<Turned, SearchError> {
    if !ledger.is_indexed() {
        return Ok(by_reading(ledger, filter, page, size, visit)?);
    }
    let (look, mut turned) = (ledger.look()?, Turned::default());
    look.reach(size)?;
    let bounds = bounds(&look, filter, page, size)?;
    let named = named(&look, filter)?;
    let seqs: Box<dyn Iterator<Item = u64>> = match named {
        Some(seqs) => {
            Box::new(page.turn(seqs.into_iter().filter(|seq| bounds.contains(seq)).collect::<Vec<_>>().into_iter()))
        }
        None => Box::new(page.turn(bounds)),
    };
    for seq in seqs {
        let entry = look.expect(seq)?;
        if filter.takes(&entry) && (!turned.takes(page, seq) || visit(&entry).is_break()) {
            break;
        }
    }
    Ok(turned)
}

/// Which seqs can be on the page: time of recording never goes back, so a span of it is a range of seqs.
fn bounds(look: &Look, filter: &FactFilter, page: &Page, size: TreeSize) -> Result<std::ops::Range<u64>, LedgerError> {
    let (mut first, mut end) = (0, size.0);
    let before = |at: Instant| Instant(at.0.saturating_sub(1));
    if filter.span.by_recording {
        if let Some(since) = filter.span.since {
            first = look.size_at(before(since), size)?.0;
        }
        if let Some(until) = filter.span.until {
            end = look.size_at(before(until), size)?.0;
        }
    }
    match page.after {
        Some(after) if page.newest => end = end.min(after),
        Some(after) => first = first.max(after.saturating_add(1)),
        None => {}
    }
    Ok(first..end)
}

/// The seqs that the narrowest of the terms names, ascending; `None` where no term narrows.
fn named(look: &Look, filter: &FactFilter) -> Result<Option<Vec<u64>>, LedgerError> {
    let days = days(filter);
    let terms: Vec<By> = if !filter.accounts.is_empty() {
        filter.accounts.iter().map(|name| By::Account(name)).collect()
    } else if !filter.policies.is_empty() {
        filter.policies.iter().map(|(id, _)| By::Policy(id)).collect()
    } else if !days.is_empty() {
        days.into_iter().map(By::Day).collect()
    } else if !filter.kinds.is_empty() {
        filter.kinds.iter().map(|&kind| By::Kind(kind)).collect()
    } else {
        return Ok(None);
    };
    let mut seqs = Vec::new();
    for term in terms {
        seqs.extend(look.find(term)?);
    }
    seqs.sort_unstable();
    seqs.dedup();
    Ok(Some(seqs))
}

/// The days of a span in which things happened, if it is short.
fn days(filter: &FactFilter) -> Vec<Instant> {
    let (Some(since), Some(until)) = (filter.span.since, filter.span.until) else { return Vec::new() };
    let (first, last) = (since.0.div_euclid(DAY_NS), until.0.div_euclid(DAY_NS));
    if filter.span.by_recording || last.saturating_sub(first) > DAYS {
        return Vec::new();
    }
    (first..=last).map(|day| Instant(day * DAY_NS)).collect()
}

/// One pass over the journal, which keeps no more than the page.
fn by_reading(
    ledger: &Ledger,
    filter: &FactFilter,
    page: &Page,
    size: TreeSize,
    mut visit: impl FnMut(&Entry) -> ControlFlow<()>,
) -> Result<Turned, LedgerError> {
    let (mut held, mut read): (VecDeque<Entry>, u64) = (VecDeque::new(), 0);
    ledger.each_entry(|entry| {
        let seq = entry.header.seq;
        read = seq + 1;
        if seq >= size.0 || !page.reaches(seq) || !filter.takes(entry) {
            return;
        }
        if page.newest && held.len() > page.limit {
            held.pop_front();
        }
        if held.len() <= page.limit {
            held.push_back(entry.clone());
        }
    })?;
    if read < size.0 {
        ledger.look()?.reach(size)?;
    }
    let mut turned = Turned::default();
    for entry in page.turn(held.into_iter()) {
        if !turned.takes(page, entry.header.seq) || visit(&entry).is_break() {
            break;
        }
    }
    Ok(turned)
}

/// Everything about an account, and about every account that was ever linked to one of its centers.
pub fn person(ledger: &Ledger, account: &str, size: TreeSize) -> Result<Vec<Entry>, SearchError> {
    let look = ledger.look()?;
    look.reach(size)?;
    Ok(look.person(account, size)?)
}

/// A world of nothing but the ledger's policies.
pub fn policies(ledger: &Ledger) -> Result<World, SearchError> {
    let (look, mut world) = (ledger.look()?, World::default());
    for seq in look.find(By::Kind(Kind::PolicyAdopted))? {
        let entry = look.expect(seq)?;
        if entry.header.kind == Kind::PolicyAdopted {
            world.add(&entry);
        }
    }
    world.finish();
    Ok(world)
}
