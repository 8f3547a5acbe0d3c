//! Where single entries stand, and which entries a term names: from the writer's index, from an index opened for
//! reading, or from one pass over the journal where there is no index to be had.
//!
//! INVARIANT (never believed): what a shelf names is read from the journal and checked; what it leaves out is noticed by
//! whoever follows chains.

use super::catalog::{self, group_start};
use super::load::{self, Extent};
use super::read::{self, BadEntry, Content};
use super::{Ledger, LedgerError, Paths, stage};
use crate::codec::Header;
use crate::disk::{Disk, Lock};
use crate::entry::Entry;
use crate::exhibit::Exhibit;
use crate::index::{Index, Term};
use crate::journal::{self, EntryReader, Location, RawEntry};
use crate::keyring::Keyring;
use crate::merkle::TreeSize;
use foldhash::HashMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, OnceLock};
use std::time::{Duration, Instant};

/// Segments that a look keeps open: what one person's entries stand in is mostly fewer.
const KEPT_OPEN: usize = 32;
/// How long a reader waits for another one to close the index.
const WAIT: Duration = Duration::from_secs(5);

/// An index, and the lock that keeps others out of it.
pub type IndexInUse = (Index, Box<dyn Lock>);

/// What one pass over the journal finds, in memory.
#[derive(Default)]
pub struct Scanned {
    postings: HashMap<Term, Vec<u64>>,
    locations: Vec<Location>,
}

/// Where to look. An index that turns out to be damaged is left for one pass over the journal.
pub struct Shelf<'a> {
    ledger: &'a Ledger,
    place: Place<'a>,
    scanned: OnceLock<Scanned>,
    /// Closed with the shelf: segments are looked for anew by whoever looks next.
    reader: Mutex<EntryReader<'a>>,
}

enum Place<'a> {
    Writer(MutexGuard<'a, super::writer::Writer>),
    Reader(&'a Mutex<Index>),
    Nowhere,
}

impl Shelf<'_> {
    /// The seqs that are named for a term, ascending; a few may not have it.
    pub fn postings(&self, term: Term) -> Result<Vec<u64>, LedgerError> {
        let found = match &self.place {
            Place::Writer(writer) => {
                let catalog = writer.catalog();
                // What was foreseen of a group that failed was never recorded.
                catalog.postings(term).map(|mut found| {
                    found.truncate(found.partition_point(|&seq| seq < catalog.next_seq));
                    found
                })
            }
            Place::Reader(index) => index.lock().expect("no holder panics").find(term).map_err(LedgerError::from),
            Place::Nowhere => Ok(self.scanned()?.postings.get(&term).cloned().unwrap_or_default()),
        };
        self.or_scanned(found, |scanned| scanned.postings.get(&term).cloned().unwrap_or_default())
    }

    fn location(&self, seq: u64) -> Result<Option<Location>, LedgerError> {
        let found = match &self.place {
            Place::Writer(writer) if seq >= writer.catalog().next_seq => Ok(None),
            Place::Writer(writer) => writer.catalog().location(seq),
            Place::Reader(index) => {
                let found = index.lock().expect("no holder panics").location(seq);
                found.map(|found| found.map(Location::unpack)).map_err(LedgerError::from)
            }
            Place::Nowhere => Ok(self.scanned()?.locations.get(seq as usize).copied()),
        };
        self.or_scanned(found, |scanned| scanned.locations.get(seq as usize).copied())
    }

    fn or_scanned<T>(&self, found: Result<T, LedgerError>, again: impl Fn(&Scanned) -> T) -> Result<T, LedgerError> {
        match found {
            Err(LedgerError::Index(error)) => {
                tracing::info!("{error}; the journal is read instead");
                Ok(again(self.scanned()?))
            }
            other => other,
        }
    }

    fn scanned(&self) -> Result<&Scanned, LedgerError> {
        if let Some(scanned) = self.scanned.get() {
            return Ok(scanned);
        }
        let (ledger, paths) = (self.ledger, Paths(&self.ledger.dir));
        let extent = Extent::of(ledger)?;
        // Whoever looks may hold the ledger's own.
        let keyring = Keyring::open(ledger.disk(), &paths.keyring(), false)?;
        let scanned = scan(ledger.disk(), &paths.journal(), extent, &keyring)?;
        Ok(self.scanned.get_or_init(|| scanned))
    }

    /// Fails unless the last of the first `size` entries is there: a journal that is cut or damaged ends before it for whoever looks
    /// things up, and what came later would not be missed.
    pub fn reach(&self, size: TreeSize, keyring: &Keyring) -> Result<(), LedgerError> {
        let Some(last) = size.0.checked_sub(1) else { return Ok(()) };
        let ends = || BadEntry::new(last, "the journal ends before it; `inforce verify` says more");
        Ok(self.entry(last, keyring)?.map(drop).ok_or_else(ends)?)
    }

    /// One entry with everything that opens it.
    pub fn exhibit(&self, seq: u64, keyring: &Keyring) -> Result<Option<Exhibit>, LedgerError> {
        self.read(seq, keyring, |raw, header| read::exhibit(raw, header, keyring))
    }

    /// One entry, with the text of a chat where it still exists.
    pub fn entry(&self, seq: u64, keyring: &Keyring) -> Result<Option<Entry>, LedgerError> {
        self.read(seq, keyring, |raw, header| read::entry(raw, header, keyring))
    }

    fn read<T>(
        &self,
        seq: u64,
        keyring: &Keyring,
        open: impl FnOnce(&RawEntry, Header) -> Result<T, BadEntry>,
    ) -> Result<Option<T>, LedgerError> {
        let Some(location) = self.location(seq)? else { return Ok(None) };
        let mut reader = self.reader.lock().expect("no holder panics");
        let bytes = reader.read(location)?;
        let (raw, _) = journal::read_frame(bytes, location.offset as usize, seq)
            .ok_or_else(|| BadEntry::new(seq, "the entry does not match its checksum"))?;
        let header = read::header(&raw)?;
        keyring.fetch(header.streams[0].stream)?;
        Ok(Some(open(&raw, header)?))
    }
}

