//! A pass that goes on behind damage: every frame whose checksum holds, wherever it stands.
//!
//! Frames name their own seq, so no group is needed to tell where one belongs. Whoever asks says how to read a seq out of
//! a header: what bytes mean is none of this room's business. A frame is believed no further than its checksum; whether
//! it is what was recorded is for the caller, who has hashes.

use super::group::{self, RawEntry};
use super::segment::{self, HEADER_LEN};
use super::{JournalError, Location, SegmentId};
use crate::disk::Disk;
use std::path::Path;

/// Bytes that are nothing intact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Where it begins.
    pub location: Location,
    /// How long it is.
    pub len: u64,
    /// The seq that was expected there.
    pub seq: u64,
    /// What is wrong.
    pub what: String,
}

/// The segments that are there, in order, whether or not one before them is missing.
pub fn segments(disk: &dyn Disk, dir: &Path) -> Result<Vec<SegmentId>, JournalError> {
    let files = disk.list(dir).map_err(|error| JournalError::Io(dir.to_owned(), error))?;
    let number = |path: &std::path::PathBuf| {
        let name = path.file_name()?.to_str()?.strip_suffix(".seg")?;
        name.parse().ok().filter(|_| name.len() == 8).map(SegmentId)
    };
    let mut found: Vec<SegmentId> = files.iter().filter_map(number).collect();
    found.sort_unstable();
    Ok(found)
}

/// Hands every intact frame to `visit`, seq ascending, and returns what lies between them.
pub fn each_intact<E: From<JournalError>>(
    disk: &dyn Disk,
    dir: &Path,
    seq_of: impl Fn(&[u8]) -> Option<u64>,
    mut visit: impl FnMut(&RawEntry, Location) -> Result<(), E>,
) -> Result<Vec<Gap>, E> {
    let (mut gaps, mut next, mut bytes) = (Vec::new(), 0, Vec::new());
    let mut expected = SegmentId(0);
    for id in segments(disk, dir)? {
        while expected < id {
            let location = Location { segment: expected, offset: 0 };
            gaps.push(Gap { location, len: 0, seq: next, what: "the segment is missing".to_owned() });
            expected.0 += 1;
        }
        expected.0 += 1;
        segment::read(disk, dir, id, &mut bytes)?;
        if let Err(what) = segment::check_header(&bytes, id, None) {
            gaps.push(Gap { location: Location { segment: id, offset: 0 }, len: HEADER_LEN, seq: next, what });
        }
        let pass = Pass { bytes: &bytes, id, seq_of: &seq_of };
        pass.run(&mut next, &mut gaps, &mut visit)?;
    }
    Ok(gaps)
}

struct Pass<'a, S> {
    bytes: &'a [u8],
    id: SegmentId,
    seq_of: &'a S,
}

/// What an offset holds.
enum Found<'a> {
    Header(usize),
    Entry(RawEntry<'a>, usize),
}

