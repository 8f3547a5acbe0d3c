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

mod census;
mod keyed;
mod keys;
mod opening;
mod sealing;
mod slot;
mod slots;
mod sorted;
mod stored;
mod table;
#[cfg(test)]
mod tests;

pub use keyed::{Keyed, KeyedNo};
pub use keys::{EntryKey, Part, PassingKey, fresh_signing_key};
pub use sealing::{Sealed, Sealing};
pub use slot::{Owner, Slot};
pub use stored::{check, is_later, same_keys, streams};

use crate::codec::{self, StreamId};
use crate::disk::{Disk, DiskFile, Open, passes};
use census::Use;
use ed25519_dalek::SigningKey;
use keys::{fill, random};
use slot::{
    BODY, Bytes, CONTENT, DESTROYED, FLAGS, OWNER, SECRETS, SINCE, SLOT_LEN, STREAM, content_since, is_aged, make_slot,
    put_checksum, stream_of,
};
use slots::{HELD, Slots};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use stored::{BLOCK, HEADER_LEN, MAGIC, REDO, REDO_LEN, offset};
use table::Table;
use zeroize::{Zeroize, Zeroizing};

const WRITABLE: &str = "whatever is written to was opened for it";

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
        opening::open(disk, path, if writable { Use::Write } else { Use::Read })
    }

    /// Opens a keyring for few look-ups: checked as a whole, but held in memory no further than it is asked for. To be used
    /// while nobody writes, and asked by [`Keyring::fetch`] first.
    pub fn open_to_look(disk: &dyn Disk, path: &Path) -> Result<Keyring, KeyringError> {
        opening::open(disk, path, Use::Look)
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

    /// The same of many.
    pub fn slots_of_owners(&self, owners: &[Option<Owner>]) -> Vec<Option<Slot>> {
        let mut slots = Vec::with_capacity(owners.len());
        self.owners().get_each(owners.iter().map(|owner| Some(&owner.as_ref()?.0)), &self.slots, &mut slots);
        slots
    }

    /// The slot of a stream, unless it was erased.
    pub fn slot_of_stream(&self, stream: StreamId) -> Option<Slot> {
        self.by_stream.get(&stream.0, &self.slots)
    }

    /// The same of many streams, in place of what stood in `slots`.
    pub fn slots_of_streams(&self, streams: &[Option<StreamId>], slots: &mut Vec<Option<Slot>>) {
        self.by_stream.get_each(streams.iter().map(|stream| Some(&stream.as_ref()?.0)), &self.slots, slots);
    }

    /// Reads slots that will be asked for one after another, with nothing between them: then none waits for the memory of the
    /// one before.
    pub fn touch(&self, slots: impl Iterator<Item = Slot>) {
        let touched = slots.map(|slot| self.slots.at(slot)).map(|slot| slot[BODY.start] ^ slot[STREAM.start]);
        std::hint::black_box(touched.fold(0, |all, one| all ^ one));
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
        let is_aged = is_aged(bytes);
        bytes[OWNER].copy_from_slice(&owner.0);
        if is_aged {
            put_checksum(bytes);
        }
        self.counts[0] += u64::from(was_free);
        self.by_owner.get_mut().expect(WRITABLE).insert(slot, &self.slots);
        if is_aged { self.replace(slot, self.slots.at(slot)) } else { Ok(()) }
    }

    /// Makes a block of slots and syncs it, before any of them is used. Its first slot comes last: without it the list
    /// ends before the block, whatever became of the rest.
    fn provision(&mut self) -> Result<(), KeyringError> {
        let start = Slot(self.slots.len as u32);
        // One call for all: each is a system call.
        let mut secrets = Zeroizing::new(vec![0; BLOCK * SECRETS.end]);
        fill(&mut secrets);
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
        Owner::of(blake3::keyed_hash(&self.identity, account.as_bytes()).as_bytes())
    }

    /// The same of many accounts: several are hashed at once.
    pub fn owners_of<'a>(&self, accounts: impl Iterator<Item = &'a str>) -> Vec<Owner> {
        let names = accounts.map(|account| (&*self.identity, account.as_bytes())).collect::<Vec<_>>();
        codec::keyed_hashes(&names).iter().map(Owner::of).collect()
    }

    /// The key of one part of one entry: it can be disclosed without the rest of the account.
    pub fn entry_key(&self, slot: Slot, part: Part, seq: u64) -> EntryKey {
        EntryKey(*blake3::keyed_hash(self.account_key(slot, part), &role(part, seq)).as_bytes())
    }

    /// The same of many: several are derived at once.
    pub fn entry_keys(&self, asked: &[(Slot, Part, u64)]) -> Vec<EntryKey> {
        let roles = asked.iter().map(|&(_, part, seq)| role(part, seq)).collect::<Vec<_>>();
        let keyed = asked.iter().zip(&roles).map(|(&(slot, part, _), role)| (self.account_key(slot, part), &role[..]));
        let mut hashes = codec::keyed_hashes(&keyed.collect::<Vec<_>>());
        let keys = hashes.iter().map(|&hash| EntryKey(hash)).collect();
        hashes.as_flattened_mut().zeroize();
        keys
    }

    fn account_key(&self, slot: Slot, part: Part) -> &[u8; 32] {
        let keys = self.slots.at(slot);
        let key = match part {
            Part::Body => &keys[BODY],
            Part::Content => &keys[CONTENT],
        };
        key.try_into().expect("32 bytes")
    }
}

/// What tells the keys of an account's entries apart.
fn role(part: Part, seq: u64) -> [u8; 9] {
    let tag = match part {
        Part::Body => b'b',
        Part::Content => b'c',
    };
    let mut role = [tag; 9];
    role[1..].copy_from_slice(&seq.to_le_bytes());
    role
}
