//! What the writer knows without reading the journal: all of it can be told again from there.

use super::heads::Heads;
use super::load::Extent;
use super::read::{self, BadEntry};
use super::stage;
use super::tree::{self, Tree};
use super::{LedgerError, Options, Paths};
use crate::codec::{EntryHash, Header, Identity};
use crate::entry::Entry;
use crate::fact::{Body, Instant, Scope};
use crate::index::{GroupStart, Index, IndexError, Term};
use crate::journal::{self, Group, Location, SegmentId};
use crate::keyring::Keyring;
use foldhash::HashMap;
use std::path::{Path, PathBuf};

/// How many ids are kept at hand, so that references to what was just recorded need no look-up.
const RECENT: usize = 1 << 17;

/// Ids recorded lately, in two generations of bounded size.
#[derive(Default)]
struct Recent {
    young: HashMap<Identity, (u64, EntryHash)>,
    old: HashMap<Identity, (u64, EntryHash)>,
}

impl Recent {
    fn get(&self, identity: &Identity) -> Option<(u64, EntryHash)> {
        self.young.get(identity).or_else(|| self.old.get(identity)).copied()
    }

    fn insert(&mut self, identity: Identity, at: (u64, EntryHash)) {
        if self.young.len() >= RECENT {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(identity, at);
    }
}

/// Streams, tree and index as far as the journal goes.
pub struct Catalog {
    dir: PathBuf,
    options: Options,
    /// Where every stream stands.
    pub heads: Heads,
    /// The tree.
    pub tree: Tree,
    /// `None` where rebuilding it failed.
    index: Option<Index>,
    recent: Recent,
    /// The seq of the next entry.
    pub next_seq: u64,
    /// When the last entry was recorded.
    pub last_recorded: Instant,
    /// The last erasure of everything.
    last_erasure: Option<u64>,
    /// True if the index is not that of this journal: nothing more is added, and it is rebuilt before it is used.
    stale: bool,
}

impl Catalog {
    /// An empty catalog over what is stored of index and tree.
    pub fn open(dir: &Path, options: &Options) -> Result<Catalog, LedgerError> {
        let path = options.index(dir);
        let index = Index::open(&path).or_else(|error| {
            tracing::warn!("{error}; it is rebuilt now");
            fresh_index(&path)
        })?;
        Ok(Catalog {
            dir: dir.to_owned(),
            options: options.clone(),
            heads: Heads::default(),
            tree: Tree::open(options.disk.clone(), &Paths(dir).tree())?,
            index: Some(index),
            recent: Recent::default(),
            next_seq: 0,
            last_recorded: Instant(0),
            last_erasure: None,
            stale: false,
        })
    }

    /// Takes an entry that the journal holds, of the group at `group`; its streams were taken before.
    pub fn take(&mut self, entry: &Entry, location: Location, group: GroupStart) -> Result<(), LedgerError> {
        let header = &entry.header;
        self.next_seq = header.seq + 1;
        self.last_recorded = header.recorded_at;
        self.recent.insert(header.identity, (header.seq, entry.hash));
        if matches!(entry.record.as_ref().map(|record| &record.body), Some(Body::SubjectErased(Scope::All))) {
            self.last_erasure = Some(header.seq);
        }
        if !self.stale {
            add(self.index_mut()?, entry, location, group)?;
        }
        Ok(())
    }

    /// As [`Catalog::take`], while opening: an index of another journal is noted, not fatal.
    pub fn retake(&mut self, entry: &Entry, location: Location, group: GroupStart) -> Result<(), LedgerError> {
        match self.take(entry, location, group) {
            Err(LedgerError::Index(error)) => {
                tracing::warn!("{error}; it is rebuilt now");
                self.stale = true;
                Ok(())
            }
            other => other,
        }
    }

    /// The entry of an identity: from memory, else from the index, checked against the journal.
    pub fn find(&self, identity: &Identity) -> Result<Option<(u64, EntryHash)>, LedgerError> {
        if let Some(found) = self.recent.get(identity) {
            return Ok(Some(found));
        }
        for seq in self.index()?.ids(identity)? {
            let (header, hash) = self.header(seq)?;
            if header.identity == *identity {
                return Ok(Some((seq, hash)));
            }
        }
        Ok(None)
    }

