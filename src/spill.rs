//! What does not fit into memory: records in piles, in a file without a name that is gone with whoever holds it.
//!
//! What was sealed in a ledger must not lie about in plain because somebody reads it. INVARIANT (this process only): a
//! spill is sealed under a random key that stands nowhere but in memory, so what a disk keeps of it can never be read
//! again. A piece is sealed under its number, and no number twice. What is little stays in memory, and needs no file.
//! Deliberately absent: what a record means; order.

use crate::disk::{Disk, DiskFile};
use crate::keyring::PassingKey;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::io;
use std::ops::{Range, RangeInclusive};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Bytes gathered before they are written.
pub const PIECE: usize = 64 << 10;
/// Bytes that piles may keep in memory though they are settled: of a small ledger all.
const LITTLE: usize = 1 << 20;

/// A file of pieces.
pub struct Spill {
    /// That there is none is told once it is needed.
    file: io::Result<Box<dyn DiskFile>>,
    key: PassingKey,
    pieces: AtomicU64,
    len: AtomicU64,
    /// Bytes in memory of piles that are settled.
    held: AtomicUsize,
}

/// Where a piece stands.
#[derive(Clone, Copy, Debug)]
struct Piece {
    /// The key of its first record.
    first: u64,
    number: u64,
    offset: u64,
    len: usize,
}

/// Records in the order in which they came; the last of them in memory.
#[derive(Default)]
pub struct Pile {
    pieces: Vec<Piece>,
    last: Vec<u8>,
}

impl Spill {
    /// An empty one, where `disk` keeps such files.
    pub fn new(disk: &dyn Disk) -> Spill {
        let (pieces, len, held) = Default::default();
        Spill { file: disk.scratch(), key: PassingKey::fresh(), pieces, len, held }
    }

    fn file(&self) -> io::Result<&dyn DiskFile> {
        self.file.as_deref().map_err(|error| io::Error::new(error.kind(), error.to_string()))
    }

    /// True if so many bytes more may stay in memory.
    fn holds(&self, len: usize) -> bool {
        let more = |held: usize| Some(held + len).filter(|&held| held <= LITTLE);
        self.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    /// Writes a piece, sealed in its place; its memory can be used again. Where there is no file it is as it was.
    fn write(&self, bytes: &mut Vec<u8>) -> io::Result<Piece> {
        let file = self.file()?;
        let (number, first) = (self.pieces.fetch_add(1, Ordering::Relaxed), key_at(bytes));
        *bytes = self.key.seal(number, std::mem::take(bytes));
        let offset = self.len.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        file.write_all_at(bytes, offset)?;
        Ok(Piece { first, number, offset, len: bytes.len() })
    }

    /// Reads a piece in place of what stood in `bytes`.
    fn read(&self, piece: Piece, bytes: &mut Vec<u8>) -> io::Result<()> {
        bytes.resize(piece.len, 0);
        self.file()?.read_exact_at(bytes, piece.offset)?;
        let changed = || io::Error::new(io::ErrorKind::InvalidData, "what was put aside was changed");
        *bytes = self.key.unseal(piece.number, std::mem::take(bytes)).ok_or_else(changed)?;
        Ok(())
    }
}

impl Pile {
    /// Adds a record under a key.
    pub fn push(&mut self, spill: &Spill, key: u64, record: &[u8]) -> io::Result<()> {
        if self.last.capacity() == 0 {
            self.last.reserve(PIECE);
        }
        put(&mut self.last, key, record);
        if self.last.len() >= PIECE - 512 {
            self.pieces.push(spill.write(&mut self.last)?);
            self.last.clear();
        }
        Ok(())
    }

    /// Writes what is in memory and gives that back, unless it is little, as is what others kept. To be called once, at the end.
    pub fn settle(&mut self, spill: &Spill) -> io::Result<()> {
        if self.last.is_empty() || spill.holds(self.last.len()) {
            self.last.shrink_to_fit();
            return Ok(());
        }
        self.pieces.push(spill.write(&mut std::mem::take(&mut self.last))?);
        Ok(())
    }

    /// Reads one of its pieces in place of another; the last is the one in memory. False behind that. Of a piece that cannot be
    /// read no record is left.
    fn read(&self, number: usize, spill: &Spill, records: &mut Records) -> io::Result<bool> {
        records.next = 0;
        let read = match self.pieces.get(number) {
            Some(&piece) => spill.read(piece, &mut records.bytes).map(|()| true),
            None if number == self.pieces.len() => {
                records.bytes.clone_from(&self.last);
                return Ok(true);
            }
            None => Ok(false),
        };
        if !matches!(read, Ok(true)) {
            records.bytes.clear();
        }
        read
    }

