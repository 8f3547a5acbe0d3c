//! The keyring: sealing and erasing.
//!
//! A file of fixed slots, one an account. A slot's keys and its stream's random name are made, written and synced before
//! the slot is ever used, so no commit waits for the keyring; which account owns it is written later and can be told
//! again from the journal, whose entries name the stream. Erasing overwrites a slot in place and syncs.
//!
//! INVARIANT (redo): a slot is overwritten, and a block of slots begun, only after what it will hold stands in the redo
//! record and was synced, so that a slot that was torn is made whole from there, at whatever byte it was cut. The owner
//! alone is written without, the rest of its slot as it stands there, and no checksum is over it.
//! INVARIANT (nowhere else): account keys are in this file and in memory, never in the journal, the index or a log.
//! INVARIANT (one key and nonce, one message): an entry key is derived from an account key, a seq and a role; the nonce from
//! the fact's identity and the time of recording, since a seq is given out again when a group was undone.

use crate::codec::{self, Commitment, Nonce, StreamId};
use crate::disk::{Disk, DiskFile, Open, passes};
use crate::exhibit::Opening;
use ed25519_dalek::SigningKey;
use foldhash::HashSet;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use rayon::prelude::*;
use ring::aead::{self, Aad, CHACHA20_POLY1305, LessSafeKey, UnboundKey};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use zeroize::{Zeroize, Zeroizing};

const MAGIC: &[u8; 16] = b"inforce keyring\n";
const HEADER_LEN: u64 = 4096;
/// Where the redo record stands in the header, in a sector of its own: slot number, its bytes, checksum.
const REDO: usize = 512;
const REDO_LEN: usize = 8 + SLOT_LEN + 4;
const SLOT_LEN: usize = 128;
/// Slots made at a time: 512 KiB of them.
const BLOCK: usize = 4096;
/// Slots read at a time where few are asked for: 4 KiB of them.
const PIECE: usize = 32;
/// Blocks that are sorted together there, and into how many parts, as a logarithm: a part is sixteen slots.
const SORTED: usize = 16;
const SORTED_PARTS_LOG: u32 = 12;
/// Parts in which a table is filled, as a logarithm: one of them fits a processor's cache.
const PARTS_LOG: u32 = 8;

/// Why the keyring could not be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// The system refused.
    #[error("keyring `{}`: {}", .0.display(), .1)]
    Io(PathBuf, io::Error),
    /// There was no room. What is in memory may be ahead of the file: it is to be opened anew.
    #[error("keyring `{}`: {}", .0.display(), .1)]
    NoRoom(PathBuf, io::Error),
    /// Not a keyring, or damaged.
    #[error("keyring `{}` cannot be used: {}; put back the one of the same moment from a backup", .0.display(), .1)]
    Corrupt(PathBuf, String),
}

/// Which of an account's two keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Everything but the text of chats.
    Body,
    /// The text of chats.
    Content,
}

/// A slot's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(u32);

/// What an account's slot is found by: BLAKE3 of the account, keyed by the identity key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner([u8; 16]);

impl Slot {
    /// Its place in a list by slot.
    pub fn place(self) -> usize {
        self.0 as usize
    }
}

/// A slot's bytes, as `docs/format.md`, "keyring", has them.
type Bytes = [u8; SLOT_LEN];

const BODY: Range<usize> = 0..32;
const CONTENT: Range<usize> = 32..64;
const STREAM: Range<usize> = 64..80;
/// All three, which are random.
const SECRETS: Range<usize> = 0..80;
/// Its [`Owner`]; zeros while nobody owns the slot.
const OWNER: Range<usize> = 80..96;
/// Content sealed before this seq is destroyed.
const SINCE: Range<usize> = 96..104;
const FLAGS: usize = 104;
const SUM: Range<usize> = 124..128;
const MADE: u8 = 1;
/// Set once everything of it was erased.
const DESTROYED: u8 = 2;

/// Slots in blocks that never grow: a list that grows leaves copies of its keys behind in memory, where no erasure and no
/// drop would wipe them. A block may be read only once one of its slots is asked for.
struct Slots {
    blocks: Vec<OnceLock<Block>>,
    /// Slots of a block.
    unit: usize,
    len: usize,
    /// Where blocks that are not in memory stand.
    stored: Option<Box<dyn DiskFile>>,
}

type Block = Zeroizing<Vec<u8>>;

const RANDOM: &str = "the system's random generator works";
const HELD: &str = "whatever is written to is held in memory";
const WRITABLE: &str = "whatever is written to was opened for it";

impl Slots {
    fn held(blocks: Vec<OnceLock<Block>>, len: usize) -> Slots {
        Slots { blocks, unit: BLOCK, len, stored: None }
    }

    fn push(&mut self, slot: &[u8]) {
        if self.len.is_multiple_of(self.unit) {
            self.blocks.push(OnceLock::from(Zeroizing::new(Vec::with_capacity(self.unit * SLOT_LEN))));
        }
        self.blocks.last_mut().and_then(OnceLock::get_mut).expect(HELD).extend(slot);
        self.len += 1;
    }

    fn at(&self, slot: Slot) -> &Bytes {
        let start = slot.0 as usize % self.unit * SLOT_LEN;
        let block = self.block(slot).expect("a keyring that was just read whole can be read, or `fetch` said why not");
        block[start..start + SLOT_LEN].try_into().expect("a slot's bytes")
    }

    fn at_mut(&mut self, slot: Slot) -> &mut Bytes {
        let start = slot.0 as usize % self.unit * SLOT_LEN;
        let block = self.blocks[slot.0 as usize / self.unit].get_mut().expect(HELD);
        (&mut block[start..start + SLOT_LEN]).try_into().expect("a slot's bytes")
    }

