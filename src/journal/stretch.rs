//! A segment in memory, a stretch of it at a time: what was read is in the processor's cache when it is looked at, and memory
//! does not grow with segments. A group that is longer than a stretch is read as a whole.

use super::segment::{self, SegmentId};
use super::{Disk, DiskFile, JournalError};
use std::path::{Path, PathBuf};

/// Bytes read at once: what the system copies them to is in the processor's cache, half of it at most.
pub const STRETCH: usize = 1 << 20;

/// Part of a segment, on from wherever it was read last.
pub struct Stretch<'a> {
    path: PathBuf,
    file: Box<dyn DiskFile>,
    /// Memory that is used again; the first `len` bytes of it are of the segment.
    room: &'a mut Vec<u8>,
    len: usize,
    /// Where it begins in the segment.
    start: usize,
    is_last: bool,
}

impl<'a> Stretch<'a> {
    /// Opens a segment; nothing of it is read yet.
    pub fn open(
        disk: &dyn Disk,
        dir: &Path,
        id: SegmentId,
        room: &'a mut Vec<u8>,
    ) -> Result<Stretch<'a>, JournalError> {
        let (path, file) = (segment::path_of(dir, id), segment::open_to_read(disk, dir, id)?);
        Ok(Stretch { path, file, room, len: 0, start: 0, is_last: false })
    }

    /// Goes on to where `start` is, and has `len` bytes from there, or all there are.
    pub fn read(&mut self, start: usize, len: usize) -> Result<(), JournalError> {
        let kept = (self.start + self.len).saturating_sub(start);
        self.room.copy_within(self.len - kept..self.len, 0);
        (self.start, self.len) = (start, kept);
        let mut read = || {
            let rest = (self.file.len()? as usize).saturating_sub(start);
            // One byte more than there are: then nothing stands behind it, unless somebody writes.
            let len = len.min(rest + 1);
            if len > kept {
                self.room.resize(len.max(self.room.len()), 0);
                self.len += self.file.read_up_to(&mut self.room[kept..len], (start + kept) as u64)?;
            }
            self.is_last = self.len < len || kept > rest;
            Ok(())
        };
        read().map_err(|error| segment::unreadable(&self.path, error))
    }

    /// Where it begins in the segment.
    pub fn start(&self) -> usize {
        self.start
    }

    /// True if the segment ends with it.
    pub fn is_last(&self) -> bool {
        self.is_last
    }

    /// What it holds.
    pub fn bytes(&self) -> &[u8] {
        &self.room[..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Frames, Journal, Location, scan_by};
    use super::*;
    use crate::disk::RealDisk;
    use std::sync::Arc;

    /// Groups of one to five entries, in segments of a few groups each, the last with zeros ahead.
    fn journal() -> (tempfile::TempDir, PathBuf, Vec<(Location, u64)>) {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("journal");
        Journal::create(&RealDisk, &path).expect("made");
        let end = scan_by::<JournalError>(STRETCH, &RealDisk, &path, None, |_, _| Ok(())).expect("empty");
        let mut journal = Journal::open(Arc::new(RealDisk), &path, &end, None, 4000).expect("opened");
        let (mut seq, mut places) = (0, Vec::new());
        for group in 0..40 {
            places.push((journal.place(seq).expect("placed"), seq));
            let (mut frames, first) = (Frames::default(), seq);
            for _ in 0..group % 5 + 1 {
                frames.push(&seq.to_le_bytes(), &vec![3; seq as usize * 37 % 500], &vec![4; seq as usize % 20]);
                seq += 1;
            }
            frames.finish(first);
            journal.commit(&frames).expect("written");
        }
        (dir, path, places)
    }

    /// All that a pass tells: every entry, where it and its group stand, and the end.
    fn told(stretch: usize, path: &Path, from: Option<(Location, u64)>) -> (Vec<String>, String) {
        let mut met = Vec::new();
        let end = scan_by::<JournalError>(stretch, &RealDisk, path, from, |group, segment| {
            met.push(format!("{segment:?} {group:?}"));
            Ok(())
        });
        (met, format!("{:?}", end.expect("readable")))
    }

    #[test]
    fn a_pass_tells_the_same_however_much_is_read_at_once() {
        let (_dir, path, places) = journal();
        let compare = |whole: &(Vec<String>, String), from, what: &str| {
            for stretch in [1, 24, 25, 100, 700, 2000, 4096] {
                assert_eq!(told(stretch, &path, from), *whole, "{what}, {stretch} bytes at once");
            }
        };
        let whole = told(usize::MAX, &path, None);
        assert!(whole.0.len() == places.len() && whole.1.contains("next_seq: 120") && whole.1.contains("damage: None"));
        assert!(places[39].0.segment > SegmentId(3));
        compare(&whole, None, "as it is");
        for &(place, seq) in places.iter().step_by(7) {
            let whole = told(usize::MAX, &path, Some((place, seq)));
            compare(&whole, Some((place, seq)), "from within");
        }
        for id in [SegmentId(1), places[39].0.segment] {
            let file = segment::path_of(&path, id);
            let bytes = std::fs::read(&file).expect("readable");
            let used = bytes.len().min(5000);
            let mut changed: Vec<Vec<u8>> = vec![bytes[..20].to_vec(), bytes[..used / 2].to_vec()];
            changed.push([&bytes[..], &[9; 30]].concat());
            changed.push([&bytes[..], &[0; 3000], &[9; 30]].concat());
            for place in (0..used).step_by(67) {
                let mut flipped = bytes.clone();
                flipped[place] ^= 4;
                changed.push(flipped);
                let mut zeros = bytes.clone();
                zeros[place..used.min(place + 200)].fill(0);
                changed.push(zeros);
            }
            for (number, changed) in changed.iter().enumerate() {
                std::fs::write(&file, changed).expect("written");
                compare(&told(usize::MAX, &path, None), None, &format!("{number} of {id:?}"));
            }
            std::fs::write(&file, bytes).expect("written");
        }
    }
}
