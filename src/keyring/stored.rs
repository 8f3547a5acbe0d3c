//! A keyring's file as bytes: its header, the redo record in it, and its slots, of which one may be torn.

use super::KeyringError;
use super::slot::{DESTROYED, FLAGS, SLOT_LEN, Slot, is_whole, stream_of};
use crate::codec::StreamId;
use foldhash::HashSet;
use std::path::Path;

pub const MAGIC: &[u8; 16] = b"inforce keyring\n";
pub const HEADER_LEN: u64 = 4096;
/// Where the redo record stands in the header, in a sector of its own: slot number, its bytes, checksum.
pub const REDO: usize = 512;
pub const REDO_LEN: usize = 8 + SLOT_LEN + 4;
/// Slots made at a time: 512 KiB of them.
pub const BLOCK: usize = 4096;

pub fn check_header(path: &Path, bytes: &[u8]) -> Result<(), KeyringError> {
    let corrupt = |what: &str| Err(KeyringError::Corrupt(path.to_owned(), what.to_owned()));
    if bytes.len() < HEADER_LEN as usize || &bytes[..16] != MAGIC {
        return corrupt("expected a header of 4096 bytes that begins with `inforce keyring`");
    }
    if crc32fast::hash(&bytes[..80]).to_le_bytes() != bytes[80..84] {
        return corrupt("the header's checksum does not match");
    }
    Ok(())
}

/// Hands out every slot of a keyring's bytes, a torn one as it stands in the record of the last write. A slot that was
/// never finished stands at the end: it was not used, since slots are synced before.
pub fn each_slot(path: &Path, bytes: &[u8], mut take: impl FnMut(&[u8])) -> Result<(), KeyringError> {
    let corrupt = |what: &str| KeyringError::Corrupt(path.to_owned(), what.to_owned());
    let redo = read_redo(&bytes[REDO..REDO + REDO_LEN]);
    for (number, slot) in bytes[HEADER_LEN as usize..].chunks_exact(SLOT_LEN).enumerate() {
        let redone = || redo.filter(|(redone, slot)| *redone == number as u64 && is_whole(slot)).map(|(_, slot)| slot);
        match Some(slot).filter(|slot| is_whole(slot)).or_else(redone) {
            Some(slot) => take(slot),
            None if slot.iter().all(|&byte| byte == 0) => return check_behind(path, bytes, number),
            None => return Err(corrupt(&format!("the checksum of slot {number} does not match"))),
        }
    }
    Ok(())
}

/// Nothing stands behind the first slot that is zeros, but for what a block that was never finished left of itself.
fn check_behind(path: &Path, bytes: &[u8], number: usize) -> Result<(), KeyringError> {
    let unfinished = if number.is_multiple_of(BLOCK) { BLOCK } else { 1 };
    let behind = bytes.get(HEADER_LEN as usize + (number + unfinished) * SLOT_LEN..).unwrap_or_default();
    if behind.iter().all(|&byte| byte == 0) {
        return Ok(());
    }
    Err(KeyringError::Corrupt(path.to_owned(), format!("slot {number} is zeros, and slots follow it")))
}

/// The slot that a redo record names, and its bytes.
pub fn read_redo(record: &[u8]) -> Option<(u64, &[u8])> {
    let (held, sum) = record.split_at(8 + SLOT_LEN);
    let number = u64::from_le_bytes(held[..8].try_into().expect("eight bytes"));
    (crc32fast::hash(held).to_le_bytes() == sum).then_some((number, &held[8..]))
}

pub fn offset(slot: Slot) -> u64 {
    HEADER_LEN + u64::from(slot.0) * SLOT_LEN as u64
}

/// True if two readings of a keyring hold the same keys, streams and erasures; who owns which may differ.
pub fn same_keys(one: &[u8], other: &[u8]) -> bool {
    let len = HEADER_LEN as usize;
    let (Some(a), Some(b)) = (one.get(..len), other.get(..len)) else { return false };
    let slots = |bytes| <[u8]>::chunks_exact(bytes, SLOT_LEN);
    // Owner and checksum are written while accounts are claimed.
    let same = |a: &[u8], b: &[u8]| a[..80] == b[..80] && a[96..124] == b[96..124];
    one.len() == other.len()
        && a[..84] == b[..84]
        && slots(&one[len..]).zip(slots(&other[len..])).all(|(a, b)| same(a, b))
}

/// True if `later` has every slot of `earlier`, as it was or erased.
pub fn is_later(earlier: &[u8], later: &[u8]) -> bool {
    let slots = |bytes: &[u8]| -> Option<Vec<(StreamId, bool)>> {
        let mut slots = Vec::new();
        check_header(Path::new(""), bytes).ok()?;
        each_slot(Path::new(""), bytes, |slot| slots.push((stream_of(slot), slot[FLAGS] & DESTROYED != 0))).ok()?;
        Some(slots)
    };
    let (Some(one), Some(other)) = (slots(earlier), slots(later)) else { return false };
    one.len() <= other.len() && one.iter().zip(&other).all(|(one, other)| one.0 == other.0 || other.1)
}

/// The streams that a keyring's bytes have keys for.
pub fn streams(path: &Path, bytes: &[u8]) -> Result<HashSet<StreamId>, KeyringError> {
    let mut streams = HashSet::default();
    check_header(path, bytes)?;
    each_slot(path, bytes, |slot| {
        if slot[FLAGS] & DESTROYED == 0 {
            streams.insert(stream_of(slot));
        }
    })?;
    Ok(streams)
}

/// Checks the bytes of a keyring that was read from `path`.
pub fn check(path: &Path, bytes: &[u8]) -> Result<(), KeyringError> {
    check_header(path, bytes)?;
    each_slot(path, bytes, |_| ())
}