    /// The block of a slot.
    fn block(&self, slot: Slot) -> io::Result<&Block> {
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
    fn read(file: &dyn DiskFile, len: usize, used: Use) -> io::Result<Option<(Slots, Vec<Census>)>> {
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
    fn skim(file: Box<dyn DiskFile>, len: usize) -> io::Result<Option<(Slots, Vec<Skimmed>)>> {
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
    fn stand_in(&self, file: &dyn DiskFile) -> io::Result<bool> {
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
    fn owned(&self) -> Vec<Hashed> {
        let slots = (0..self.len as u32).map(Slot).filter(|&slot| is_owned(self.at(slot)));
        slots.map(|slot| (Table::hash(&self.at(slot)[OWNER]), slot)).collect()
    }

    /// Everything in a keyring's bytes, where a slot is torn.
    fn mended(path: &Path, bytes: &[u8]) -> Result<(Slots, Vec<Census>), KeyringError> {
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

/// What the slots of a few blocks come to, told while they are at hand: a million of them do not fit a processor's cache.
#[derive(Default)]
struct Census {
    owners: Vec<Hashed>,
    streams: Vec<Hashed>,
    used: Used,
}

/// How much of them was ever used.
#[derive(Default)]
struct Used {
    /// The last slot that was.
    last: Option<Slot>,
    counts: [u64; 3],
}

impl Census {
    fn of(number: usize, block: &[u8], used: Use) -> Census {
        let mut census = Census::default();
        census.take(number, block, used);
        census
    }

    fn take(&mut self, number: usize, block: &[u8], used: Use) {
        if used != Use::Read {
            self.owners.reserve(BLOCK);
        }
        self.streams.reserve(BLOCK);
        for (slot, bytes) in ((number * BLOCK) as u32..).map(Slot).zip(block.chunks_exact(SLOT_LEN)) {
            let (is_owned, is_destroyed) = (is_owned(bytes), bytes[FLAGS] & DESTROYED != 0);
            let since = content_since(bytes);
            if is_owned && used != Use::Read {
                self.owners.push((Table::hash(&bytes[OWNER]), slot));
            }
            if !is_destroyed {
                self.streams.push((Table::hash(&bytes[STREAM]), slot));
            }
            if is_owned || is_destroyed || since > 0 {
                self.used.last = Some(slot);
                let counts = [u64::from(is_owned || is_destroyed), u64::from(is_destroyed), since];
                self.used.counts.iter_mut().zip(counts).for_each(|(sum, count)| *sum = sum.wrapping_add(count));
            }
        }
    }
}

/// A slot, and the hash of one of its fields.
type Hashed = (u64, Slot);

/// What is kept of a few blocks where little is asked.
struct Skimmed {
    owners: Sorted,
    streams: Sorted,
    used: Used,
}

impl From<Census> for Skimmed {
    fn from(census: Census) -> Skimmed {
        let Census { owners, streams, used } = census;
        Skimmed { owners: Sorted::new(&owners), streams: Sorted::new(&streams), used }
    }
}

/// Slots in parts by the high bits of their hashes, those of a part in the order that they came in.
struct Sorted {
    hashes: Vec<u32>,
    slots: Vec<Slot>,
    /// Where each part begins, and the last ends.
    bounds: Vec<u32>,
}

impl Sorted {
    fn new(hashed: &[Hashed]) -> Sorted {
        let (bounds, ordered) = ordered(std::iter::once(hashed), 0, SORTED_PARTS_LOG);
        let (hashes, slots) = ordered.into_iter().map(|(hash, slot)| ((hash >> 32) as u32, slot)).unzip();
        Sorted { hashes, slots, bounds: bounds.into_iter().map(|bound| bound as u32).collect() }
    }

    /// Those that may be of this hash, the last first.
    fn same(&self, hash: u64) -> impl Iterator<Item = Slot> {
        let (part, high) = (part(hash, 0, SORTED_PARTS_LOG), (hash >> 32) as u32);
        let within = self.bounds[part] as usize..self.bounds[part + 1] as usize;
        within.rev().filter(move |&place| self.hashes[place] == high).map(|place| self.slots[place])
    }
}

/// Slots in parts by so many of the highest bits of their hashes, as a logarithm, leaving out those `above`; and where each
/// part begins and the last ends.
fn ordered<'a>(
    hashed: impl Iterator<Item = &'a [Hashed]> + Clone,
    above: u32,
    parts_log: u32,
) -> (Vec<usize>, Vec<Hashed>) {
    let mut bounds = vec![0; (1 << parts_log) + 1];
    hashed.clone().flatten().for_each(|&(hash, _)| bounds[part(hash, above, parts_log) + 1] += 1);
    (1..bounds.len()).for_each(|part| bounds[part] += bounds[part - 1]);
    let (mut next, mut ordered) = (bounds.clone(), vec![(0, Slot(0)); bounds[1 << parts_log]]);
    for &(hash, slot) in hashed.flatten() {
        let next = &mut next[part(hash, above, parts_log)];
        ordered[*next] = (hash, slot);
        *next += 1;
    }
    (bounds, ordered)
}

fn part(hash: u64, above: u32, parts_log: u32) -> usize {
    (hash << above >> (64 - parts_log)) as usize
}

/// Slots by one of their fields, which is random or a keyed hash: its first bytes are as good as a hash of it.
struct Table {
    field: Range<usize>,
    kind: TableKind,
}

enum TableKind {
    Growing(HashTable<u32>),
    /// By blocks, a few together.
    Fixed(Vec<Sorted>),
}

impl Table {
    /// All of these slots; of two with the same field the later one.
    ///
    /// A table is filled from its beginning to its end, so that what is being filled is in the processor's cache: the place
    /// of an element is told by the low bits of its hash, as many as the table has room for.
    fn growing<'a>(field: Range<usize>, slots: &Slots, hashed: impl Iterator<Item = &'a [Hashed]> + Clone) -> Table {
        let growing = HashTable::with_capacity(hashed.clone().map(<[Hashed]>::len).sum());
        let bits = (growing.capacity() + 1).next_power_of_two().ilog2().max(1);
        let mut table = Table { field, kind: TableKind::Growing(growing) };
        ordered(hashed, 64 - bits, PARTS_LOG)
            .1
            .into_iter()
            .for_each(|(hash, slot)| table.insert_hashed(hash, slot, slots));
        table
    }

    fn hash(key: &[u8]) -> u64 {
        u64::from_le_bytes(key[..8].try_into().expect("eight bytes"))
    }

    fn get(&self, key: &[u8; 16], slots: &Slots) -> Option<Slot> {
        let (hash, is) = (Table::hash(key), |slot: Slot| slots.at(slot)[self.field.clone()] == *key);
        match &self.kind {
            TableKind::Growing(table) => table.find(hash, |&slot| is(Slot(slot))).copied().map(Slot),
            TableKind::Fixed(blocks) => same(blocks, hash).find(|&slot| is(slot)),
        }
    }

    /// What [`Table::get`] mostly finds: it is told by a few bits of the hash, and not compared.
    fn guess(&self, key: &[u8; 16]) -> Option<Slot> {
        match &self.kind {
            TableKind::Growing(table) => table.find(Table::hash(key), |_| true).copied().map(Slot),
            TableKind::Fixed(_) => None,
        }
    }

    /// Has what [`Table::get`] will compare read, if it is not in memory.
    fn fetch(&self, key: &[u8; 16], slots: &Slots) -> io::Result<()> {
        match &self.kind {
            TableKind::Growing(_) => Ok(()),
            TableKind::Fixed(blocks) => same(blocks, Table::hash(key)).try_for_each(|slot| slots.block(slot).map(drop)),
        }
    }

    fn insert(&mut self, slot: Slot, slots: &Slots) {
        self.insert_hashed(Table::hash(&slots.at(slot)[self.field.clone()]), slot, slots);
    }

    fn insert_hashed(&mut self, hash: u64, slot: Slot, slots: &Slots) {
        let field = self.field.clone();
        let of = |slot: u32| &slots.at(Slot(slot))[field.clone()];
        match self.growing_mut().entry(hash, |&other| of(other) == of(slot.0), |&other| Table::hash(of(other))) {
            Entry::Occupied(mut there) => *there.get_mut() = slot.0,
            Entry::Vacant(free) => drop(free.insert(slot.0)),
        }
    }

    fn remove(&mut self, slot: Slot, slots: &Slots) {
        let hash = Table::hash(&slots.at(slot)[self.field.clone()]);
        if let Ok(found) = self.growing_mut().find_entry(hash, |other| *other == slot.0) {
            found.remove();
        }
    }

    fn growing_mut(&mut self) -> &mut HashTable<u32> {
        match &mut self.kind {
            TableKind::Growing(table) => table,
            TableKind::Fixed(_) => unreachable!("a keyring that is looked into is not written to"),
        }
    }
}

fn same(blocks: &[Sorted], hash: u64) -> impl Iterator<Item = Slot> {
    blocks.iter().rev().flat_map(move |block| block.same(hash))
}

/// How far a keyring has got: slots made, slots used up, slots that ever had an owner, slots destroyed, and the sum of the
/// seqs since which content can be read. Each only grows, so a keyring of an earlier moment is behind in one of them,
/// unless it is the same but for owners that were written since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing(pub [u64; 5]);

impl Standing {
    /// True if nothing of `earlier` is missing.
    pub fn is_at_least(&self, earlier: &Standing) -> bool {
        self.0.iter().zip(&earlier.0).all(|(now, then)| now >= then)
    }
}

/// What a keyring is opened for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Look,
    Read,
    Write,
}

/// Every key of a ledger.
pub struct Keyring {
    path: PathBuf,
    file: Box<dyn DiskFile>,
    signing: SigningKey,
    identity: Zeroizing<[u8; 32]>,
    slots: Slots,
    /// Made when it is first asked for where all is read: a pass asks for streams only.
    by_owner: OnceLock<Table>,
    by_stream: Table,
    next_free: u32,
    /// Slots that ever had an owner, slots destroyed, and the sum of the seqs since which content can be read.
    counts: [u64; 3],
}

impl Keyring {
    /// Makes a new keyring, readable by its owner only.
    pub fn create(disk: &dyn Disk, path: &Path) -> Result<Keyring, KeyringError> {
        let io = |error| KeyringError::Io(path.to_owned(), error);
        let file = disk.open(path, Open::CreateNew).map_err(io)?;
        let mut header = vec![0u8; HEADER_LEN as usize];
        header[..16].copy_from_slice(MAGIC);
        header[16..80].copy_from_slice(&random::<64>());
        let sum = crc32fast::hash(&header[..80]);
        header[80..84].copy_from_slice(&sum.to_le_bytes());
        file.write_all_at(&header, 0).map_err(io)?;
        file.sync_all().map_err(io)?;
        header.zeroize();
        drop(file);
        Keyring::open(disk, path, true)
    }

    /// Opens a keyring; `writable` where accounts are to be added or erased.
    pub fn open(disk: &dyn Disk, path: &Path, writable: bool) -> Result<Keyring, KeyringError> {
        Keyring::open_as(disk, path, if writable { Use::Write } else { Use::Read })
    }

    /// Opens a keyring for few look-ups: checked as a whole, but held in memory no further than it is asked for. To be used
    /// while nobody writes, and asked by [`Keyring::fetch`] first.
    pub fn open_to_look(disk: &dyn Disk, path: &Path) -> Result<Keyring, KeyringError> {
        Keyring::open_as(disk, path, Use::Look)
    }

    fn open_as(disk: &dyn Disk, path: &Path, used: Use) -> Result<Keyring, KeyringError> {
        let writable = used == Use::Write;
        let io = |error| KeyringError::Io(path.to_owned(), error);
        let opened = disk.open(path, if writable { Open::Write } else { Open::Read });
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
        let skimmed = match used {
            Use::Look => Slots::skim(disk.open(path, Open::Read).map_err(io)?, count).map_err(io)?,
            Use::Read | Use::Write => None,
        };
        let (slots, by_owner, by_stream, counted) = match skimmed {
            Some((slots, skimmed)) => {
                let (mut owners, mut streams, mut counted) = (Vec::new(), Vec::new(), Vec::new());
                for block in skimmed {
                    owners.push(block.owners);
                    streams.push(block.streams);
                    counted.push(block.used);
                }
                let table = |field, blocks| Table { field, kind: TableKind::Fixed(blocks) };
                (slots, OnceLock::from(table(OWNER, owners)), table(STREAM, streams), counted)
            }
            None => {
                let (slots, census) = match Slots::read(&*file, count, used).map_err(io)? {
                    Some(read) => read,
                    None => Slots::mended(path, &Zeroizing::new(disk.read(path).map_err(io)?))?,
                };
                let owners = || Table::growing(OWNER, &slots, census.iter().map(|block| &block.owners[..]));
                let (by_owner, by_stream) = rayon::join(
                    || if writable { OnceLock::from(owners()) } else { OnceLock::new() },
                    || Table::growing(STREAM, &slots, census.iter().map(|block| &block.streams[..])),
                );
                (slots, by_owner, by_stream, census.into_iter().map(|block| block.used).collect())
            }
        };
        let next_free = counted.iter().rev().find_map(|block| block.last).map_or(0, |slot| slot.0 + 1);
        let mut counts = [0; 3];
        for block in &counted {
            counts
                .iter_mut()
                .zip(block.counts)
                .for_each(|(sum, count): (&mut u64, u64)| *sum = sum.wrapping_add(count));
        }
        let path = path.to_owned();
        let keyring = Keyring { path, file, signing, identity, slots, by_owner, by_stream, next_free, counts };
        // Torn, or shown by the system and never written because a sync failed: either way it is written again.
        let redone = read_redo(&header[REDO..REDO + REDO_LEN]).map(|(slot, _)| slot);
        if let Some(slot) = redone.filter(|&slot| writable && slot < keyring.slots.len as u64) {
            keyring.write(slot as u32..slot as u32 + 1)?;
            keyring.sync()?;
        }
        Ok(keyring)
    }

    /// True if its file holds what is held here, byte for byte: nothing has to be read anew.
    pub fn is_as_stored(&self, disk: &dyn Disk) -> Result<bool, KeyringError> {
        let io = |error| KeyringError::Io(self.path.clone(), error);
        let file = disk.open(&self.path, Open::Read).map_err(io)?;
        if file.len().map_err(io)? < HEADER_LEN {
            return Ok(false);
        }
        let mut header = Zeroizing::new([0; 84]);
        file.read_exact_at(&mut *header, 0).map_err(io)?;
        let is_sound = header[..16] == MAGIC[..] && header[80..] == crc32fast::hash(&header[..80]).to_le_bytes();
        let is_same = header[16..48] == self.signing.as_bytes()[..] && header[48..80] == self.identity[..];
        Ok(is_sound && is_same && self.slots.stand_in(&*file).map_err(io)?)
    }

    fn owners(&self) -> &Table {
        let made = || Table::growing(OWNER, &self.slots, std::iter::once(&self.slots.owned()[..]));
        self.by_owner.get_or_init(made)
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

    /// How far it has got.
    pub fn standing(&self) -> Standing {
        let [owned, destroyed, since] = self.counts;
        Standing([self.slots.len as u64, u64::from(self.next_free), owned, destroyed, since])
    }

    /// The key that signs checkpoints.
    pub fn signing_key(&self) -> &SigningKey {
        &self.signing
    }

    /// The key under which identities are hashed.
    pub fn identity_key(&self) -> &[u8; 32] {
        &self.identity
    }

    /// Has everything about a stream read, where the keyring was opened to look into; says why it cannot be read.
    pub fn fetch(&self, stream: StreamId) -> Result<(), KeyringError> {
        self.fetched(self.by_stream.fetch(&stream.0, &self.slots))
    }

    /// The same for an account.
    pub fn fetch_account(&self, account: &str) -> Result<(), KeyringError> {
        self.fetched(self.owners().fetch(&self.owner(account).0, &self.slots))
    }

    fn fetched(&self, fetched: io::Result<()>) -> Result<(), KeyringError> {
        fetched.map_err(|error| KeyringError::Io(self.path.clone(), error))
    }

    /// How many slots were made.
    pub fn slots(&self) -> usize {
        self.slots.len
    }

    /// The slot of an account that has one.
    pub fn slot_of(&self, account: &str) -> Option<Slot> {
        self.slot_of_owner(&self.owner(account))
    }

    /// The same, by what it is found by.
    pub fn slot_of_owner(&self, owner: &Owner) -> Option<Slot> {
        self.owners().get(&owner.0, &self.slots)
    }

    /// The slot of a stream, unless it was erased.
    pub fn slot_of_stream(&self, stream: StreamId) -> Option<Slot> {
        self.by_stream.get(&stream.0, &self.slots)
    }

    /// The same of many streams, in place of what stood in `slots`. What is looked at for each stands anywhere in memory; looked
    /// at one after another, with nothing between them, none waits for the memory of the one before.
    pub fn slots_of_streams(&self, streams: &[Option<StreamId>], slots: &mut Vec<Option<Slot>>) {
        slots.clear();
        slots.extend(streams.iter().map(|stream| self.by_stream.guess(&stream.as_ref()?.0)));
        for (slot, stream) in slots.iter_mut().zip(streams) {
            if slot.map(|slot| self.stream(slot)) != *stream {
                *slot = stream.and_then(|stream| self.slot_of_stream(stream));
            }
        }
    }

    /// The stream of a slot.
    pub fn stream(&self, slot: Slot) -> StreamId {
        stream_of(self.slots.at(slot))
    }

    /// The slot of each owner, a fresh one where it has none. Written to disk, not synced: the journal tells it again.
    ///
    /// Fresh slots follow each other, so they are written as one piece, their keys as they stand there already.
    pub fn claim(&mut self, owners: &[Owner]) -> Result<Vec<Slot>, KeyringError> {
        let (first, mut claimed) = (self.next_free, Vec::with_capacity(owners.len()));
        for owner in owners {
            claimed.push(match self.slot_of_owner(owner) {
                Some(slot) => slot,
                None => self.claim_fresh(owner)?,
            });
        }
        self.write(first..self.next_free)?;
        Ok(claimed)
    }

    /// The slot of one account, a fresh one if it has none.
    pub fn claim_account(&mut self, account: &str) -> Result<Slot, KeyringError> {
        Ok(self.claim(&[self.owner(account)])?[0])
    }

    fn claim_fresh(&mut self, owner: &Owner) -> Result<Slot, KeyringError> {
        if self.next_free as usize == self.slots.len {
            self.provision()?;
        }
        let slot = Slot(self.next_free);
        self.use_up(slot);
        self.own(slot, owner)?;
        Ok(slot)
    }

    /// Records that `account` owns the slot of `stream`, as the journal says after a crash.
    pub fn restore_owner(&mut self, stream: StreamId, account: &str) -> Result<(), KeyringError> {
        let owner = self.owner(account);
        let Some(slot) = self.slot_of_stream(stream) else { return Ok(()) };
        if self.slots.at(slot)[OWNER] == owner.0 {
            return Ok(());
        }
        self.use_up(slot);
        self.own(slot, &owner)?;
        self.put(&owner.0, offset(slot) + OWNER.start as u64)
    }

    /// A slot that was ever used is never given to another account, whether or not its owner is known.
    fn use_up(&mut self, slot: Slot) {
        self.next_free = self.next_free.max(slot.0 + 1);
    }

    /// Makes it the owner of a slot, in memory: it is still to be written.
    fn own(&mut self, slot: Slot, owner: &Owner) -> Result<(), KeyringError> {
        let bytes = self.slots.at_mut(slot);
        let was_free = bytes[OWNER] == [0; 16] && bytes[FLAGS] & DESTROYED == 0;
        // The first ledgers have the owner under the checksum.
        let aged = checksum(bytes) != stored_sum(bytes);
        bytes[OWNER].copy_from_slice(&owner.0);
        if aged {
            put_checksum(bytes);
        }
        self.counts[0] += u64::from(was_free);
        self.by_owner.get_mut().expect(WRITABLE).insert(slot, &self.slots);
        if aged { self.replace(slot, self.slots.at(slot)) } else { Ok(()) }
    }

    /// Makes a block of slots and syncs it, before any of them is used. Its first slot comes last: without it the list
    /// ends before the block, whatever became of the rest.
    fn provision(&mut self) -> Result<(), KeyringError> {
        let start = Slot(self.slots.len as u32);
        // One call for all: each is a system call.
        let mut secrets = Zeroizing::new(vec![0; BLOCK * SECRETS.end]);
        getrandom::fill(&mut secrets).expect(RANDOM);
        let mut fresh = Zeroizing::new(vec![0; BLOCK * SLOT_LEN]);
        let slots = fresh.as_chunks_mut::<SLOT_LEN>().0.iter_mut();
        slots.zip(secrets.chunks_exact(SECRETS.end)).for_each(|(slot, secrets)| make_slot(slot, secrets));
        self.put(&fresh[SLOT_LEN..], offset(start) + SLOT_LEN as u64)?;
        self.sync()?;
        self.replace(start, fresh[..SLOT_LEN].try_into().expect("a slot's bytes"))?;
        for (slot, bytes) in (start.0..).map(Slot).zip(fresh.chunks_exact(SLOT_LEN)) {
            self.slots.push(bytes);
            self.by_stream.insert(slot, &self.slots);
        }
        Ok(())
    }

    /// Destroys the content key: text sealed before `seq` can never be read again.
    pub fn erase_content(&mut self, slot: Slot, seq: u64) -> Result<(), KeyringError> {
        self.use_up(slot);
        let keys = self.slots.at_mut(slot);
        let since = content_since(keys);
        if since >= seq {
            return Ok(());
        }
        keys[CONTENT].copy_from_slice(&random::<32>());
        keys[SINCE].copy_from_slice(&seq.to_le_bytes());
        put_checksum(keys);
        self.counts[2] = self.counts[2].wrapping_add(seq - since);
        self.replace(slot, self.slots.at(slot))
    }

    /// Destroys both keys, the stream's name and the owner.
    pub fn erase_all(&mut self, slot: Slot) -> Result<(), KeyringError> {
        self.use_up(slot);
        self.by_stream.remove(slot, &self.slots);
        self.by_owner.get_mut().expect(WRITABLE).remove(slot, &self.slots);
        let keys = self.slots.at_mut(slot);
        let (owned, destroyed) = (keys[OWNER] != [0; 16], keys[FLAGS] & DESTROYED != 0);
        keys[..OWNER.end].zeroize();
        keys[FLAGS] |= DESTROYED;
        put_checksum(keys);
        self.counts[0] += u64::from(!owned && !destroyed);
        self.counts[1] += u64::from(!destroyed);
        self.replace(slot, self.slots.at(slot))
    }

    /// From which seq on the content of a slot can be read.
    pub fn content_since(&self, slot: Slot) -> u64 {
        content_since(self.slots.at(slot))
    }

    /// Overwrites a slot by way of the redo record, each synced.
    fn replace(&self, slot: Slot, keys: &Bytes) -> Result<(), KeyringError> {
        let mut record = [0; REDO_LEN];
        record[..8].copy_from_slice(&u64::from(slot.0).to_le_bytes());
        record[8..8 + SLOT_LEN].copy_from_slice(keys);
        let sum = crc32fast::hash(&record[..8 + SLOT_LEN]);
        record[8 + SLOT_LEN..].copy_from_slice(&sum.to_le_bytes());
        let written = self.put(&record, REDO as u64);
        record.zeroize();
        written?;
        self.sync()?;
        self.put(keys, offset(slot))?;
        self.sync()
    }

    /// Writes slots that follow each other, a block at a time.
    fn write(&self, slots: Range<u32>) -> Result<(), KeyringError> {
        let mut next = slots.start as usize;
        while next < slots.end as usize {
            let end = (next / BLOCK + 1) * BLOCK;
            let end = end.min(slots.end as usize);
            let start = next % BLOCK * SLOT_LEN;
            let block = self.slots.block(Slot(next as u32)).expect(HELD);
            self.put(&block[start..start + (end - next) * SLOT_LEN], offset(Slot(next as u32)))?;
            next = end;
        }
        Ok(())
    }

    fn put(&self, bytes: &[u8], at: u64) -> Result<(), KeyringError> {
        self.file.write_all_at(bytes, at).map_err(|error| {
            if passes(&error) {
                KeyringError::NoRoom(self.path.clone(), error)
            } else {
                KeyringError::Io(self.path.clone(), error)
            }
        })
    }

    /// Makes everything written durable.
    pub fn sync(&self) -> Result<(), KeyringError> {
        self.file.sync_data().map_err(|error| KeyringError::Io(self.path.clone(), error))
    }

    /// What an account's slot is found by.
    pub fn owner(&self, account: &str) -> Owner {
        let hash = blake3::keyed_hash(&self.identity, account.as_bytes());
        Owner(hash.as_bytes()[..16].try_into().expect("a hash has 32 bytes"))
    }

    /// The key of one part of one entry: it can be disclosed without the rest of the account.
    pub fn entry_key(&self, slot: Slot, part: Part, seq: u64) -> EntryKey {
        let keys = self.slots.at(slot);
        let (base, tag) = match part {
            Part::Body => (&keys[BODY], b'b'),
            Part::Content => (&keys[CONTENT], b'c'),
        };
        let mut input = [tag; 9];
        input[1..].copy_from_slice(&seq.to_le_bytes());
        EntryKey(*blake3::keyed_hash(base.try_into().expect("32 bytes"), &input).as_bytes())
    }
}

/// The key of one part of one entry.
#[derive(Zeroize)]
#[zeroize(drop)]
pub struct EntryKey([u8; 32]);

impl EntryKey {
    /// The key of bodies that are not sealed: policies and erasures.
    pub const OPEN: EntryKey = EntryKey([0; 32]);

    /// The commitment to `plaintext`.
    pub fn commit(&self, plaintext: &[u8]) -> Commitment {
        codec::commitment(&self.0, plaintext)
    }

    /// The digest by which a verdict is attested.
    pub fn attest(&self, line: &[u8]) -> [u8; 32] {
        codec::verdict_digest(&self.0, line)
    }

    /// Encrypts what stands in `bytes` from `start` on, in its place.
    pub fn seal(&self, nonce: Nonce, bytes: &mut Vec<u8>, start: usize) {
        let sealed = self.cipher().seal_in_place_separate_tag(unique(nonce), Aad::empty(), &mut bytes[start..]);
        bytes.extend(sealed.expect("a message in memory is not too long").as_ref());
    }

    /// Decrypts, or `None` if the bytes were not sealed under this key. What an older version sealed has a nonce of zeros.
    pub fn unseal(&self, nonce: Nonce, sealed: &[u8]) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        let len = self.unseal_into(nonce, sealed, &mut bytes)?.len();
        bytes.truncate(len);
        Some(bytes)
    }

    /// The same, in memory that was used before.
    pub fn unseal_into<'a>(&self, nonce: Nonce, sealed: &[u8], bytes: &'a mut Vec<u8>) -> Option<&'a [u8]> {
        let cipher = self.cipher();
        let mut open = |nonce: Nonce| {
            bytes.clear();
            bytes.extend_from_slice(sealed);
            Some(cipher.open_in_place(unique(nonce), Aad::empty(), bytes).ok()?.len())
        };
        let len = open(nonce).or_else(|| open(Nonce::ZERO))?;
        Some(&bytes[..len])
    }

    /// The key and the plaintext of sealed bytes, to be shown to somebody.
    pub fn disclose(&self, nonce: Nonce, sealed: &[u8]) -> Option<Opening> {
        Some(Opening { key: self.0, plaintext: self.unseal(nonce, sealed)? })
    }

    /// The same for bytes that were never sealed.
    pub fn disclose_open(&self, plaintext: &[u8]) -> Option<Opening> {
        Some(Opening { key: self.0, plaintext: plaintext.to_vec() })
    }

    fn cipher(&self) -> LessSafeKey {
        cipher(&self.0)
    }
}

/// A key that is made up for one process and stands nowhere else: for what is put aside while it runs.
#[derive(Zeroize)]
#[zeroize(drop)]
pub struct PassingKey([u8; 32]);

impl PassingKey {
    /// A new one.
    pub fn fresh() -> PassingKey {
        PassingKey(random())
    }

