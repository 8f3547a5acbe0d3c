//! The index: which entries say something about a term, and where each entry stands. The only user of sled.
//!
//! Rebuildable from the journal at any time and never believed over it: a term is a 64-bit hash, so whoever asks checks
//! what it finds. Postings gather in memory and go to sled in sorted runs of small chunks: many keys, random keys and
//! large values are what sled is bad at. sled's own durability is not relied upon: `covered` says how far it got, and
//! files that were not closed whole are not opened again.

mod filter;
mod seal;

use crate::codec::{self, EntryHash, Identity};
use filter::Filter;
use foldhash::HashMap;
use seal::Seal;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};

/// Postings in memory before they are written as a run.
const RUN: usize = 1 << 20;
/// Postings a chunk: 16 bytes each, a value of 4 KiB.
const CHUNK: usize = 256;
/// Locations a chunk: 8 bytes each, a value of 2 KiB.
const LOCATIONS: u64 = 256;
/// What an entry is filed under; an index that was made otherwise is made again.
const VERSION: u64 = 2;

/// Why the index could not be used: it can always be rebuilt.
#[derive(Debug, thiserror::Error)]
#[error("index `{}`: {}; run `inforce reindex` to rebuild it from the journal", .0.display(), .1)]
pub struct IndexError(pub PathBuf, pub String);

/// What entries can be found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum Field {
    Id = 1,
    Account = 2,
    Center = 3,
    Policy = 4,
    Kind = 5,
    Advertiser = 6,
    Conversation = 7,
    Target = 8,
    Day = 9,
    Decision = 10,
}

/// A term: a field and a value, hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Term(u64);

impl Term {
    /// The term of `value` in `field`.
    pub fn new(field: Field, value: &[u8]) -> Term {
        Term(codec::term(field as u8, value))
    }

    /// The term of an identity, which is a hash already.
    pub fn id(identity: &Identity) -> Term {
        Term(u64::from_le_bytes(identity.0[..8].try_into().expect("eight bytes")))
    }
}

/// The first entry of a group, and where the group begins: from there the journal can be read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct GroupStart {
    pub seq: u64,
    pub location: u64,
}

/// The index of one ledger.
pub struct Index {
    path: PathBuf,
    db: sled::Db,
    /// Erasures below this seq have left no trace here.
    purged: u64,
    /// Postings not yet in a run, and the first seq of them.
    recent: Vec<(Term, u64)>,
    recent_ids: HashMap<Term, u64>,
    recent_locations: Vec<u64>,
    /// The groups of what is not yet in a run.
    recent_groups: VecDeque<GroupStart>,
    covered: u64,
    next: u64,
    runs: u32,
    ids: Filter,
    /// The hash of the last entry of the last whole chunk: an index of another journal is found out by it.
    boundary: [u8; 32],
    seal: Seal,
}

impl Index {
    /// Opens or makes the index in `path`. What it does not cover yet must be added again.
    pub fn open(path: &Path) -> Result<Index, IndexError> {
        if !seal::holds(path).map_err(|error| IndexError(path.to_owned(), error.to_string()))? {
            return Err(IndexError(path.to_owned(), "it was not closed whole, or was changed since".to_owned()));
        }
        let fail = |error: sled::Error| IndexError(path.to_owned(), error.to_string());
        let db = sled::Config::new().path(path).cache_capacity(32 << 20).flush_every_ms(None).open().map_err(fail)?;
        let number = |key: &[u8]| -> Result<u64, IndexError> {
            let value = db.get(key).map_err(fail)?;
            Ok(value.and_then(|value| value.as_ref().try_into().ok().map(u64::from_be_bytes)).unwrap_or(0))
        };
        let (covered, runs, purged) = (number(b"m/covered")?, number(b"m/runs")? as u32, number(b"m/purged")?);
        if covered > 0 && number(b"m/version")? != VERSION {
            return Err(IndexError(path.to_owned(), "another version of this program made it".to_owned()));
        }
        let ids = Filter::load(&db, covered).map_err(fail)?;
        let boundary =
            db.get(b"m/boundary").map_err(fail)?.and_then(|hash| hash.as_ref().try_into().ok()).unwrap_or([0; 32]);
        Ok(Index {
            path: path.to_owned(),
            db,
            purged,
            recent: Vec::new(),
            recent_ids: HashMap::default(),
            recent_locations: Vec::new(),
            recent_groups: VecDeque::new(),
            covered,
            next: covered,
            runs,
            ids,
            boundary,
            seal: Seal::new(path),
        })
    }

