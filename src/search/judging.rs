//! Decisions judged, part by part: a page of those that are asked for, and what is said of every one, to be kept.

use super::SearchError;
use super::page::{Page, Turned, Visit, hand_out};
use crate::fact::Instant;
use crate::judge::{self, Ask, Memos};
use crate::ledger::{Keeping, LedgerError, Parts, scratch};
use crate::query::{Filter, Line, Projecting, Shapes, pack, row, unpack};
use crate::spill::Pile;
use crate::timeline::{NodeIx, World};

/// What came of all parts.
pub(super) struct Judged<'p> {
    parts: &'p Parts,
    of_each: Vec<OfPart>,
}

/// What came of one part.
struct OfPart {
    /// What was said of its decisions.
    shapes: Shapes,
    /// When each happened and was recorded, and the number of what was said; ascending in seq.
    points: Pile,
    /// Those that are asked for, in the page's order; no more than the page can hold, and one.
    lines: Pile,
}

/// A decision as it is kept: when it happened, when it was recorded, and the number of what was said of it.
type Point = (Instant, Instant, u32);

/// Bytes of a point.
const POINT: usize = 20;

/// With anything that is not what was recorded no verdict is given.
pub(super) fn expect_sound(parts: &Parts) -> Result<(), SearchError> {
    parts.bad.clone().map_or(Ok(()), |bad| Err(SearchError::Tampered(bad)))
}

impl Judged<'_> {
    /// Judges what `asked` asks for, or with `keep` everything.
    pub fn of<'p>(parts: &'p Parts, asked: Option<(&Filter, &Page)>, keep: bool) -> Result<Judged<'p>, SearchError> {
        expect_sound(parts)?;
        let of_each = parts.each(|world, _| judge_part(parts, &world, asked, keep))?;
        Ok(Judged { parts, of_each })
    }

    /// Hands out the page that was asked for.
    pub fn hand_out(&self, page: &Page, visit: Visit) -> Result<Turned, SearchError> {
        let mut turned = Turned::default();
        let mut merged = self.parts.merged(self.of_each.iter().map(|part| &part.lines))?;
        while let Some((part, _, line)) = merged.take().map_err(scratch)? {
            let line = unpack(line, &self.of_each[part].shapes);
            if hand_out(&mut turned, page, &line, visit).is_break() {
                break;
            }
        }
        Ok(turned)
    }

    /// Keeps what is said of every decision, under `label`.
    pub fn keep(&self, mut keeping: Keeping, label: &str) -> Result<(), LedgerError> {
        let mut projecting = Projecting::default();
        let mut merged = self.parts.merged(self.of_each.iter().map(|part| &part.points))?;
        while let Some((part, seq, point)) = merged.take().map_err(scratch)? {
            let (occurred, recorded, said) = read_point(point);
            if let Some(block) = projecting.take(seq, occurred, recorded, &self.of_each[part].shapes.said(said)) {
                keeping.block(&block)?;
            }
        }
        let (last, directory) = projecting.finish();
        last.map_or(Ok(()), |block| keeping.block(&block))?;
        keeping.finish(label, self.parts.size, self.parts.root, directory)
    }
}

fn judge_part(
    parts: &Parts,
    world: &World,
    asked: Option<(&Filter, &Page)>,
    keep: bool,
) -> Result<OfPart, LedgerError> {
    let spill = parts.spill();
    let (mut shapes, mut points, mut lines) = (Shapes::default(), Vec::new(), Pile::default());
    let (mut memos, mut found) = (Memos::default(), 0);
    let mut decisions: Vec<NodeIx> = world.decisions().collect();
    if asked.is_some_and(|(_, page)| page.newest) {
        decisions.reverse();
    }
    for decision in decisions {
        let node = world.node(decision);
        let asked = asked.filter(|(filter, page)| {
            found <= page.limit && page.reaches(node.seq) && filter.span.holds(node.at.at, node.recorded)
        });
        if asked.is_none() && !keep {
            continue;
        }
        let judgement = judge::judge(world, decision, &mut Ask::Memo(&mut memos));
        let line = Line::of(&row(world, &judgement));
        let said = shapes.number(&line.said);
        if keep {
            points.push((node.seq, (node.at.at, node.recorded, said)));
        }
        if let Some((_, page)) = asked.filter(|(filter, _)| filter.takes(&line)) {
            lines.push(spill, page.key(node.seq), &pack(&line, said)).map_err(scratch)?;
            found += 1;
        }
    }
    // They are kept by seq, though the page may go the other way.
    points.sort_unstable_by_key(|(seq, _)| *seq);
    let mut kept = Pile::default();
    points.iter().try_for_each(|(seq, point)| kept.push(spill, *seq, &point_bytes(*point))).map_err(scratch)?;
    kept.settle(spill).and_then(|()| lines.settle(spill)).map_err(scratch)?;
    Ok(OfPart { shapes, points: kept, lines })
}

fn point_bytes((occurred, recorded, said): Point) -> [u8; POINT] {
    let mut bytes = [0; POINT];
    bytes[..8].copy_from_slice(&occurred.0.to_le_bytes());
    bytes[8..16].copy_from_slice(&recorded.0.to_le_bytes());
    bytes[16..].copy_from_slice(&said.to_le_bytes());
    bytes
}

fn read_point(bytes: &[u8]) -> Point {
    let instant = |at: usize| Instant(i64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes")));
    (instant(0), instant(8), u32::from_le_bytes(bytes[16..].try_into().expect("four bytes")))
}