    /// Encrypts under a number that no other message gets.
    pub fn seal(&self, number: u64, mut bytes: Vec<u8>) -> Vec<u8> {
        let sealed = cipher(&self.0).seal_in_place_append_tag(numbered(number), Aad::empty(), &mut bytes);
        sealed.expect("a message in memory is not too long");
        bytes
    }

    /// Decrypts what was sealed under that number, or `None` if it was changed.
    pub fn unseal(&self, number: u64, mut sealed: Vec<u8>) -> Option<Vec<u8>> {
        let len = cipher(&self.0).open_in_place(numbered(number), Aad::empty(), &mut sealed).ok()?.len();
        sealed.truncate(len);
        Some(sealed)
    }
}

fn cipher(key: &[u8; 32]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, key).expect("a key has 32 bytes"))
}

fn numbered(number: u64) -> aead::Nonce {
    let mut nonce = [0; 12];
    nonce[..8].copy_from_slice(&number.to_le_bytes());
    aead::Nonce::assume_unique_for_key(nonce)
}

/// INVARIANT (one key and nonce, one message) is what the library asks for.
fn unique(nonce: Nonce) -> aead::Nonce {
    aead::Nonce::assume_unique_for_key(nonce.0)
}

/// Makes a slot of zeros one of fresh keys and a fresh stream.
fn make_slot(slot: &mut Bytes, secrets: &[u8]) {
    slot[SECRETS].copy_from_slice(secrets);
    slot[FLAGS] = MADE;
    put_checksum(slot);
}

