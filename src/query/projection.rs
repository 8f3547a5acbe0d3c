//! Verdicts as they are kept beside the ledger, so that a query need not judge everything again: where to look, in blocks
//! that say in front what is in them. Who keeps the bytes, and for which ledger they hold, is not this file's matter.
//!
//! A block says of each decision its seq, both its times, and which of the block's shapes was said of it; nothing that a
//! body says. Names of rules, findings, policies and versions are numbered once for all blocks. What comes out again equals
//! what a replay says, each rule once, with how often it fired (tested).

use super::line::Said;
use super::shapes::{Names, Shape, said};
use crate::codec;
use crate::fact::Instant;
use foldhash::HashMap;

/// Decisions a block.
pub const BLOCK: usize = 4096;
/// To be raised whenever a verdict can come out otherwise than before, or the bytes change.
pub const REVISION: u32 = 2;
/// Bytes of a point: seq, both times, shape.
const POINT: usize = 26;

/// What is in a block.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Summary {
    /// Its first and last decision's seq.
    pub seqs: (u64, u64),
    pub occurred: (Instant, Instant),
    pub recorded: (Instant, Instant),
    /// A bit for each number.
    pub conformances: u8,
    pub known: u8,
    pub today: u8,
    /// Numbers of every name in it, ascending.
    pub names: Vec<u32>,
}

/// Everything about the blocks but the blocks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directory {
    /// By number.
    pub names: Vec<String>,
    /// By block.
    pub summaries: Vec<Summary>,
}

/// Gathers what is said of decisions into blocks.
#[derive(Default)]
pub struct Projecting {
    names: Names,
    summaries: Vec<Summary>,
    shapes: HashMap<Shape, u16>,
    /// The shapes in the order of their numbers.
    ordered: Vec<Shape>,
    points: Vec<u8>,
    count: usize,
    summary: Option<Summary>,
}

/// A block that was read back.
pub struct Block {
    shapes: Vec<Shape>,
    points: Vec<u8>,
}

/// One decision of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Point {
    pub seq: u64,
    pub occurred: Instant,
    pub recorded: Instant,
    shape: u16,
}

impl Projecting {
    /// Takes the next decision, ascending in seq; returns a block's bytes once one is full.
    pub fn take(&mut self, seq: u64, occurred: Instant, recorded: Instant, said: &Said) -> Option<Vec<u8>> {
        let shape = self.names.shape(said);
        self.summarise(seq, occurred, recorded, &shape);
        let next = self.ordered.len() as u16;
        let number = *self.shapes.entry(shape.clone()).or_insert(next);
        if number == next {
            self.ordered.push(shape);
        }
        self.points.extend_from_slice(&seq.to_le_bytes());
        self.points.extend_from_slice(&occurred.0.to_le_bytes());
        self.points.extend_from_slice(&recorded.0.to_le_bytes());
        self.points.extend_from_slice(&number.to_le_bytes());
        self.count += 1;
        (self.count == BLOCK).then(|| self.close())
    }

    /// The last block, if anything is left for one, and the directory's bytes.
    pub fn finish(mut self) -> (Option<Vec<u8>>, Vec<u8>) {
        let last = (self.count > 0).then(|| self.close());
        let summaries: Vec<_> = self.summaries.iter().map(summary_tuple).collect();
        (last, codec::encode(&(self.names.into_list(), summaries)))
    }

    fn close(&mut self) -> Vec<u8> {
        let mut summary = self.summary.take().expect("a block is not empty");
        summary.names.sort_unstable();
        summary.names.dedup();
        self.summaries.push(summary);
        self.shapes.clear();
        self.count = 0;
        codec::encode(&(std::mem::take(&mut self.ordered), std::mem::take(&mut self.points)))
    }

    fn summarise(&mut self, seq: u64, occurred: Instant, recorded: Instant, shape: &Shape) {
        let summary = self.summary.get_or_insert_with(|| Summary {
            seqs: (seq, seq),
            occurred: (occurred, occurred),
            recorded: (recorded, recorded),
            conformances: 0,
            known: 0,
            today: 0,
            names: Vec::new(),
        });
        summary.seqs.1 = seq;
        summary.occurred = (summary.occurred.0.min(occurred), summary.occurred.1.max(occurred));
        summary.recorded = (summary.recorded.0.min(recorded), summary.recorded.1.max(recorded));
        summary.conformances |= 1 << shape.1;
        summary.known |= 1 << shape.3.0;
        summary.today |= 1 << shape.4.0;
        if self.shapes.contains_key(shape) {
            return;
        }
        for (_, rules, findings, versions, _) in [&shape.3, &shape.4] {
            summary.names.extend(rules.iter().flat_map(|&(id, policy, version, ..)| [id, policy, version]));
            summary.names.extend(findings);
            summary.names.extend(versions.iter().flat_map(|&(policy, version)| [policy, version]));
        }
    }
}

