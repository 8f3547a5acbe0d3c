//! Slots in memory, in blocks, and how they are read.

use super::KeyringError;
use super::census::{Census, Skimmed, Use};
use super::slot::{Bytes, Hashed, OWNER, SLOT_LEN, Slot, hash, is_owned, is_whole};
use super::stored::{BLOCK, check_header, each_slot, offset};
use crate::disk::DiskFile;
use rayon::prelude::*;
use std::io;
use std::path::Path;
use std::sync::OnceLock;
use zeroize::Zeroizing;

/// Slots read at a time where few are asked for: 4 KiB of them.
const PIECE: usize = 32;
/// Blocks that are sorted together there.
const SORTED: usize = 16;

/// Slots in blocks that never grow: a list that grows leaves copies of its keys behind in memory, where no erasure and no
/// drop would wipe them. A block may be read only once one of its slots is asked for.
pub struct Slots {
    blocks: Vec<OnceLock<Block>>,
    /// Slots of a block.
    unit: usize,
    pub len: usize,
    /// Where blocks that are not in memory stand.
    stored: Option<Box<dyn DiskFile>>,
}

pub type Block = Zeroizing<Vec<u8>>;

pub const HELD: &str = "whatever is written to is held in memory";

impl Slots {
    pub fn held(blocks: Vec<OnceLock<Block>>, len: usize) -> Slots {
        Slots { blocks, unit: BLOCK, len, stored: None }
    }

    pub fn push(&mut self, slot: &[u8]) {
        if self.len.is_multiple_of(self.unit) {
            self.blocks.push(OnceLock::from(Zeroizing::new(Vec::with_capacity(self.unit * SLOT_LEN))));
        }
        self.blocks.last_mut().and_then(OnceLock::get_mut).expect(HELD).extend(slot);
        self.len += 1;
    }

    pub fn at(&self, slot: Slot) -> &Bytes {
        let start = slot.0 as usize % self.unit * SLOT_LEN;
        let block = self.block(slot).expect("a keyring that was just read whole can be read, or `fetch` said why not");
        block[start..start + SLOT_LEN].try_into().expect("a slot's bytes")
    }

    pub fn at_mut(&mut self, slot: Slot) -> &mut Bytes {
        let start = slot.0 as usize % self.unit * SLOT_LEN;
        let block = self.blocks[slot.0 as usize / self.unit].get_mut().expect(HELD);
        (&mut block[start..start + SLOT_LEN]).try_into().expect("a slot's bytes")
    }

    /// The block of a slot.
    pub fn block(&self, slot: Slot) -> io::Result<&Block> {
        let number = slot.0 as usize / self.unit;
        if let Some(block) = self.blocks[number].get() {
            return Ok(block);
        }
        let mut read = Zeroizing::new(Vec::new());
        let stored = self.stored.as_deref().expect(HELD);
        match read_block(stored, number, self.unit, self.len, &mut read)? {
            true => Ok(self.blocks[number].get_or_init(|| read)),
            false => Err(io::Error::other("it has changed since it was opened")),
        }
    }

    /// Everything in the first `len` slots of a file, and what it comes to, if each of them is whole.
    pub fn read(file: &dyn DiskFile, len: usize, used: Use) -> io::Result<Option<(Slots, Vec<Census>)>> {
        let read = |number: usize| -> io::Result<Option<(OnceLock<Block>, Census)>> {
            let mut block = Zeroizing::new(Vec::new());
            let is_whole = read_block(file, number, BLOCK, len, &mut block)?;
            Ok(is_whole.then(|| Census::of(number, &block, used)).map(|census| (OnceLock::from(block), census)))
        };
        let blocks = (0..len.div_ceil(BLOCK)).into_par_iter().map(read).collect::<io::Result<Option<Vec<_>>>>()?;
        let blocks = blocks.map(|blocks| blocks.into_iter().unzip::<_, _, Vec<_>, Vec<_>>());
        Ok(blocks.map(|(blocks, census)| (Slots::held(blocks, len), census)))
    }

    /// What the first `len` slots of a file come to, if each of them is whole, and slots that are read when they are asked for.
    pub fn skim(file: Box<dyn DiskFile>, len: usize) -> io::Result<Option<(Slots, Vec<Skimmed>)>> {
        let blocks = len.div_ceil(BLOCK);
        let read = |first: usize| -> io::Result<Option<Skimmed>> {
            let (mut block, mut census) = (Zeroizing::new(Vec::new()), Census::default());
            for number in first..blocks.min(first + SORTED) {
                if !read_block(&*file, number, BLOCK, len, &mut block)? {
                    return Ok(None);
                }
                census.take(number, &block, Use::Look);
            }
            Ok(Some(Skimmed::from(census)))
        };
        let firsts = (0..blocks).into_par_iter().step_by(SORTED);
        let skimmed = firsts.map(read).collect::<io::Result<Option<Vec<_>>>>()?;
        Ok(skimmed.map(|skimmed| {
            let blocks = (0..len.div_ceil(PIECE)).map(|_| OnceLock::new()).collect();
            (Slots { blocks, unit: PIECE, len, stored: Some(file) }, skimmed)
        }))
    }

    /// True if a file holds exactly these slots.
    pub fn stand_in(&self, file: &dyn DiskFile) -> io::Result<bool> {
        if self.stored.is_some() || file.len()? != offset(Slot(self.len as u32)) {
            return Ok(false);
        }
        let is_same = |read: &mut Block, (number, block): (usize, &OnceLock<Block>)| {
            let held = block.get().expect(HELD);
            read.resize(held.len(), 0);
            file.read_exact_at(read, offset(Slot((number * self.unit) as u32)))?;
            Ok(read[..] == held[..])
        };
        let all = self.blocks.par_iter().enumerate().map_init(Block::default, is_same);
        Ok(all.collect::<io::Result<Vec<bool>>>()?.into_iter().all(|is_same| is_same))
    }

    /// Slots by the hash of their owners, where they have one.
    pub fn owned(&self) -> Vec<Hashed> {
        let slots = (0..self.len as u32).map(Slot).filter(|&slot| is_owned(self.at(slot)));
        slots.map(|slot| (hash(&self.at(slot)[OWNER]), slot)).collect()
    }

    /// Everything in a keyring's bytes, where a slot is torn.
    pub fn mended(path: &Path, bytes: &[u8]) -> Result<(Slots, Vec<Census>), KeyringError> {
        let mut slots = Slots::held(Vec::new(), 0);
        check_header(path, bytes)?;
        each_slot(path, bytes, |slot| slots.push(slot))?;
        let numbered = slots.blocks.iter().enumerate();
        let census = numbered.map(|(number, block)| Census::of(number, block.get().expect(HELD), Use::Write)).collect();
        Ok((slots, census))
    }
}

impl Drop for Slots {
    fn drop(&mut self) {
        std::mem::take(&mut self.blocks).into_par_iter().for_each(drop);
    }
}

/// Reads a block of `unit` slots among the first `len` of a file; false if one of them is not whole.
fn read_block(file: &dyn DiskFile, number: usize, unit: usize, len: usize, into: &mut Block) -> io::Result<bool> {
    if into.is_empty() {
        // Zeros as the system gives them; and nothing moves when the next block is longer.
        *into = Zeroizing::new(vec![0; unit * SLOT_LEN]);
    }
    into.resize(unit.min(len - number * unit) * SLOT_LEN, 0);
    file.read_exact_at(into, offset(Slot((number * unit) as u32)))?;
    Ok(into.chunks_exact(SLOT_LEN).all(is_whole))
}