    /// Entries below this seq are in sled; the rest must be added after opening.
    pub fn covered(&self) -> u64 {
        self.covered
    }

    /// From where the journal must be read for what is not covered yet; none if nothing is.
    pub fn resume(&self) -> Result<Option<GroupStart>, IndexError> {
        let value = self.db.get(b"m/resume").map_err(|error| IndexError(self.path.clone(), error.to_string()))?;
        Ok(value.filter(|value| value.len() == 16).map(|value| {
            let number = |at: usize| u64::from_be_bytes(value[at..at + 8].try_into().expect("eight bytes"));
            GroupStart { seq: number(0), location: number(8) }
        }))
    }

    /// The hash of entry `covered() - 1`: an index of another journal is found out by it.
    pub fn boundary(&self) -> EntryHash {
        EntryHash(self.boundary)
    }

    /// Adds the next entry, of the group that begins at `group`; one that is covered is only compared with what was added.
    pub fn add(
        &mut self,
        seq: u64,
        hash: &EntryHash,
        location: u64,
        group: GroupStart,
        id: Term,
        terms: &[Term],
    ) -> Result<(), IndexError> {
        if seq < self.covered {
            let foreign = seq + 1 == self.covered && hash.0 != self.boundary;
            return if foreign {
                Err(IndexError(self.path.clone(), "it is of another journal".to_owned()))
            } else {
                Ok(())
            };
        }
        assert_eq!(seq, self.next, "entries are indexed in order");
        if (seq + 1).is_multiple_of(LOCATIONS) {
            self.boundary = hash.0;
        }
        self.recent.push((id, seq));
        self.recent.extend(terms.iter().map(|&term| (term, seq)));
        self.recent_ids.insert(id, seq);
        self.recent_locations.push(location);
        if self.recent_groups.back() != Some(&group) {
            self.recent_groups.push_back(group);
        }
        self.next += 1;
        if self.recent.len() >= RUN && self.next.is_multiple_of(LOCATIONS) {
            self.flush()?;
        }
        Ok(())
    }

    /// Writes what is in memory as a run. Whole chunks of locations only, so it may leave up to 255 entries.
    pub fn flush(&mut self) -> Result<(), IndexError> {
        let flushed = self.write_run();
        self.seal.whole &= flushed.is_ok();
        flushed
    }

    fn write_run(&mut self) -> Result<(), IndexError> {
        let end = self.next - self.next % LOCATIONS;
        if end <= self.covered {
            return Ok(());
        }
        let fail = |error: sled::Error| IndexError(self.path.clone(), error.to_string());
        let (mut run, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.recent).into_iter().partition(|&(_, seq)| seq < end);
        run.sort_unstable();
        for chunk in run.chunks(CHUNK) {
            self.db.insert(run_key(self.runs, chunk[0]), encode(chunk)).map_err(fail)?;
        }
        let whole = (end - self.covered) as usize;
        for (number, chunk) in self.recent_locations[..whole].chunks(LOCATIONS as usize).enumerate() {
            let key = location_key(self.covered + number as u64 * LOCATIONS);
            self.db.insert(key, chunk.iter().flat_map(|at| at.to_be_bytes()).collect::<Vec<u8>>()).map_err(fail)?;
        }
        self.recent_locations.drain(..whole);
        while self.recent_groups.get(1).is_some_and(|next| next.seq <= end) {
            self.recent_groups.pop_front();
        }
        let resume = *self.recent_groups.front().expect("every entry is of a group");
        let (flushed, kept) = std::mem::take(&mut self.recent_ids).into_iter().partition(|&(_, seq)| seq < end);
        let flushed: HashMap<Term, u64> = flushed;
        self.recent_ids = kept;
        self.ids.extend(flushed.keys().map(|term| term.0));
        self.recent = rest;
        self.runs += 1;
        self.covered = end;
        self.ids.save(&self.db).map_err(fail)?;
        self.db.insert(b"m/runs", &u64::from(self.runs).to_be_bytes()).map_err(fail)?;
        self.db.insert(b"m/boundary", &self.boundary).map_err(fail)?;
        self.db.insert(b"m/version", &VERSION.to_be_bytes()).map_err(fail)?;
        let resume = [resume.seq.to_be_bytes(), resume.location.to_be_bytes()].concat();
        self.db.insert(b"m/resume", resume).map_err(fail)?;
        self.db.insert(b"m/covered", &self.covered.to_be_bytes()).map_err(fail)?;
        self.db.flush().map_err(fail)?;
        Ok(())
    }