type SummaryTuple = ((u64, u64), (i64, i64), (i64, i64), (u8, u8, u8), Vec<u32>);

fn summary_tuple(summary: &Summary) -> SummaryTuple {
    let Summary { seqs, occurred, recorded, conformances, known, today, names } = summary;
    let pair = |(first, last): (Instant, Instant)| (first.0, last.0);
    (*seqs, pair(*occurred), pair(*recorded), (*conformances, *known, *today), names.clone())
}

impl Directory {
    /// From its bytes; `None` if they are none.
    pub fn read(bytes: &[u8]) -> Option<Directory> {
        let (names, summaries): (Vec<String>, Vec<SummaryTuple>) = codec::decode(bytes, "a directory").ok()?;
        let pair = |(first, last): (i64, i64)| (Instant(first), Instant(last));
        let summary = |(seqs, occurred, recorded, (conformances, known, today), names): SummaryTuple| Summary {
            seqs,
            occurred: pair(occurred),
            recorded: pair(recorded),
            conformances,
            known,
            today,
            names,
        };
        Some(Directory { names, summaries: summaries.into_iter().map(summary).collect() })
    }

    /// The block that holds the decision at `seq`, if it is one.
    pub fn block_of(&self, seq: u64) -> Option<usize> {
        let block = self.summaries.partition_point(|summary| summary.seqs.1 < seq);
        self.summaries.get(block).filter(|summary| summary.seqs.0 <= seq).map(|_| block)
    }
}

impl Block {
    /// From its bytes; `None` if they are none, or name what is not there.
    pub fn read(bytes: &[u8], names: &[String]) -> Option<Block> {
        let (shapes, points): (Vec<Shape>, Vec<u8>) = codec::decode(bytes, "a block").ok()?;
        let block = Block { shapes, points };
        let shapes = block.shapes.iter().all(|shape| said(shape, names).is_some());
        let points = block.points.len().is_multiple_of(POINT);
        let known = |ix| (block.point(ix).shape as usize) < block.shapes.len();
        (shapes && points && (0..block.len()).all(known)).then_some(block)
    }

    /// How many decisions it holds.
    pub fn len(&self) -> usize {
        self.points.len() / POINT
    }

    /// True if it holds none.
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// One of them, ascending in seq.
    pub fn point(&self, ix: usize) -> Point {
        let bytes = &self.points[ix * POINT..][..POINT];
        let eight = |at: usize| bytes[at..at + 8].try_into().expect("eight bytes");
        Point {
            seq: u64::from_le_bytes(eight(0)),
            occurred: Instant(i64::from_le_bytes(eight(8))),
            recorded: Instant(i64::from_le_bytes(eight(16))),
            shape: u16::from_le_bytes([bytes[24], bytes[25]]),
        }
    }

    /// Which of them is the decision at `seq`.
    pub fn find(&self, seq: u64) -> Option<usize> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.point(middle).seq < seq { low = middle + 1 } else { high = middle }
        }
        (low < self.len() && self.point(low).seq == seq).then_some(low)
    }

    /// What each of its shapes says; that of a point is at [`Point::shape`].
    pub fn shapes<'a>(&self, names: &'a [String]) -> Vec<Said<'a>> {
        self.shapes.iter().map(|shape| said(shape, names).expect("looked at when the block was read")).collect()
    }

    /// For each shape, whether `takes` takes what it says.
    pub fn taken(&self, names: &[String], takes: impl Fn(&Said) -> bool) -> Vec<bool> {
        self.shapes.iter().map(|shape| said(shape, names).is_some_and(|said| takes(&said))).collect()
    }

    /// True if what is said of a decision was taken.
    pub fn is_taken(point: Point, taken: &[bool]) -> bool {
        taken[point.shape as usize]
    }

    /// What is said of a decision.
    pub fn said<'a>(&self, point: Point, names: &'a [String]) -> Said<'a> {
        said(&self.shapes[point.shape as usize], names).expect("looked at when the block was read")
    }
}