    /// The header and hash of an entry, without its body.
    pub fn header(&self, seq: u64) -> Result<(Header, EntryHash), LedgerError> {
        let (bytes, location) = self.frame(seq)?;
        let (raw, _) = journal::read_frame(&bytes, location.offset as usize, seq)
            .ok_or_else(|| BadEntry::new(seq, "the entry does not match its checksum"))?;
        Ok(read::peek(&raw)?)
    }

    fn index(&self) -> Result<&Index, IndexError> {
        self.index.as_ref().ok_or_else(|| no_index(&self.options.index(&self.dir)))
    }

    fn index_mut(&mut self) -> Result<&mut Index, IndexError> {
        self.index.as_mut().ok_or_else(|| no_index(&self.options.index(&self.dir)))
    }

    /// Entries that are not in sled yet.
    pub fn index_lag(&self) -> u64 {
        self.index.as_ref().map_or(self.next_seq, |index| self.next_seq.saturating_sub(index.covered()))
    }

    /// Where an entry stands.
    pub fn location(&self, seq: u64) -> Result<Option<Location>, LedgerError> {
        Ok(self.index()?.location(seq)?.map(Location::unpack))
    }

    /// The seqs that the index names for a term, ascending; a few may not have it.
    pub fn postings(&self, term: Term) -> Result<Vec<u64>, LedgerError> {
        Ok(self.index()?.find(term)?)
    }

    /// One entry, content included.
    pub fn read(&self, seq: u64, keyring: &Keyring) -> Result<Entry, LedgerError> {
        let (bytes, location) = self.frame(seq)?;
        read::open_frame(&bytes, location, seq, keyring)
    }

    fn frame(&self, seq: u64) -> Result<(Vec<u8>, Location), LedgerError> {
        let location =
            self.location(seq)?.ok_or_else(|| BadEntry::new(seq, "the index does not know where it stands"))?;
        Ok((journal::read_entry(&*self.options.disk, &Paths(&self.dir).journal(), location)?, location))
    }

    /// Closes the index: sled lets nobody else in before.
    pub fn let_go(&mut self) {
        self.index = None;
    }

    /// Throws the index away and makes it again from the journal.
    pub fn reindex(&mut self, keyring: &Keyring) -> Result<u64, LedgerError> {
        self.let_go();
        let (disk, journal) = (&*self.options.disk, Paths(&self.dir).journal());
        let mut index = fresh_index(&self.options.index(&self.dir))?;
        super::load::each_entry(
            disk,
            &journal,
            Extent::WHOLE,
            keyring,
            read::Content::Leave,
            |entry, location, group| Ok(add(&mut index, &entry, location, group)?),
        )?;
        index.purge(self.next_seq)?;
        self.index = Some(index);
        self.stale = false;
        Ok(self.next_seq)
    }

    /// Writes the index; rebuilds it where it still holds hashes of what erased bodies said.
    pub fn settle(&mut self, keyring: &Keyring) -> Result<(), LedgerError> {
        let useless = |index: &Index| {
            index.covered() > self.next_seq || self.last_erasure.is_some_and(|seq| seq >= index.purged())
        };
        if self.stale || self.index.as_ref().is_none_or(useless) {
            self.reindex(keyring)?;
        }
        Ok(self.index_mut()?.flush()?)
    }

    /// Appends the leaves of new entries.
    pub fn grow(&mut self, entries: &[Entry]) -> Result<(), LedgerError> {
        self.tree.append(&entries.iter().map(|entry| tree::leaf(&entry.hash)).collect::<Vec<_>>())
    }
}

/// Adds one entry to an index.
pub fn add(index: &mut Index, entry: &Entry, location: Location, group: GroupStart) -> Result<(), IndexError> {
    let header = &entry.header;
    index.add(header.seq, &entry.hash, location.pack(), group, Term::id(&header.identity), &stage::terms(entry))
}

/// Where a group of the journal begins.
pub fn group_start(group: &Group, segment: SegmentId) -> GroupStart {
    let first = group.entries.first().expect("a group is not empty");
    let location = Location { segment, offset: group.start as u32 };
    GroupStart { seq: first.seq, location: location.pack() }
}

fn no_index(path: &Path) -> IndexError {
    IndexError(path.to_owned(), "it could not be rebuilt".to_owned())
}

fn fresh_index(path: &Path) -> Result<Index, LedgerError> {
    let is_file = std::fs::symlink_metadata(path).is_ok_and(|found| found.is_file());
    match if is_file { std::fs::remove_file(path) } else { std::fs::remove_dir_all(path) } {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(LedgerError::Io(path.to_owned(), error)),
        _ => Ok(Index::open(path)?),
    }
}
