//! What slots come to, counted as they are read.

use super::slot::{DESTROYED, FLAGS, Hashed, OWNER, SLOT_LEN, STREAM, Slot, content_since, hash, is_owned};
use super::sorted::Sorted;
use super::stored::BLOCK;

/// What a keyring is opened for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Use {
    Look,
    Read,
    Write,
}

/// What the slots of a few blocks come to, told while they are at hand: a million of them do not fit a processor's cache.
#[derive(Default)]
pub struct Census {
    pub owners: Vec<Hashed>,
    pub streams: Vec<Hashed>,
    pub used: Used,
}

/// How much of them was ever used.
#[derive(Default)]
pub struct Used {
    /// The last slot that was.
    pub last: Option<Slot>,
    pub counts: [u64; 3],
}

impl Census {
    pub fn of(number: usize, block: &[u8], used: Use) -> Census {
        let mut census = Census::default();
        census.take(number, block, used);
        census
    }

    pub fn take(&mut self, number: usize, block: &[u8], used: Use) {
        if used != Use::Read {
            self.owners.reserve(BLOCK);
        }
        self.streams.reserve(BLOCK);
        for (slot, bytes) in ((number * BLOCK) as u32..).map(Slot).zip(block.chunks_exact(SLOT_LEN)) {
            let (is_owned, is_destroyed) = (is_owned(bytes), bytes[FLAGS] & DESTROYED != 0);
            let since = content_since(bytes);
            if is_owned && used != Use::Read {
                self.owners.push((hash(&bytes[OWNER]), slot));
            }
            if !is_destroyed {
                self.streams.push((hash(&bytes[STREAM]), slot));
            }
            if is_owned || is_destroyed || since > 0 {
                self.used.last = Some(slot);
                let counts = [u64::from(is_owned || is_destroyed), u64::from(is_destroyed), since];
                self.used.counts.iter_mut().zip(counts).for_each(|(sum, count)| *sum = sum.wrapping_add(count));
            }
        }
    }
}

/// What is kept of a few blocks where little is asked.
pub struct Skimmed {
    pub owners: Sorted,
    pub streams: Sorted,
    pub used: Used,
}

impl From<Census> for Skimmed {
    fn from(census: Census) -> Skimmed {
        let Census { owners, streams, used } = census;
        Skimmed { owners: Sorted::new(&owners), streams: Sorted::new(&streams), used }
    }
}