impl Point {
    /// Which of the block's shapes was said of it.
    pub fn shape(self) -> usize {
        self.shape as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fact::{Conformance, Integrity, Outcome, Time, Verdict};
    use crate::query::{Filter, Line, SaidRule, SaidView, Side, Span};

    fn view(verdict: Verdict, rule: Option<&'static str>) -> SaidView<'static> {
        let own = SaidRule { id: "broken-lineage", policy: None, version: None, denies: false, times: 1 };
        let of_policy = |id| SaidRule { id, policy: Some("p"), version: Some("1"), denies: true, times: 3 };
        let rules = vec![rule.map_or(own, of_policy)];
        SaidView { verdict, rules, findings: vec!["late-fact"], versions: vec![("p", "1")], uses: 4 }
    }

    fn line(seq: u64) -> Line<'static> {
        let at = Instant(seq as i64 * 1_000);
        // A rule that fires only in the second block, a verdict only in the third.
        let rule = if seq / 2 / BLOCK as u64 == 1 { Some("rare") } else { Some("common") };
        let verdict = if seq / 2 / BLOCK as u64 == 2 { Verdict::Deny } else { Verdict::Allow };
        Line {
            seq,
            source: None,
            id: None,
            occurred_at: Time::utc(at),
            recorded_at: Instant(at.0 + 5),
            account: None,
            purpose: None,
            kind: None,
            advertiser: None,
            campaign: None,
            creative: None,
            topics: Vec::new(),
            region: None,
            device_region: None,
            said: Said {
                outcome: (!seq.is_multiple_of(3)).then_some(Outcome::Served),
                conformance: Conformance::ALL[(seq % 7) as usize],
                integrity: Integrity::Ok,
                known: view(verdict, rule),
                today: view(Verdict::Indeterminate, None),
            },
        }
    }

    #[test]
    fn blocks_read_back_as_they_were_and_none_is_passed_over_that_holds_what_is_asked_for() {
        // Every other seq, in two blocks and a half.
        let lines: Vec<Line> = (0..BLOCK as u64 * 5 / 2).map(|number| line(number * 2)).collect();
        let mut projecting = Projecting::default();
        let mut blocks: Vec<Vec<u8>> = lines
            .iter()
            .filter_map(|line| projecting.take(line.seq, line.occurred_at.at, line.recorded_at, &line.said))
            .collect();
        let (last, directory) = projecting.finish();
        blocks.extend(last);
        let directory = Directory::read(&directory).expect("a directory");
        assert_eq!((blocks.len(), directory.summaries.len()), (3, 3));
        let read: Vec<Block> =
            blocks.iter().map(|bytes| Block::read(bytes, &directory.names).expect("a block")).collect();
        let filters = [
            Filter::default(),
            Filter { rules: vec!["rare".to_owned()], ..Filter::default() },
            Filter { verdicts: vec![Verdict::Deny], ..Filter::default() },
            Filter { verdicts: vec![Verdict::Deny], side: Side::True, ..Filter::default() },
            Filter { policies: vec![("p".to_owned(), None)], ..Filter::default() },
            Filter { findings: vec!["nothing".to_owned()], ..Filter::default() },
            Filter { span: Span { since: Some(Instant(9_000_000)), ..Span::default() }, ..Filter::default() },
        ];
        let mut passed_over = Vec::new();
        for filter in &filters {
            let mut over = 0;
            for (number, lines) in lines.chunks(BLOCK).enumerate() {
                let taken = read[number].taken(&directory.names, |said| filter.takes_said(said));
                for (ix, line) in lines.iter().enumerate() {
                    let point = read[number].point(ix);
                    assert_eq!(
                        (point.seq, point.occurred, point.recorded),
                        (line.seq, line.occurred_at.at, line.recorded_at)
                    );
                    assert_eq!(read[number].said(point, &directory.names), line.said);
                    assert_eq!(Block::is_taken(point, &taken), filter.takes_said(&line.said));
                    assert_eq!((directory.block_of(line.seq), read[number].find(line.seq)), (Some(number), Some(ix)));
                    assert_eq!(read[number].find(line.seq + 1), None, "no decision");
                }
                let may_take = filter.may_take(&directory.summaries[number], &directory.names);
                assert!(may_take || !lines.iter().any(|line| filter.takes(line)), "{filter:?} in block {number}");
                over += usize::from(!may_take);
            }
            passed_over.push(over);
        }
        assert_eq!(passed_over, [0, 2, 2, 3, 0, 3, 1]);
        assert_eq!((directory.block_of(lines[lines.len() - 1].seq + 1), blocks[0].is_empty()), (None, false));
        assert!(Block::read(&blocks[0][1..], &directory.names).is_none() && Block::read(&blocks[0], &[]).is_none());
    }
}