    /// Erasures of everything below this seq were carried out here as well.
    pub fn purged(&self) -> u64 {
        self.purged
    }

    /// Writes an index that was just rebuilt: it holds nothing of what was erased before `seq`.
    pub fn purge(&mut self, seq: u64) -> Result<(), IndexError> {
        self.flush()?;
        self.purged = seq;
        let written = self.db.insert(b"m/purged", &seq.to_be_bytes()).and_then(|_| self.db.flush());
        self.seal.whole &= written.is_ok();
        written.map(drop).map_err(|error| IndexError(self.path.clone(), error.to_string()))
    }

    /// The seqs of entries with that id: none for sure, or a few to check.
    pub fn ids(&self, identity: &Identity) -> Result<Vec<u64>, IndexError> {
        let term = Term::id(identity);
        let mut found: Vec<u64> = self.recent_ids.get(&term).copied().into_iter().collect();
        if self.ids.may_hold(term.0) {
            found.extend(self.in_runs(term)?);
        }
        Ok(found)
    }

    /// The seqs of entries with a term, ascending; a few may not have it.
    pub fn find(&self, term: Term) -> Result<Vec<u64>, IndexError> {
        let mut found = self.in_runs(term)?;
        found.extend(self.recent.iter().filter(|(other, _)| *other == term).map(|(_, seq)| *seq));
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    fn in_runs(&self, term: Term) -> Result<Vec<u64>, IndexError> {
        let fail = |error: sled::Error| IndexError(self.path.clone(), error.to_string());
        let mut found = Vec::new();
        for run in 0..self.runs {
            // The chunk that begins at or before the term, then every one that still begins with it.
            let first = self.db.get_lt(run_key(run, (term, 0))).map_err(fail)?;
            let before = first.filter(|(key, _)| key[..5] == run_prefix(run));
            let after = self.db.range(run_key(run, (term, 0))..=run_key(run, (term, u64::MAX)));
            for chunk in before.map(Ok).into_iter().chain(after) {
                let (_, value) = chunk.map_err(fail)?;
                found.extend(decode(&value).filter(|(other, _)| *other == term).map(|(_, seq)| seq));
            }
        }
        Ok(found)
    }

    /// Where an entry stands, if the index knows.
    pub fn location(&self, seq: u64) -> Result<Option<u64>, IndexError> {
        if seq >= self.covered {
            return Ok(self.recent_locations.get((seq - self.covered) as usize).copied());
        }
        let chunk = self
            .db
            .get(location_key(seq - seq % LOCATIONS))
            .map_err(|error| IndexError(self.path.clone(), error.to_string()))?;
        Ok(chunk.and_then(|chunk| {
            let at = (seq % LOCATIONS) as usize * 8;
            chunk.get(at..at + 8).map(|bytes| u64::from_be_bytes(bytes.try_into().expect("eight bytes")))
        }))
    }
}

fn run_prefix(run: u32) -> [u8; 5] {
    let mut key = [b'r'; 5];
    key[1..].copy_from_slice(&run.to_be_bytes());
    key
}

fn run_key(run: u32, (term, seq): (Term, u64)) -> Vec<u8> {
    [&run_prefix(run)[..], &term.0.to_be_bytes(), &seq.to_be_bytes()].concat()
}

fn location_key(seq: u64) -> [u8; 9] {
    let mut key = [b'l'; 9];
    key[1..].copy_from_slice(&seq.to_be_bytes());
    key
}

fn encode(chunk: &[(Term, u64)]) -> Vec<u8> {
    chunk.iter().flat_map(|(term, seq)| [term.0.to_be_bytes(), seq.to_be_bytes()].concat()).collect()
}

fn decode(value: &[u8]) -> impl Iterator<Item = (Term, u64)> + '_ {
    value.chunks_exact(16).map(|pair| {
        let number = |bytes: &[u8]| u64::from_be_bytes(bytes.try_into().expect("eight bytes"));
        (Term(number(&pair[..8])), number(&pair[8..]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(n: u64) -> Identity {
        Identity(blake3::hash(&n.to_le_bytes()).as_bytes()[..16].try_into().expect("16 bytes"))
    }

    #[test]
    fn finds_what_was_added_before_and_after_a_flush_and_a_reopening() {
        let dir = tempfile::tempdir().expect("a folder");
        let even = Term::new(Field::Kind, b"even");
        let mut index = Index::open(dir.path()).expect("opens");
        let fill = |index: &mut Index, range: std::ops::Range<u64>| {
            for seq in range {
                let terms = if seq % 2 == 0 { vec![even] } else { vec![] };
                let group = GroupStart { seq: seq - seq % 7, location: (seq - seq % 7) * 10 };
                let hash = EntryHash([seq as u8; 32]);
                index.add(seq, &hash, seq * 10, group, Term::id(&identity(seq)), &terms).expect("added");
            }
        };
        let check = |index: &Index, end: u64| {
            assert_eq!(index.find(even).expect("found"), (0..end).filter(|seq| seq % 2 == 0).collect::<Vec<_>>());
            for seq in 0..end {
                assert_eq!(index.ids(&identity(seq)).expect("found"), [seq]);
                assert_eq!(index.location(seq).expect("found"), Some(seq * 10));
            }
            assert_eq!(index.location(end).expect("asked"), None);
            assert_eq!(index.ids(&identity(end)).expect("asked"), [0u64; 0]);
        };
        fill(&mut index, 0..1000);
        check(&index, 1000);
        index.flush().expect("flushed");
        fill(&mut index, 1000..2000);
        index.flush().expect("flushed");
        check(&index, 2000);
        drop(index);
        let mut index = Index::open(dir.path()).expect("opens");
        assert_eq!(index.covered(), 1792);
        let resume = GroupStart { seq: 1792, location: 17_920 };
        assert_eq!(index.resume().expect("read"), Some(resume), "the group of the first entry that is not covered");
        let foreign = index.add(1791, &EntryHash([1; 32]), 0, resume, Term::id(&identity(0)), &[]);
        assert!(foreign.is_err(), "another journal");
        fill(&mut index, 1792..3000);
        check(&index, 3000);
    }

    #[test]
    fn what_was_not_closed_whole_or_was_changed_is_not_opened() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("index");
        let mut index = Index::open(&path).expect("opens");
        for seq in 0..256 {
            let group = GroupStart { seq: 0, location: 0 };
            index.add(seq, &EntryHash([1; 32]), seq, group, Term::id(&identity(seq)), &[]).expect("added");
        }
        index.flush().expect("flushed");
        drop(index);
        assert_eq!(Index::open(&path).expect("closed whole").covered(), 256);
        let db = path.join("db");
        let whole = std::fs::read(&db).expect("readable");
        let mut changed = whole.clone();
        changed[whole.len() / 3] ^= 4;
        std::fs::write(&db, &changed).expect("written");
        assert!(Index::open(&path).is_err());
        std::fs::write(&db, &whole).expect("written");
        Index::open(&path).expect("as it was");
        std::fs::remove_file(path.join("seal")).expect("removed");
        assert!(Index::open(&path).is_err(), "a process that was killed seals nothing");
    }
}
