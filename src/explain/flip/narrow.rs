//! Of what flips a verdict, the least that does.

use super::edit::Change;
use super::{Flip, NARROWING, Search};
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// Leaves out of each flip what it does not need, and of ways to say the same all but the smallest; the smallest first.
pub(super) fn narrow(search: &mut Search) {
    let found = std::mem::take(&mut search.found);
    let mut narrowed: Vec<Flip> = found.into_iter().map(|flip| least(search, flip)).collect();
    let edits = |flip: &Flip| flip.changes.iter().map(|change| change.edits().len()).sum::<usize>();
    narrowed.sort_by_key(|flip| (flip.changes.len(), Reverse(flip.views.len()), edits(flip)));
    for flip in narrowed {
        if !search.found.iter().any(|held| says(held, &flip)) {
            search.found.push(flip);
        }
    }
}

/// True if both come to the same by the same facts.
fn says(one: &Flip, other: &Flip) -> bool {
    let same =
        one.changes.len() == other.changes.len() && one.changes.iter().zip(&other.changes).all(|(a, b)| a.says(b));
    same && (one.known, one.today) == (other.known, other.today)
}

/// Parts, as change and number, that are left out together: halves first, then smaller pieces, and one by one until
/// none can be spared.
fn least(search: &mut Search, mut flip: Flip) -> Flip {
    let parts = |changes: &[Change]| -> Vec<(usize, usize)> {
        let each = |(number, change): (usize, &Change)| (0..change.parts.len()).map(move |part| (number, part));
        changes.iter().enumerate().flat_map(each).collect()
    };
    let all = parts(&flip.changes);
    let (mut kept, mut size) = (all.clone(), all.len().div_ceil(2));
    let with = |kept: &[(usize, usize)]| -> Vec<Change> {
        let kept: BTreeSet<&(usize, usize)> = kept.iter().collect();
        let left = |(number, change): (usize, &Change)| change.with(|part| kept.contains(&(number, part)));
        flip.changes.iter().enumerate().filter_map(left).collect()
    };
    while kept.len() > 1 {
        let (before, mut from) = (kept.len(), 0);
        while from < kept.len() {
            let mut fewer = kept.clone();
            fewer.drain(from..(from + size).min(kept.len()));
            if !fewer.is_empty() && comes_out(search, &flip, &with(&fewer)) {
                kept = fewer;
            } else {
                from += size;
            }
        }
        if size == 1 && kept.len() == before {
            break;
        }
        size = size.min(kept.len()).div_ceil(2);
    }
    if kept.len() < all.len() {
        flip.changes = with(&kept);
    }
    flip
}

/// True if both verdicts come out as with the whole flip.
fn comes_out(search: &mut Search, flip: &Flip, changes: &[Change]) -> bool {
    if search.narrowed == NARROWING {
        search.cut = true;
        return false;
    }
    search.narrowed += 1;
    let judged = search.judged(changes);
    judged.is_some_and(|(_, judgement)| (judgement.known.verdict, judgement.today.verdict) == (flip.known, flip.today))
}