fn stream_of(slot: &[u8]) -> StreamId {
    StreamId(slot[STREAM].try_into().expect("16 bytes"))
}

fn is_owned(slot: &[u8]) -> bool {
    u128::from_le_bytes(slot[OWNER].try_into().expect("16 bytes")) != 0
}

fn content_since(slot: &[u8]) -> u64 {
    u64::from_le_bytes(slot[SINCE].try_into().expect("eight bytes"))
}

/// True if a slot was made and is what was written; the first ledgers have the owner under the checksum too.
fn is_whole(slot: &[u8]) -> bool {
    slot[FLAGS] & MADE != 0
        && (checksum(slot) == stored_sum(slot) || crc32fast::hash(&slot[..SUM.start]) == stored_sum(slot))
}

fn put_checksum(slot: &mut Bytes) {
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

fn check_header(path: &Path, bytes: &[u8]) -> Result<(), KeyringError> {
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
fn each_slot(path: &Path, bytes: &[u8], mut take: impl FnMut(&[u8])) -> Result<(), KeyringError> {
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
fn read_redo(record: &[u8]) -> Option<(u64, &[u8])> {
    let (held, sum) = record.split_at(8 + SLOT_LEN);
    let number = u64::from_le_bytes(held[..8].try_into().expect("eight bytes"));
    (crc32fast::hash(held).to_le_bytes() == sum).then_some((number, &held[8..]))
}

fn offset(slot: Slot) -> u64 {
    HEADER_LEN + u64::from(slot.0) * SLOT_LEN as u64
}

/// A fresh key for somebody who signs, a witness say.
pub fn fresh_signing_key() -> SigningKey {
    let mut seed = random::<32>();
    let key = SigningKey::from_bytes(&seed);
    seed.zeroize();
    key
}

/// Bytes of the system's generator.
fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect(RANDOM);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::RealDisk;

    #[test]
    fn a_reader_finds_what_a_writer_does_and_knows_when_its_file_has_changed() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("keyring");
        let mut writer = Keyring::create(&RealDisk, &path).expect("sound");
        let account = |number: usize| format!("facebook/{number}");
        let slots: Vec<Slot> =
            (0..BLOCK + 100).map(|number| writer.claim_account(&account(number)).expect("there is room")).collect();
        let streams = slots.iter().map(|&slot| Some(writer.stream(slot)));
        let streams: Vec<Option<StreamId>> = streams.chain([None, Some(StreamId([9; 16]))]).collect();
        writer.erase_all(slots[7]).expect("sound");
        let read = || Keyring::open(&RealDisk, &path, false).expect("sound");
        let (reader, mut found) = (read(), vec![Some(Slot(3)); 5]);
        reader.slots_of_streams(&streams, &mut found);
        assert!(found.iter().eq(&streams.iter().map(|stream| writer.slot_of_stream((*stream)?)).collect::<Vec<_>>()));
        assert_eq!((found.len(), found[6], found[7]), (streams.len(), Some(slots[6]), None));
        for number in 0..slots.len() + 1 {
            assert_eq!(reader.slot_of(&account(number)), writer.slot_of(&account(number)), "{number}");
        }
        for change in [
            |writer: &mut Keyring| writer.claim_account("facebook/another").map(drop),
            |writer: &mut Keyring| writer.erase_content(Slot(5), 9),
            |writer: &mut Keyring| writer.erase_all(Slot(6)),
            |writer: &mut Keyring| writer.provision(),
        ] {
            let reader = read();
            assert!(reader.is_as_stored(&RealDisk).expect("sound"));
            change(&mut writer).expect("sound");
            assert!(!reader.is_as_stored(&RealDisk).expect("sound"));
        }
    }

    #[test]
    fn slots_never_move_in_memory() {
        let mut slots = Slots::held(Vec::new(), 0);
        slots.push(&[0; SLOT_LEN]);
        let first: *const Bytes = slots.at(Slot(0));
        (1..3 * BLOCK).for_each(|n| slots.push(&[(n % 251) as u8; SLOT_LEN]));
        assert_eq!((slots.len, std::ptr::eq(first, slots.at(Slot(0)))), (3 * BLOCK, true));
        let last = (Slot(3 * BLOCK as u32 - 1), Slot(BLOCK as u32));
        assert_ne!(slots.at(last.0)[BODY], slots.at(last.1)[BODY]);
    }

    fn keyring() -> (tempfile::TempDir, Keyring) {
        let dir = tempfile::tempdir().expect("a folder");
        let keyring = Keyring::create(&RealDisk, &dir.path().join("keyring")).expect("made");
        (dir, keyring)
    }

    #[test]
    fn seals_open_under_their_own_key_only() {
        let (_dir, mut keyring) = keyring();
        let slot = keyring.claim_account("facebook/s1").expect("a slot");
        let key = keyring.entry_key(slot, Part::Body, 7);
        let nonce = codec::nonce(&codec::Identity([3; 16]), crate::fact::Instant(5));
        let seal = |nonce| {
            let mut bytes = b"before hello".to_vec();
            key.seal(nonce, &mut bytes, 7);
            assert!(bytes.starts_with(b"before "));
            bytes.split_off(7)
        };
        let sealed = seal(nonce);
        assert_ne!(sealed, seal(Nonce::ZERO));
        assert_eq!(key.unseal(nonce, &seal(Nonce::ZERO)).as_deref(), Some(&b"hello"[..]), "an older one");
        assert_eq!(key.unseal(nonce, &sealed).as_deref(), Some(&b"hello"[..]));
        for other in [keyring.entry_key(slot, Part::Body, 8), keyring.entry_key(slot, Part::Content, 7), EntryKey::OPEN]
        {
            assert_eq!(other.unseal(nonce, &sealed), None);
        }
    }

    #[test]
    fn what_is_erased_is_gone_from_the_file_and_the_rest_stays() {
        let (dir, mut keyring) = keyring();
        let path = dir.path().join("keyring");
        let (one, two) = (
            keyring.claim_account("facebook/s1").expect("a slot"),
            keyring.claim_account("facebook/s2").expect("a slot"),
        );
        let secrets = [&keyring.slots.at(one)[BODY], &keyring.slots.at(one)[CONTENT]].map(<[u8]>::to_vec);
        let (stream, kept) = (keyring.stream(one), keyring.stream(two));
        keyring.erase_all(one).expect("erased");
        let bytes = std::fs::read(&path).expect("readable");
        for secret in [&secrets[0][..], &secrets[1][..], &stream.0[..]] {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret));
        }
        let mut again = Keyring::open(&RealDisk, &path, true).expect("opens");
        assert_eq!(again.slot_of("facebook/s1"), None);
        assert_eq!(again.slot_of("facebook/s2").map(|slot| again.stream(slot)), Some(kept));
        let back = again.claim_account("facebook/s1").expect("a slot");
        assert_ne!(again.stream(back), stream);
        assert_ne!(back, one);
    }

    #[test]
    fn what_is_only_looked_into_says_the_same_and_says_when_it_cannot_be_read() {
        let (dir, mut keyring) = keyring();
        let path = dir.path().join("keyring");
        let names: Vec<String> = (0..2 * BLOCK + 3).map(|number| format!("facebook/{number}")).collect();
        let slots: Vec<Slot> = names.iter().map(|name| keyring.claim_account(name).expect("a slot")).collect();
        keyring.erase_all(slots[7]).expect("erased");
        keyring.erase_content(slots[BLOCK], 9).expect("erased");
        let looked = Keyring::open_to_look(&RealDisk, &path).expect("opens");
        assert_eq!(looked.standing(), keyring.standing());
        for (name, &slot) in names.iter().zip(&slots).step_by(5).chain([(&names[7], &slots[7])]) {
            looked.fetch_account(name).expect("read");
            assert_eq!(looked.slot_of(name), keyring.slot_of(name), "{name}");
            looked.fetch(keyring.stream(slot)).expect("read");
            assert_eq!(looked.slot_of_stream(keyring.stream(slot)), keyring.slot_of_stream(keyring.stream(slot)));
            assert_eq!(looked.slots.at(slot), keyring.slots.at(slot));
        }
        looked.fetch_account("facebook/nobody").expect("nothing to read");
        assert_eq!(looked.slot_of("facebook/nobody"), None);
        let later = Keyring::open_to_look(&RealDisk, &path).expect("opens");
        std::fs::write(&path, &std::fs::read(&path).expect("readable")[..HEADER_LEN as usize]).expect("cut");
        assert!(matches!(later.fetch_account(&names[0]), Err(KeyringError::Io(..))));
    }

    #[test]
    fn a_changed_byte_is_noticed_or_made_good() {
        let (dir, mut keyring) = keyring();
        let (one, two) = (
            keyring.claim_account("facebook/s1").expect("a slot"),
            keyring.claim_account("facebook/s2").expect("a slot"),
        );
        let path = dir.path().join("keyring");
        let first = HEADER_LEN as usize;
        let good = std::fs::read(&path).expect("readable")[..first + 4 * SLOT_LEN].to_vec();
        let second = first + SLOT_LEN;
        for at in (0..84).chain(second..second + SLOT_LEN).filter(|at| !(second + 80..second + 96).contains(at)) {
            let mut bad = good.clone();
            bad[at] ^= 1;
            std::fs::write(&path, &bad).expect("written");
            assert!(matches!(Keyring::open(&RealDisk, &path, false), Err(KeyringError::Corrupt(..))), "byte {at}");
        }
        // The redo record holds the slot that was written last, and the journal tells every owner.
        for at in (first..first + SLOT_LEN).chain(second + 80..second + 96) {
            let mut bad = good.clone();
            bad[at] ^= 1;
            std::fs::write(&path, &bad).expect("written");
            let mut again = Keyring::open(&RealDisk, &path, true).expect("opens");
            for (slot, account) in [(one, "facebook/s1"), (two, "facebook/s2")] {
                again.restore_owner(keyring.stream(slot), account).expect("written");
                assert_eq!(again.slot_of(account), Some(slot), "byte {at}");
                assert_eq!(again.slots.at(slot), keyring.slots.at(slot), "byte {at}");
            }
        }
    }

    #[test]
    fn zeros_between_slots_are_damage_and_an_unfinished_block_is_none() {
        let (dir, mut keyring) = keyring();
        for n in 0..=BLOCK {
            keyring.claim_account(&format!("facebook/{n}")).expect("a slot");
        }
        let path = dir.path().join("keyring");
        let good = std::fs::read(&path).expect("readable");
        let slot = |number: usize| HEADER_LEN as usize + number * SLOT_LEN;
        let opened = |zeros: Range<usize>, redo: bool| {
            let mut bytes = good.clone();
            bytes[slot(zeros.start)..slot(zeros.end)].fill(0);
            if !redo {
                bytes[REDO..REDO + REDO_LEN].fill(0);
            }
            std::fs::write(&path, &bytes).expect("written");
            Keyring::open(&RealDisk, &path, false).map(|keyring| keyring.slots.len)
        };
        for start in [0, 1, 7, BLOCK - 1, BLOCK + 1, 2 * BLOCK - 2] {
            let damaged = opened(start..start + 1, false);
            assert!(matches!(damaged, Err(KeyringError::Corrupt(..))), "slot {start}: {damaged:?}");
        }
        assert!(matches!(opened(0..BLOCK, false), Err(KeyringError::Corrupt(..))));
        // The first slot of a block comes last: from the redo record, or the block is not there.
        assert_eq!(opened(BLOCK..BLOCK + 1, true).expect("opens"), 2 * BLOCK);
        assert_eq!(opened(BLOCK..BLOCK + 1, false).expect("opens"), BLOCK);
        assert_eq!(opened(BLOCK..BLOCK + 9, false).expect("opens"), BLOCK);
        assert_eq!(opened(BLOCK + 5..2 * BLOCK, false).expect("opens"), BLOCK + 5);
    }

    #[test]
    fn an_erasure_that_was_torn_at_any_byte_is_made_whole() {
        let first = HEADER_LEN as usize;
        for all in [false, true] {
            let (dir, mut keyring) = keyring();
            keyring.claim_account("facebook/s1").expect("a slot");
            let slot = keyring.claim_account("facebook/s2").expect("a slot");
            let path = dir.path().join("keyring");
            // Few slots will do, and are read faster.
            let read = || std::fs::read(&path).expect("readable")[..first + 4 * SLOT_LEN].to_vec();
            let before = read();
            if all { keyring.erase_all(slot) } else { keyring.erase_content(slot, 7) }.expect("erased");
            let after = read();
            let start = offset(slot) as usize;
            for cut in 0..=SLOT_LEN {
                let (old, new) = (&before[start..start + SLOT_LEN], &after[start..start + SLOT_LEN]);
                for torn in [[&new[..cut], &old[cut..]].concat(), [&old[..cut], &new[cut..]].concat()] {
                    let mut bytes = after.clone();
                    bytes[start..start + SLOT_LEN].copy_from_slice(&torn);
                    std::fs::write(&path, &bytes).expect("written");
                    let again = Keyring::open(&RealDisk, &path, true).expect("opens");
                    let held = *again.slots.at(slot);
                    // One that shows nothing of the erasure is whole as it was: it is erased again by whoever opens.
                    assert!(held == new || held == old && torn == old, "cut at {cut}");
                }
            }
            // Torn before the slot was reached: the record itself.
            for cut in REDO..REDO + REDO_LEN {
                let torn = [&after[..cut], &before[cut..]].concat();
                std::fs::write(&path, &torn).expect("written");
                Keyring::open(&RealDisk, &path, true).expect("opens");
            }
        }
    }
}
