//! The keyring: sealing and erasing.
//!
//! A file of fixed slots, one an account. A slot's keys and its stream's random name are made, written and synced before
//! the slot is ever used, so no commit waits for the keyring; which account owns it is written later and can be told
//! again from the journal, whose entries name the stream. Erasing overwrites a slot in place and syncs.
//!
//! INVARIANT (redo): a slot is overwritten, and a block of slots begun, only after what it will hold stands in the redo
//! record and was synced, so that a slot that was torn is made whole from there, at whatever byte it was cut. The owner
//! alone is written without, and no checksum is over it.
//! INVARIANT (nowhere else): account keys are in this file and in memory, never in the journal, the index or a log.
//! INVARIANT (one key and nonce, one message): an entry key is derived from an account key, a seq and a role; the nonce from
//! the fact's identity and the time of recording, since a seq is given out again when a group was undone.

use crate::codec::{self, Commitment, Nonce, StreamId};
use crate::disk::{Disk, DiskFile, Open, passes};
use crate::exhibit::Opening;
use ed25519_dalek::SigningKey;
use foldhash::{HashMap, HashSet};
use ring::aead::{self, Aad, CHACHA20_POLY1305, LessSafeKey, UnboundKey};
use std::io;
use std::path::{Path, PathBuf};
use zeroize::{Zeroize, Zeroizing};

const MAGIC: &[u8; 16] = b"inforce keyring\n";
const HEADER_LEN: u64 = 4096;
/// Where the redo record stands in the header, in a sector of its own: slot number, its bytes, checksum.
const REDO: usize = 512;
const REDO_LEN: usize = 8 + SLOT_LEN + 4;
const SLOT_LEN: usize = 128;
const OWNER: std::ops::Range<usize> = 80..96;
/// Slots made at a time: 512 KiB of them.
const BLOCK: usize = 4096;

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

/// One account's keys; wiped from memory when dropped.
#[derive(Clone, Zeroize)]
#[zeroize(drop)]
struct Keys {
    body: [u8; 32],
    content: [u8; 32],
    #[zeroize(skip)]
    stream: StreamId,
    /// BLAKE3 of the account, keyed by the identity key; zeros while nobody owns the slot.
    owner: [u8; 16],
    /// Content sealed before this seq is destroyed.
    content_since: u64,
    /// True once everything of it was erased.
    destroyed: bool,
    /// True where the checksum in the file is over the owner too, as the first ledgers have it.
    aged: bool,
}

/// Slots in blocks that never grow: a list that grows leaves copies of its keys behind in memory, where no erasure and no
/// drop would wipe them.
#[derive(Default)]
struct Slots(Vec<Vec<Keys>>);

impl Slots {
    fn len(&self) -> usize {
        self.0.last().map_or(0, |last| (self.0.len() - 1) * BLOCK + last.len())
    }

    fn push(&mut self, keys: Keys) {
        if self.0.last().is_none_or(|last| last.len() == BLOCK) {
            self.0.push(Vec::with_capacity(BLOCK));
        }
        self.0.last_mut().expect("pushed above").push(keys);
    }

    fn at(&self, slot: Slot) -> &Keys {
        &self.0[slot.0 as usize / BLOCK][slot.0 as usize % BLOCK]
    }

    fn at_mut(&mut self, slot: Slot) -> &mut Keys {
        &mut self.0[slot.0 as usize / BLOCK][slot.0 as usize % BLOCK]
    }
}