impl<S: Fn(&[u8]) -> Option<u64>> Pass<'_, S> {
    fn run<E>(
        &self,
        next: &mut u64,
        gaps: &mut Vec<Gap>,
        visit: &mut impl FnMut(&RawEntry, Location) -> Result<(), E>,
    ) -> Result<(), E> {
        // Zeros at the end are space ahead.
        let end = self.bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        let (mut at, mut gap) = (HEADER_LEN as usize, None);
        while at < end {
            let found = self.look(at, *next);
            if found.is_some() {
                gaps.extend(gap.take().map(|start| self.gap(start, at, *next)));
            }
            match found {
                Some(Found::Header(behind)) => at = behind,
                Some(Found::Entry(raw, behind)) => {
                    visit(&raw, Location { segment: self.id, offset: at as u32 })?;
                    *next = raw.seq + 1;
                    at = behind;
                }
                None => {
                    gap.get_or_insert(at);
                    at += 1;
                }
            }
        }
        gaps.extend(gap.map(|start| self.gap(start, end, *next)));
        Ok(())
    }

    fn look(&self, at: usize, next: u64) -> Option<Found<'_>> {
        if group::first_seq(self.bytes, at).is_some_and(|first| first >= next) {
            return Some(Found::Header(at + group::HEADER_LEN));
        }
        // A look at the lengths spares a checksum over bytes that cannot be a frame.
        let rest = &self.bytes[at..];
        let header = group::plausible_header(rest)?;
        let seq = (self.seq_of)(header).filter(|&seq| seq >= next)?;
        let (raw, behind) = group::read_frame(rest, at, seq)?;
        Some(Found::Entry(raw, behind))
    }

    fn gap(&self, start: usize, end: usize, seq: u64) -> Gap {
        let location = Location { segment: self.id, offset: start as u32 };
        Gap { location, len: (end - start) as u64, seq, what: "bytes that match no checksum".to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Frames, Journal, SEGMENT_LEN, scan};
    use super::*;
    use crate::disk::RealDisk;
    use std::sync::Arc;

    /// Headers of tests begin with their seq.
    fn seq_of(header: &[u8]) -> Option<u64> {
        Some(u64::from_le_bytes(header.get(..8)?.try_into().ok()?)).filter(|_| header[8..].iter().all(|&b| b == 7))
    }

    fn frames(seqs: std::ops::Range<u64>) -> Frames {
        let mut frames = Frames::default();
        for seq in seqs.clone() {
            frames.push(&[&seq.to_le_bytes()[..], &[7; 70]].concat(), b"body", b"content");
        }
        frames.finish(seqs.start);
        frames
    }

    fn journal() -> (tempfile::TempDir, std::path::PathBuf) {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("journal");
        Journal::create(&RealDisk, &path).expect("made");
        let end = scan::<JournalError>(&RealDisk, &path, None, |_, _| Ok(())).expect("empty");
        let mut journal = Journal::open(Arc::new(RealDisk), &path, &end, None, SEGMENT_LEN).expect("opened");
        journal.commit(&frames(0..3)).expect("written");
        journal.commit(&frames(3..4)).expect("written");
        journal.commit(&frames(4..6)).expect("written");
        journal.close().expect("closed");
        (dir, path)
    }

    fn found(path: &Path) -> (Vec<u64>, Vec<Gap>) {
        let mut seqs = Vec::new();
        let gaps = each_intact::<JournalError>(&RealDisk, path, seq_of, |raw, at| {
            assert_eq!(raw.offset, at.offset as usize);
            seqs.push(raw.seq);
            Ok(())
        });
        (seqs, gaps.expect("read"))
    }

    #[test]
    fn a_whole_journal_has_no_gap() {
        let (_dir, path) = journal();
        assert_eq!(found(&path), ((0..6).collect(), vec![]));
    }

    #[test]
    fn a_changed_byte_costs_the_entry_that_it_stands_in_and_no_other() {
        let (_dir, path) = journal();
        let file = path.join("00000000.seg");
        let good = std::fs::read(&file).expect("readable");
        for at in HEADER_LEN as usize..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            std::fs::write(&file, &bad).expect("written");
            let (seqs, gaps) = found(&path);
            assert!(seqs.len() >= 5 && seqs.is_sorted(), "byte {at}: {seqs:?}");
            assert_eq!(gaps.len(), 1, "byte {at}: {gaps:?}");
            let gap = &gaps[0];
            let start = gap.location.offset as usize;
            assert!((start..start + gap.len as usize).contains(&at), "byte {at}: {gap:?}");
        }
    }

    #[test]
    fn a_cut_or_zeroed_stretch_is_passed_over() {
        let (_dir, path) = journal();
        let file = path.join("00000000.seg");
        let good = std::fs::read(&file).expect("readable");
        let mut bad = good.clone();
        bad[60..260].fill(0);
        std::fs::write(&file, &bad).expect("written");
        let (seqs, gaps) = found(&path);
        assert!(seqs.ends_with(&[3, 4, 5]) && gaps.len() == 1, "{seqs:?} {gaps:?}");
        std::fs::write(&file, &good[..good.len() - 3]).expect("written");
        assert_eq!(found(&path).0, [0, 1, 2, 3, 4]);
        std::fs::write(path.join("00000002.seg"), b"").expect("written");
        let (_, gaps) = found(&path);
        assert_eq!(gaps.iter().map(|gap| gap.location.segment.0).collect::<Vec<_>>(), [0, 1, 2]);
    }
}