    /// Hands out every record, in the order in which they came.
    pub fn each<E: From<io::Error>>(
        &self,
        spill: &Spill,
        mut take: impl FnMut(u64, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let (mut number, mut records) = (0, Records::default());
        while self.read(number, spill, &mut records)? {
            while let Some((key, record)) = records.take() {
                take(key, record)?;
            }
            number += 1;
        }
        Ok(())
    }

    /// All of it as one piece, ascending in keys.
    pub fn sorted(&self, spill: &Spill) -> io::Result<Records> {
        let (mut bytes, mut order) = (Vec::new(), Vec::new());
        self.each(spill, |key, record| {
            let start = bytes.len();
            put(&mut bytes, key, record);
            order.push((key, start..bytes.len()));
            Ok::<(), io::Error>(())
        })?;
        order.sort_by_key(|(key, _)| *key);
        let mut sorted = Vec::with_capacity(bytes.len());
        order.into_iter().for_each(|(_, place)| sorted.extend_from_slice(&bytes[place]));
        Ok(Records { bytes: sorted, next: 0 })
    }
}

/// The length and the key before a record.
const PREFIX: usize = 12;

fn put(bytes: &mut Vec<u8>, key: u64, record: &[u8]) {
    bytes.extend_from_slice(&(record.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&key.to_le_bytes());
    bytes.extend_from_slice(record);
}

/// The key of the record that `bytes` begin with.
fn key_at(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes[4..PREFIX].try_into().expect("eight bytes"))
}

/// The records of a piece.
#[derive(Default)]
pub struct Records {
    bytes: Vec<u8>,
    /// Where the next one begins.
    next: usize,
}

impl Records {
    /// The next record, and its key.
    pub fn take(&mut self) -> Option<(u64, &[u8])> {
        let (key, place) = self.place(self.next)?;
        self.next = place.end;
        Some((key, &self.bytes[place]))
    }

    fn place(&self, at: usize) -> Option<(u64, Range<usize>)> {
        let prefix = self.bytes.get(at..at + PREFIX)?;
        let len = u32::from_le_bytes(prefix[..4].try_into().expect("four bytes")) as usize;
        Some((key_at(prefix), at + PREFIX..at + PREFIX + len))
    }
}

/// Records that ascend in their keys.
pub struct Run<'a> {
    /// What is read piece by piece, and the number of the next piece.
    rest: Option<(&'a Pile, &'a Spill, usize)>,
    records: Records,
    /// Keys that are asked for.
    keys: RangeInclusive<u64>,
}

impl<'a> Run<'a> {
    /// A pile whose keys ascended as they came, read piece by piece.
    pub fn of(pile: &'a Pile, spill: &'a Spill) -> Run<'a> {
        Run::within(pile, spill, ALL)
    }

    /// The same, but for what has other keys.
    pub fn within(pile: &'a Pile, spill: &'a Spill, keys: RangeInclusive<u64>) -> Run<'a> {
        let next = pile.pieces.partition_point(|piece| piece.first < *keys.start()).saturating_sub(1);
        Run { rest: Some((pile, spill, next)), records: Records::default(), keys }
    }

    /// Records in memory.
    pub fn held(records: Records) -> Run<'a> {
        Run { rest: None, records, keys: ALL }
    }

    /// The key of the next record, the pieces before it let go.
    fn key(&mut self) -> io::Result<Option<u64>> {
        loop {
            match self.records.place(self.records.next) {
                Some((key, place)) if key < *self.keys.start() => self.records.next = place.end,
                Some((key, _)) => return Ok(Some(key).filter(|key| key <= self.keys.end())),
                None => {
                    let Some((pile, spill, next)) = &mut self.rest else { return Ok(None) };
                    if !pile.read(*next, spill, &mut self.records)? {
                        return Ok(None);
                    }
                    *next += 1;
                }
            }
        }
    }
}

const ALL: RangeInclusive<u64> = 0..=u64::MAX;

/// Every key, in ranges in each of which about so many pieces of `piles` begin.
pub fn ranges(piles: &[&Pile], pieces: usize) -> Vec<RangeInclusive<u64>> {
    let mut starts: Vec<u64> = piles.iter().flat_map(|pile| &pile.pieces).map(|piece| piece.first).collect();
    starts.sort_unstable();
    let mut starts: Vec<u64> = std::iter::once(0).chain(starts.into_iter().step_by(pieces).skip(1)).collect();
    starts.dedup();
    let ends = starts[1..].iter().map(|next| next - 1).chain([u64::MAX]);
    starts.iter().zip(ends).map(|(&start, end)| start..=end).collect()
}

/// Runs as one, ascending in keys.
pub struct Merged<'a> {
    runs: Vec<Run<'a>>,
    heads: BinaryHeap<Reverse<(u64, usize)>>,
    /// True once a record was taken.
    is_taken: bool,
}

