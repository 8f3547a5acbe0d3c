//! One slot: its number, its bytes, and what stands where in them.

use crate::codec::StreamId;
use std::ops::Range;

/// A slot's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub(super) u32);

/// What an account's slot is found by: BLAKE3 of the account, keyed by the identity key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner(pub(super) [u8; 16]);

impl Owner {
    pub(super) fn of(hash: &[u8; 32]) -> Owner {
        Owner(hash[..16].try_into().expect("a hash has 32 bytes"))
    }
}

impl Slot {
    /// Its place in a list by slot.
    pub fn place(self) -> usize {
        self.0 as usize
    }
}

pub const SLOT_LEN: usize = 128;
/// A slot's bytes, as `docs/format.md`, "keyring", has them.
pub type Bytes = [u8; SLOT_LEN];

pub const BODY: Range<usize> = 0..32;
pub const CONTENT: Range<usize> = 32..64;
pub const STREAM: Range<usize> = 64..80;
/// All three, which are random.
pub const SECRETS: Range<usize> = 0..80;
/// Its [`Owner`]; zeros while nobody owns the slot.
pub const OWNER: Range<usize> = 80..96;
/// Content sealed before this seq is destroyed.
pub const SINCE: Range<usize> = 96..104;
pub const FLAGS: usize = 104;
const SUM: Range<usize> = 124..128;
const MADE: u8 = 1;
/// Set once everything of it was erased.
pub const DESTROYED: u8 = 2;

/// A slot, and the hash of one of its fields.
pub type Hashed = (u64, Slot);

/// The hash of a field that is random or a keyed hash: its first bytes are as good as any.
pub fn hash(field: &[u8]) -> u64 {
    u64::from_le_bytes(field[..8].try_into().expect("eight bytes"))
}

/// Makes a slot of zeros one of fresh keys and a fresh stream.
pub fn make_slot(slot: &mut Bytes, secrets: &[u8]) {
    slot[SECRETS].copy_from_slice(secrets);
    slot[FLAGS] = MADE;
    put_checksum(slot);
}

pub fn stream_of(slot: &[u8]) -> StreamId {
    StreamId(slot[STREAM].try_into().expect("16 bytes"))
}

pub fn is_owned(slot: &[u8]) -> bool {
    u128::from_le_bytes(slot[OWNER].try_into().expect("16 bytes")) != 0
}

/// Content sealed before it is destroyed.
pub fn content_since(slot: &[u8]) -> u64 {
    u64::from_le_bytes(slot[SINCE].try_into().expect("eight bytes"))
}

/// True for a slot of one of the first ledgers: the checksum is over the owner as well.
pub fn is_aged(slot: &Bytes) -> bool {
    checksum(slot) != stored_sum(slot)
}

/// True if a slot was made and is what was written; the first ledgers have the owner under the checksum too.
pub fn is_whole(slot: &[u8]) -> bool {
    slot[FLAGS] & MADE != 0
        && (checksum(slot) == stored_sum(slot) || crc32fast::hash(&slot[..SUM.start]) == stored_sum(slot))
}

pub fn put_checksum(slot: &mut Bytes) {
    let sum = checksum(slot).to_le_bytes();
    slot[SUM].copy_from_slice(&sum);
}

fn stored_sum(slot: &[u8]) -> u32 {
    u32::from_le_bytes(slot[SUM].try_into().expect("four bytes"))
}

/// CRC-32 over a slot but for its owner.
fn checksum(slot: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&slot[..OWNER.start]);
    hasher.update(&slot[OWNER.end..SUM.start]);
    hasher.finalize()
}
