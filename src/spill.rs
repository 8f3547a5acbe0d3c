//! What does not fit into memory: records in piles, in a file without a name that is gone with whoever holds it.
//!
//! What was sealed in a ledger must not lie about in plain because somebody reads it. INVARIANT (this process only): a
//! spill is sealed under a random key that stands nowhere but in memory, so what a disk keeps of it can never be read
//! again. A piece is sealed under its number, and no number twice. Deliberately absent: what a record means; order.

use crate::disk::{Disk, DiskFile};
use crate::keyring::PassingKey;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes gathered before they are written.
const PIECE: usize = 64 << 10;

/// A file of pieces.
pub struct Spill {
    file: Box<dyn DiskFile>,
    key: PassingKey,
    pieces: AtomicU64,
    len: AtomicU64,
}

/// Where a piece stands.
#[derive(Clone, Copy, Debug)]
struct Piece {
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
    pub fn new(disk: &dyn Disk) -> io::Result<Spill> {
        let (pieces, len) = (AtomicU64::new(0), AtomicU64::new(0));
        Ok(Spill { file: disk.scratch()?, key: PassingKey::fresh(), pieces, len })
    }

    fn write(&self, bytes: Vec<u8>) -> io::Result<Piece> {
        let number = self.pieces.fetch_add(1, Ordering::Relaxed);
        let sealed = self.key.seal(number, bytes);
        let offset = self.len.fetch_add(sealed.len() as u64, Ordering::Relaxed);
        self.file.write_all_at(&sealed, offset)?;
        Ok(Piece { number, offset, len: sealed.len() })
    }

    fn read(&self, piece: Piece) -> io::Result<Vec<u8>> {
        let mut sealed = vec![0; piece.len];
        self.file.read_exact_at(&mut sealed, piece.offset)?;
        let changed = || io::Error::new(io::ErrorKind::InvalidData, "what was put aside was changed");
        self.key.unseal(piece.number, sealed).ok_or_else(changed)
    }
}

impl Pile {
    /// Adds a record.
    pub fn push(&mut self, spill: &Spill, record: &[u8]) -> io::Result<()> {
        if self.last.capacity() == 0 {
            self.last.reserve(PIECE);
        }
        self.last.extend((record.len() as u32).to_le_bytes());
        self.last.extend_from_slice(record);
        if self.last.len() >= PIECE - 512 {
            self.settle(spill)?;
        }
        Ok(())
    }

    /// Writes what is in memory.
    pub fn settle(&mut self, spill: &Spill) -> io::Result<()> {
        if !self.last.is_empty() {
            self.pieces.push(spill.write(std::mem::take(&mut self.last))?);
        }
        Ok(())
    }

    /// Pieces, each with the records in it: the last is the one in memory.
    pub fn pieces<'a>(&'a self, spill: &'a Spill) -> impl Iterator<Item = io::Result<Records>> + 'a {
        let written = self.pieces.iter().map(|&piece| Ok(Records { bytes: spill.read(piece)?, at: 0 }));
        written.chain(std::iter::once_with(|| Ok(Records { bytes: self.last.clone(), at: 0 })))
    }
}

/// The records of a piece.
pub struct Records {
    bytes: Vec<u8>,
    at: usize,
}

impl Records {
    /// The next record.
    pub fn take(&mut self) -> Option<&[u8]> {
        let start = self.at + 4;
        let len = u32::from_le_bytes(self.bytes.get(self.at..start)?.try_into().expect("four bytes")) as usize;
        self.at = start + len;
        Some(&self.bytes[start..self.at])
    }

    /// Where the record that was taken last ends.
    pub fn end(&self) -> usize {
        self.at
    }

    /// The bytes at a place.
    pub fn at(&self, place: std::ops::Range<usize>) -> &[u8] {
        &self.bytes[place]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::RealDisk;

    fn records(pile: &Pile, spill: &Spill) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        for piece in pile.pieces(spill) {
            let mut records = piece.expect("sound");
            while let Some(record) = records.take() {
                all.push(record.to_vec());
            }
        }
        all
    }

    #[test]
    fn piles_give_back_what_was_put_on_them_and_leave_nothing_readable() {
        let spill = Spill::new(&RealDisk).expect("a file");
        let mut piles = [Pile::default(), Pile::default()];
        let record = |number: usize| format!("a secret {number} {}", "x".repeat(number % 300)).into_bytes();
        for number in 0..5000 {
            piles[number % 2].push(&spill, &record(number)).expect("sound");
        }
        for (which, pile) in piles.iter().enumerate() {
            let expected: Vec<_> = (0..5000).filter(|number| number % 2 == which).map(record).collect();
            assert_eq!(records(pile, &spill), expected);
        }
        assert!(piles[0].pieces.len() > 2);
        let mut stored = vec![0; spill.file.len().expect("sound") as usize];
        spill.file.read_exact_at(&mut stored, 0).expect("sound");
        assert!(!stored.windows(8).any(|bytes| bytes == b"a secret"));
        spill.file.write_all_at(&[stored[100] ^ 1], 100).expect("sound");
        assert!(piles.iter().any(|pile| pile.pieces(&spill).any(|piece| piece.is_err())), "a changed byte is noticed");
    }
}