/// Every key of a ledger.
pub struct Keyring {
    path: PathBuf,
    file: Box<dyn DiskFile>,
    signing: SigningKey,
    identity: Zeroizing<[u8; 32]>,
    slots: Slots,
    by_owner: HashMap<[u8; 16], Slot>,
    by_stream: HashMap<StreamId, Slot>,
    next_free: u32,
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
        let io = |error| KeyringError::Io(path.to_owned(), error);
        let opened = disk.open(path, if writable { Open::Write } else { Open::Read });
        let file = opened.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => KeyringError::Corrupt(path.to_owned(), "it is not there".to_owned()),
            _ => io(error),
        })?;
        let bytes = Zeroizing::new(disk.read(path).map_err(io)?);
        check_header(path, &bytes)?;
        let signing = SigningKey::from_bytes(bytes[16..48].try_into().expect("32 bytes"));
        let identity = Zeroizing::new(bytes[48..80].try_into().expect("32 bytes"));
        let mut keyring = Keyring {
            path: path.to_owned(),
            file,
            signing,
            identity,
            slots: Slots::default(),
            by_owner: HashMap::default(),
            by_stream: HashMap::default(),
            next_free: 0,
        };
        each_slot(path, &bytes, |keys| keyring.file_slot(keys))?;
        // Torn, or shown by the system and never written because a sync failed: either way it is written again.
        let redone = read_redo(&bytes[REDO..REDO + REDO_LEN]).map(|(slot, _)| slot);
        if let Some(slot) = redone.filter(|&slot| writable && slot < keyring.slots.len() as u64) {
            keyring.write(Slot(slot as u32))?;
            keyring.sync()?;
        }
        Ok(keyring)
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
            each_slot(Path::new(""), bytes, |keys| slots.push((keys.stream, keys.destroyed))).ok()?;
            Some(slots)
        };
        let (Some(one), Some(other)) = (slots(earlier), slots(later)) else { return false };
        one.len() <= other.len() && one.iter().zip(&other).all(|(one, other)| one.0 == other.0 || other.1)
    }

    /// The streams that a keyring's bytes have keys for.
    pub fn streams(path: &Path, bytes: &[u8]) -> Result<HashSet<StreamId>, KeyringError> {
        let mut streams = HashSet::default();
        check_header(path, bytes)?;
        each_slot(path, bytes, |keys| {
            if !keys.destroyed {
                streams.insert(keys.stream);
            }
        })?;
        Ok(streams)
    }

    /// Checks the bytes of a keyring that was read from `path`.
    pub fn check(path: &Path, bytes: &[u8]) -> Result<(), KeyringError> {
        check_header(path, bytes)?;
        each_slot(path, bytes, drop)
    }

    fn file_slot(&mut self, keys: Keys) {
        let slot = Slot(self.slots.len() as u32);
        if !keys.destroyed {
            self.by_stream.insert(keys.stream, slot);
        }
        if keys.owner != [0; 16] {
            self.by_owner.insert(keys.owner, slot);
        }
        if keys.owner != [0; 16] || keys.destroyed || keys.content_since > 0 {
            self.use_up(slot);
        }
        self.slots.push(keys);
    }

    /// The key that signs checkpoints.
    pub fn signing_key(&self) -> &SigningKey {
        &self.signing
    }

    /// The key under which identities are hashed.
    pub fn identity_key(&self) -> &[u8; 32] {
        &self.identity
    }

    /// The slot of an account that has one.
    pub fn slot_of(&self, account: &str) -> Option<Slot> {
        self.by_owner.get(&self.owner(account)).copied()
    }

    /// The slot of a stream, unless it was erased.
    pub fn slot_of_stream(&self, stream: StreamId) -> Option<Slot> {
        self.by_stream.get(&stream).copied()
    }

    /// The stream of a slot.
    pub fn stream(&self, slot: Slot) -> StreamId {
        self.slots.at(slot).stream
    }

    /// The slot of an account, a fresh one if it has none. Written to disk, not synced: the journal tells it again.
    pub fn claim(&mut self, account: &str) -> Result<Slot, KeyringError> {
        let owner = self.owner(account);
        if let Some(&slot) = self.by_owner.get(&owner) {
            return Ok(slot);
        }
        if self.next_free as usize == self.slots.len() {
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
        if self.slots.at(slot).owner == owner {
            return Ok(());
        }
        self.use_up(slot);
        self.own(slot, owner)
    }

    /// A slot that was ever used is never given to another account, whether or not its owner is known.
    fn use_up(&mut self, slot: Slot) {
        self.next_free = self.next_free.max(slot.0 + 1);
    }

    fn own(&mut self, slot: Slot, owner: [u8; 16]) -> Result<(), KeyringError> {
        self.slots.at_mut(slot).owner = owner;
        self.by_owner.insert(owner, slot);
        if std::mem::take(&mut self.slots.at_mut(slot).aged) {
            return self.replace(slot, self.slots.at(slot));
        }
        self.put(&owner, offset(slot) + OWNER.start as u64)
    }

    /// Makes a block of slots and syncs it, before any of them is used. Its first slot comes last: without it the list
    /// ends before the block, whatever became of the rest.
    fn provision(&mut self) -> Result<(), KeyringError> {
        let start = Slot(self.slots.len() as u32);
        let mut bytes = Vec::with_capacity(BLOCK * SLOT_LEN);
        let mut fresh = Vec::with_capacity(BLOCK);
        for _ in 0..BLOCK {
            let keys = Keys::fresh();
            bytes.extend(keys.bytes());
            fresh.push(keys);
        }
        let rest = self.put(&bytes[SLOT_LEN..], offset(start) + SLOT_LEN as u64);
        bytes.zeroize();
        rest?;
        self.sync()?;
        self.replace(start, &fresh[0])?;
        fresh.into_iter().for_each(|keys| self.file_slot(keys));
        Ok(())
    }

    /// Destroys the content key: text sealed before `seq` can never be read again.
    pub fn erase_content(&mut self, slot: Slot, seq: u64) -> Result<(), KeyringError> {
        self.use_up(slot);
        let keys = self.slots.at_mut(slot);
        if keys.content_since >= seq {
            return Ok(());
        }
        keys.content.copy_from_slice(&random::<32>());
        keys.content_since = seq;
        self.replace(slot, self.slots.at(slot))
    }

    /// Destroys both keys, the stream's name and the owner.
    pub fn erase_all(&mut self, slot: Slot) -> Result<(), KeyringError> {
        self.use_up(slot);
        let keys = self.slots.at_mut(slot);
        let (stream, owner) = (keys.stream, keys.owner);
        keys.body.zeroize();
        keys.content.zeroize();
        keys.stream = StreamId([0; 16]);
        keys.owner = [0; 16];
        keys.destroyed = true;
        self.by_stream.remove(&stream);
        self.by_owner.remove(&owner);
        self.replace(slot, self.slots.at(slot))
    }

    /// From which seq on the content of a slot can be read.
    pub fn content_since(&self, slot: Slot) -> u64 {
        self.slots.at(slot).content_since
    }

    /// Overwrites a slot by way of the redo record, each synced.
    fn replace(&self, slot: Slot, keys: &Keys) -> Result<(), KeyringError> {
        let mut record = [0; REDO_LEN];
        record[..8].copy_from_slice(&u64::from(slot.0).to_le_bytes());
        record[8..8 + SLOT_LEN].copy_from_slice(&keys.bytes());
        let sum = crc32fast::hash(&record[..8 + SLOT_LEN]);
        record[8 + SLOT_LEN..].copy_from_slice(&sum.to_le_bytes());
        let written = self.put(&record, REDO as u64);
        record.zeroize();
        written?;
        self.sync()?;
        self.write_keys(slot, keys)?;
        self.sync()
    }

    fn write(&self, slot: Slot) -> Result<(), KeyringError> {
        self.write_keys(slot, self.slots.at(slot))
    }

    fn write_keys(&self, slot: Slot, keys: &Keys) -> Result<(), KeyringError> {
        let mut bytes = keys.bytes();
        let written = self.put(&bytes, offset(slot));
        bytes.zeroize();
        written
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

    fn owner(&self, account: &str) -> [u8; 16] {
        let hash = blake3::keyed_hash(&self.identity, account.as_bytes());
        hash.as_bytes()[..16].try_into().expect("a hash has 32 bytes")
    }

    /// The key of one part of one entry: it can be disclosed without the rest of the account.
    pub fn entry_key(&self, slot: Slot, part: Part, seq: u64) -> EntryKey {
        let keys = self.slots.at(slot);
        let (base, tag) = match part {
            Part::Body => (&keys.body, b'b'),
            Part::Content => (&keys.content, b'c'),
        };
        let mut input = [tag; 9];
        input[1..].copy_from_slice(&seq.to_le_bytes());
        EntryKey(*blake3::keyed_hash(base, &input).as_bytes())
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

    /// Encrypts.
    pub fn seal(&self, nonce: Nonce, plaintext: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(plaintext.len() + CHACHA20_POLY1305.tag_len());
        bytes.extend_from_slice(plaintext);
        let sealed = self.cipher().seal_in_place_append_tag(unique(nonce), Aad::empty(), &mut bytes);
        sealed.expect("a message in memory is not too long");
        bytes
    }

    /// Decrypts, or `None` if the bytes were not sealed under this key. What an older version sealed has a nonce of zeros.
    pub fn unseal(&self, nonce: Nonce, sealed: &[u8]) -> Option<Vec<u8>> {
        let cipher = self.cipher();
        let open = |nonce: Nonce| {
            let mut bytes = sealed.to_vec();
            let len = cipher.open_in_place(unique(nonce), Aad::empty(), &mut bytes).ok()?.len();
            bytes.truncate(len);
            Some(bytes)
        };
        open(nonce).or_else(|| open(Nonce::ZERO))
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

/// `docs/format.md`, "keyring": body key, content key, stream, checksum, owner, content_since, flags, checksum.
impl Keys {
    fn fresh() -> Keys {
        let mut bytes = random::<80>();
        let keys = Keys {
            body: bytes[..32].try_into().expect("32 bytes"),
            content: bytes[32..64].try_into().expect("32 bytes"),
            stream: StreamId(bytes[64..].try_into().expect("16 bytes")),
            owner: [0; 16],
            content_since: 0,
            destroyed: false,
            aged: false,
        };
        bytes.zeroize();
        keys
    }

    fn bytes(&self) -> [u8; SLOT_LEN] {
        let mut slot = [0; SLOT_LEN];
        slot[..32].copy_from_slice(&self.body);
        slot[32..64].copy_from_slice(&self.content);
        slot[64..80].copy_from_slice(&self.stream.0);
        slot[80..96].copy_from_slice(&self.owner);
        slot[96..104].copy_from_slice(&self.content_since.to_le_bytes());
        slot[104] = 1 | u8::from(self.destroyed) << 1;
        let sum = checksum(&slot);
        slot[124..].copy_from_slice(&sum);
        slot
    }

    fn read(slot: &[u8]) -> Option<Keys> {
        let aged = crc32fast::hash(&slot[..124]).to_le_bytes() == slot[124..];
        if !(aged || checksum(slot) == slot[124..]) || slot[104] & 1 == 0 {
            return None;
        }
        Some(Keys {
            body: slot[..32].try_into().ok()?,
            content: slot[32..64].try_into().ok()?,
            stream: StreamId(slot[64..80].try_into().ok()?),
            owner: slot[80..96].try_into().ok()?,
            content_since: u64::from_le_bytes(slot[96..104].try_into().ok()?),
            destroyed: slot[104] & 2 != 0,
            aged,
        })
    }
}

/// CRC-32 over a slot but for its owner.
fn checksum(slot: &[u8]) -> [u8; 4] {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&slot[..OWNER.start]);
    hasher.update(&slot[OWNER.end..124]);
    hasher.finalize().to_le_bytes()
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
fn each_slot(path: &Path, bytes: &[u8], mut take: impl FnMut(Keys)) -> Result<(), KeyringError> {
    let corrupt = |what: &str| KeyringError::Corrupt(path.to_owned(), what.to_owned());
    let redo = read_redo(&bytes[REDO..REDO + REDO_LEN]);
    for (number, slot) in bytes[HEADER_LEN as usize..].chunks_exact(SLOT_LEN).enumerate() {
        let redone = || redo.filter(|(redone, _)| *redone == number as u64).and_then(|(_, slot)| Keys::read(slot));
        match Keys::read(slot).or_else(redone) {
            Some(keys) => take(keys),
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
    getrandom::fill(&mut bytes).expect("the system's random generator works");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::RealDisk;

    #[test]
    fn slots_never_move_in_memory() {
        let mut slots = Slots::default();
        slots.push(Keys::fresh());
        let first: *const Keys = slots.at(Slot(0));
        (1..3 * BLOCK).for_each(|_| slots.push(Keys::fresh()));
        assert_eq!((slots.len(), std::ptr::eq(first, slots.at(Slot(0)))), (3 * BLOCK, true));
        let last = (Slot(3 * BLOCK as u32 - 1), Slot(BLOCK as u32));
        assert_ne!(slots.at(last.0).body, slots.at(last.1).body);
    }

    fn keyring() -> (tempfile::TempDir, Keyring) {
        let dir = tempfile::tempdir().expect("a folder");
        let keyring = Keyring::create(&RealDisk, &dir.path().join("keyring")).expect("made");
        (dir, keyring)
    }

    #[test]
    fn seals_open_under_their_own_key_only() {
        let (_dir, mut keyring) = keyring();
        let slot = keyring.claim("facebook/s1").expect("a slot");
        let key = keyring.entry_key(slot, Part::Body, 7);
        let nonce = codec::nonce(&codec::Identity([3; 16]), crate::fact::Instant(5));
        let sealed = key.seal(nonce, b"hello");
        assert_ne!(sealed, key.seal(Nonce::ZERO, b"hello"));
        assert_eq!(key.unseal(nonce, &key.seal(Nonce::ZERO, b"hello")).as_deref(), Some(&b"hello"[..]), "an older one");
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
        let (one, two) = (keyring.claim("facebook/s1").expect("a slot"), keyring.claim("facebook/s2").expect("a slot"));
        let secrets = [keyring.slots.at(one).body, keyring.slots.at(one).content];
        let (stream, kept) = (keyring.stream(one), keyring.stream(two));
        keyring.erase_all(one).expect("erased");
        let bytes = std::fs::read(&path).expect("readable");
        for secret in [&secrets[0][..], &secrets[1][..], &stream.0[..]] {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret));
        }
        let mut again = Keyring::open(&RealDisk, &path, true).expect("opens");
        assert_eq!(again.slot_of("facebook/s1"), None);
        assert_eq!(again.slot_of("facebook/s2").map(|slot| again.stream(slot)), Some(kept));
        let back = again.claim("facebook/s1").expect("a slot");
        assert_ne!(again.stream(back), stream);
        assert_ne!(back, one);
    }

    #[test]
    fn a_changed_byte_is_noticed_or_made_good() {
        let (dir, mut keyring) = keyring();
        let (one, two) = (keyring.claim("facebook/s1").expect("a slot"), keyring.claim("facebook/s2").expect("a slot"));
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
                assert_eq!(again.slots.at(slot).bytes(), keyring.slots.at(slot).bytes(), "byte {at}");
            }
        }
    }

    #[test]
    fn zeros_between_slots_are_damage_and_an_unfinished_block_is_none() {
        let (dir, mut keyring) = keyring();
        for n in 0..=BLOCK {
            keyring.claim(&format!("facebook/{n}")).expect("a slot");
        }
        let path = dir.path().join("keyring");
        let good = std::fs::read(&path).expect("readable");
        let slot = |number: usize| HEADER_LEN as usize + number * SLOT_LEN;
        let opened = |zeros: std::ops::Range<usize>, redo: bool| {
            let mut bytes = good.clone();
            bytes[slot(zeros.start)..slot(zeros.end)].fill(0);
            if !redo {
                bytes[REDO..REDO + REDO_LEN].fill(0);
            }
            std::fs::write(&path, &bytes).expect("written");
            Keyring::open(&RealDisk, &path, false).map(|keyring| keyring.slots.len())
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
            keyring.claim("facebook/s1").expect("a slot");
            let slot = keyring.claim("facebook/s2").expect("a slot");
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
                    let held = again.slots.at(slot).bytes();
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
