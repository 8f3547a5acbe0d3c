//! Opening: everything is checked, and held as far as it is opened for.

use super::census::{Use, Used};
use super::slot::{OWNER, SLOT_LEN, STREAM};
use super::slots::Slots;
use super::stored::{HEADER_LEN, REDO, REDO_LEN, check_header, read_redo};
use super::table::Table;
use super::{Keyring, KeyringError};
use crate::disk::{Disk, DiskFile, Open};
use ed25519_dalek::SigningKey;
use std::io;
use std::path::Path;
use std::sync::OnceLock;
use zeroize::Zeroizing;

/// The slots of a file, how they are found, and what was ever used of each few blocks.
struct Found {
    slots: Slots,
    by_owner: OnceLock<Table>,
    by_stream: Table,
    used: Vec<Used>,
}

pub fn open(disk: &dyn Disk, path: &Path, used: Use) -> Result<Keyring, KeyringError> {
    let io = |error| KeyringError::Io(path.to_owned(), error);
    let opened = disk.open(path, if used == Use::Write { Open::Write } else { Open::Read });
    let file = opened.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => KeyringError::Corrupt(path.to_owned(), "it is not there".to_owned()),
        _ => io(error),
    })?;
    let mut header = Zeroizing::new(vec![0; HEADER_LEN as usize]);
    let len = file.len().map_err(io)?;
    header.truncate(len.min(HEADER_LEN) as usize);
    file.read_exact_at(&mut header, 0).map_err(io)?;
    check_header(path, &header)?;
    let signing = SigningKey::from_bytes(header[16..48].try_into().expect("32 bytes"));
    let identity = Zeroizing::new(header[48..80].try_into().expect("32 bytes"));
    let count = ((len - HEADER_LEN) / SLOT_LEN as u64) as usize;
    let looked = match used {
        Use::Look => look(disk.open(path, Open::Read).map_err(io)?, count).map_err(io)?,
        Use::Read | Use::Write => None,
    };
    let Found { slots, by_owner, by_stream, used: counted } = match looked {
        Some(found) => found,
        None => read(disk, path, &*file, count, used)?,
    };
    let next_free = counted.iter().rev().find_map(|block| block.last).map_or(0, |slot| slot.0 + 1);
    let mut counts: [u64; 3] = [0; 3];
    for block in &counted {
        counts.iter_mut().zip(block.counts).for_each(|(sum, count)| *sum = sum.wrapping_add(count));
    }
    let path = path.to_owned();
    let keyring = Keyring { path, file, signing, identity, slots, by_owner, by_stream, next_free, counts };
    // Torn, or shown by the system and never written because a sync failed: either way it is written again.
    let redone = read_redo(&header[REDO..REDO + REDO_LEN]).map(|(slot, _)| slot);
    if let Some(slot) = redone.filter(|&slot| used == Use::Write && slot < keyring.slots.len as u64) {
        keyring.write(slot as u32..slot as u32 + 1)?;
        keyring.sync()?;
    }
    Ok(keyring)
}

/// Leaves slots in the file; nothing if one of them is torn.
fn look(file: Box<dyn DiskFile>, count: usize) -> io::Result<Option<Found>> {
    let Some((slots, skimmed)) = Slots::skim(file, count)? else { return Ok(None) };
    let (mut owners, mut streams, mut used) = (Vec::new(), Vec::new(), Vec::new());
    for block in skimmed {
        owners.push(block.owners);
        streams.push(block.streams);
        used.push(block.used);
    }
    let (by_owner, by_stream) = (OnceLock::from(Table::fixed(OWNER, owners)), Table::fixed(STREAM, streams));
    Ok(Some(Found { slots, by_owner, by_stream, used }))
}

/// Takes all of them into memory, a torn one as it is made whole.
fn read(disk: &dyn Disk, path: &Path, file: &dyn DiskFile, count: usize, used: Use) -> Result<Found, KeyringError> {
    let io = |error| KeyringError::Io(path.to_owned(), error);
    let (slots, census) = match Slots::read(file, count, used).map_err(io)? {
        Some(read) => read,
        None => Slots::mended(path, &Zeroizing::new(disk.read(path).map_err(io)?))?,
    };
    let owners = || Table::growing(OWNER, &slots, census.iter().map(|block| &block.owners[..]));
    let (by_owner, by_stream) = rayon::join(
        || if used == Use::Write { OnceLock::from(owners()) } else { OnceLock::new() },
        || Table::growing(STREAM, &slots, census.iter().map(|block| &block.streams[..])),
    );
    Ok(Found { slots, by_owner, by_stream, used: census.into_iter().map(|block| block.used).collect() })
}