impl Ledger {
    /// Where to look single entries up. To be asked before the keyring is taken: appends wait until it is given back.
    pub(super) fn shelf(&self) -> Result<Shelf<'_>, LedgerError> {
        let place = match (&self.writer, &self.reader) {
            (Some(writer), _) => Place::Writer(self.locked(writer)?),
            (None, Some(index)) => Place::Reader(index),
            (None, None) => Place::Nowhere,
        };
        let reader = Mutex::new(EntryReader::new(self.disk(), Paths(&self.dir).journal(), KEPT_OPEN));
        let shelf = Shelf { ledger: self, place, scanned: OnceLock::new(), reader };
        if matches!(shelf.place, Place::Nowhere) {
            // Keys last: they are then those of every entry that was found.
            shelf.scanned()?;
            self.refresh_keyring()?;
        }
        Ok(shelf)
    }
}

fn scan(disk: &dyn Disk, journal: &Path, extent: Extent, keyring: &Keyring) -> Result<Scanned, LedgerError> {
    let mut scanned = Scanned::default();
    load::each_entry(disk, journal, extent, keyring, Content::Leave, |entry, location, _| {
        let seq = entry.header.seq;
        for term in stage::terms(&entry).as_slice() {
            scanned.postings.entry(*term).or_default().push(seq);
        }
        scanned.locations.push(location);
        Ok(())
    })?;
    Ok(scanned)
}

impl Ledger {
    /// The index for reading, with the journal's tail that it does not cover yet, and the lock that keeps other readers
    /// out of it meanwhile. `None` where there is none that is whole and of this journal: then the journal itself is read.
    pub(super) fn open_index(&self) -> Result<Option<IndexInUse>, LedgerError> {
        let path = self.options.index(&self.dir);
        let Some(lock) = self.lock_index().filter(|_| path.is_dir()) else { return Ok(None) };
        let mut index = match Index::read(&path) {
            Ok(index) => index,
            Err(error) => {
                tracing::info!("{error}; the journal is read instead");
                return Ok(None);
            }
        };
        let keyring = self.keyring.read().expect("no holder panics");
        match complete(&mut index, self.disk(), &Paths(&self.dir).journal(), &keyring) {
            Ok(()) => Ok(Some((index, lock))),
            Err(LedgerError::Index(error)) => {
                tracing::info!("{error}; the journal is read instead");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// sled lets one reader in at a time: another one's look takes a moment.
    fn lock_index(&self) -> Option<Box<dyn Lock>> {
        let (path, begun) = (Paths(&self.dir).index_lock(), Instant::now());
        loop {
            match self.disk().lock(&path) {
                Ok(None) if begun.elapsed() < WAIT => std::thread::sleep(Duration::from_millis(10)),
                other => return other.ok().flatten(),
            }
        }
    }
}

fn complete(index: &mut Index, disk: &dyn Disk, journal: &Path, keyring: &Keyring) -> Result<(), LedgerError> {
    let from = match index.resume() {
        Some(start) if start.seq < index.covered() => {
            check_boundary(index, index.covered() - 1, disk, journal)?;
            Some((Location::unpack(start.location), start.seq))
        }
        None if index.covered() == 0 => None,
        _ => return Err(foreign(journal)),
    };
    // A torn or damaged tail is not this look's matter: what stands before it can be read.
    let covered = index.covered();
    journal::scan(disk, journal, from, |group, segment| {
        let start = group_start(group, segment);
        for raw in group.entries.iter().filter(|raw| raw.seq >= covered) {
            let entry = read::open(raw, keyring, Content::Leave)?;
            catalog::add(index, &entry, Location { segment, offset: raw.offset as u32 }, start)?;
        }
        Ok::<(), LedgerError>(())
    })?;
    Ok(())
}

/// The last entry that the index covers must be the journal's.
fn check_boundary(index: &Index, seq: u64, disk: &dyn Disk, journal: &Path) -> Result<(), LedgerError> {
    let location = index.location(seq)?.map(Location::unpack).ok_or_else(|| foreign(journal))?;
    let bytes = journal::read_entry(disk, journal, location).map_err(|_| foreign(journal))?;
    let (raw, _) = journal::read_frame(&bytes, location.offset as usize, seq).ok_or_else(|| foreign(journal))?;
    let (header, hash) = read::peek(&raw)?;
    if header.seq == seq && Some(hash) == index.boundary() { Ok(()) } else { Err(foreign(journal)) }
}

fn foreign(journal: &Path) -> LedgerError {
    crate::index::IndexError(journal.to_owned(), "the index is of another journal".to_owned()).into()
}