impl<'a> Merged<'a> {
    /// Of so many runs.
    pub fn new(mut runs: Vec<Run<'a>>) -> io::Result<Merged<'a>> {
        let mut heads = BinaryHeap::new();
        for (number, run) in runs.iter_mut().enumerate() {
            heads.extend(run.key()?.map(|key| Reverse((key, number))));
        }
        Ok(Merged { runs, heads, is_taken: false })
    }

    /// The next record: the number of its run, its key, and its bytes.
    pub fn take(&mut self) -> io::Result<Option<(usize, u64, &[u8])>> {
        // The run whose record was taken last still stands first, under the key of that record.
        if let Some(mut first) = self.heads.peek_mut().filter(|_| self.is_taken) {
            let Reverse((_, number)) = *first;
            match self.runs[number].key()? {
                Some(key) => *first = Reverse((key, number)),
                None => drop(PeekMut::pop(first)),
            }
        }
        self.is_taken = true;
        let Some(&Reverse((_, number))) = self.heads.peek() else { return Ok(None) };
        Ok(self.runs[number].records.take().map(|(key, record)| (number, key, record)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::RealDisk;

    fn records(runs: Vec<Run>) -> Vec<(u64, Vec<u8>)> {
        let (mut all, mut merged) = (Vec::new(), Merged::new(runs).expect("sound"));
        while let Some((_, key, record)) = merged.take().expect("sound") {
            all.push((key, record.to_vec()));
        }
        all
    }

    #[test]
    fn piles_give_back_what_was_put_on_them_and_leave_nothing_readable() {
        let spill = Spill::new(&RealDisk);
        let mut piles = [Pile::default(), Pile::default(), Pile::default()];
        let record = |key: u64| (key, format!("a secret {key} {}", "x".repeat(key as usize % 300)).into_bytes());
        for key in 0..6000 {
            piles[key as usize % 2].push(&spill, key, &record(key).1).expect("sound");
            // Seven is no divisor of 6000: every key once, in no order.
            let other = key * 7 % 6000 + 6000;
            piles[2].push(&spill, other, &record(other).1).expect("sound");
        }
        // As if others had kept what may be kept: it is written.
        spill.held.store(LITTLE, Ordering::Relaxed);
        piles[1].settle(&spill).expect("sound");
        assert!(piles[1].last.is_empty() && !piles[0].last.is_empty());
        let run = |pile: &'_ Pile| records(vec![Run::of(pile, &spill)]);
        assert_eq!(run(&piles[0]), (0..6000).step_by(2).map(record).collect::<Vec<_>>());
        let (one, two) = (Run::of(&piles[0], &spill), Run::of(&piles[1], &spill));
        let three = Run::held(piles[2].sorted(&spill).expect("sound"));
        assert_eq!(records(vec![two, three, one]), (0..12_000).map(record).collect::<Vec<_>>());
        let twice = records(vec![Run::of(&piles[1], &spill), Run::of(&piles[1], &spill)]);
        assert!(twice.into_iter().eq((1..6000).step_by(2).flat_map(|key| [record(key), record(key)])));
        assert!(piles[0].pieces.len() > 2);
        for pieces in [1, 2, 5, 1000] {
            let ranges = ranges(&[&piles[0], &piles[1]], pieces);
            assert_eq!(ranges.len() == 1, pieces == 1000);
            let within = |keys: &RangeInclusive<u64>| {
                records(piles[..2].iter().map(|pile| Run::within(pile, &spill, keys.clone())).collect())
            };
            assert!(ranges.iter().flat_map(within).eq((0..6000).map(record)), "each once, in order: {pieces}");
        }
        let file = spill.file().expect("a file");
        let mut stored = vec![0; file.len().expect("sound") as usize];
        file.read_exact_at(&mut stored, 0).expect("sound");
        assert!(!stored.windows(8).any(|bytes| bytes == b"a secret"));
        let place = piles[0].pieces[1].offset + 100;
        file.write_all_at(&[stored[place as usize] ^ 1], place).expect("sound");
        let is_changed = |pile: &Pile| pile.each(&spill, |_, _| Ok::<(), io::Error>(())).is_err();
        assert_eq!([0, 1, 2].map(|pile| is_changed(&piles[pile])), [true, false, false], "a changed byte is noticed");
        let mut merged = Merged::new(vec![Run::of(&piles[0], &spill), Run::of(&piles[1], &spill)]).expect("sound");
        while merged.take().is_ok_and(|taken| taken.is_some()) {}
        assert!(merged.take().is_err() && merged.take().is_err(), "and whoever asks again gets no record");
    }

    #[test]
    fn what_is_little_needs_no_file_and_what_is_more_says_that_there_is_none() {
        let none = Err(io::Error::from(io::ErrorKind::PermissionDenied));
        let spill = Spill { file: none, ..Spill::new(&RealDisk) };
        let record = [7; 1000];
        let of = |count: u64| {
            let mut pile = Pile::default();
            (0..count).try_for_each(|key| pile.push(&spill, key, &record)).and_then(|()| pile.settle(&spill))?;
            Ok::<_, io::Error>(pile)
        };
        let piles: Vec<Pile> = (0..20).map(|_| of(50).expect("in memory")).collect();
        assert_eq!(ranges(&piles.iter().collect::<Vec<_>>(), 1), [ALL], "nothing is written");
        for pile in &piles {
            assert_eq!(
                records(vec![Run::of(pile, &spill)]),
                (0..50).map(|key| (key, record.to_vec())).collect::<Vec<_>>()
            );
        }
        let is_refused =
            |pile: io::Result<Pile>| pile.is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied);
        assert!(is_refused(of(50)), "there is no room for another");
        assert!(is_refused(of(70)), "a whole piece is never held");
    }
}
