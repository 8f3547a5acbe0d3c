//! What the writer knows without reading the journal: all of it can be told again from there.

use super::admission::{Admitted, Last};
use super::fetched::Fetched;
use super::heads::Heads;
use super::load::Extent;
use super::read::{self, BadEntry};
use super::recent_ids::RecentIds;
use super::resume::{Mark, Resume};
use super::side_by_side::{among_others, both};
use super::stage::{self, Staged};
use super::tree::{self, Grown, Tree};
use super::{LedgerError, Options, Paths};
use crate::codec::{self, EntryHash, Header, Identity};
use crate::entry::Entry;
use crate::fact::{Body, Instant, Kind, Scope};
use crate::index::{Field, GroupStart, Index, IndexError, Term};
use crate::journal::{self, EntryReader, Group, Location, SegmentId};
use crate::keyring::Keyring;
use crate::merkle::Frontier;
use foldhash::{HashMap, HashMapExt};
use std::path::{Path, PathBuf};
use std::sync::RwLock;

/// Segments that a thread keeps open while streams are looked up: a system with many cores lets few files be open.
const KEPT_OPEN: usize = 8;

/// Streams, tree and index as far as the journal goes.
pub struct Catalog {
    dir: PathBuf,
    options: Options,
    /// Where every stream stands; or every one that was asked for, where the journal was not read as a whole.
    pub heads: Heads,
    /// The tree.
    pub tree: Tree,
    /// `None` where rebuilding it failed. Behind a lock, since it is rebuilt where a look-up finds it damaged.
    index: RwLock<Option<Index>>,
    recent: RecentIds,
    /// The seq of the next entry.
    pub next_seq: u64,
    /// When the last entry was recorded.
    pub last_recorded: Instant,
    /// The last erasure of everything.
    last_erasure: Option<u64>,
    /// True if the index is not that of this journal: nothing more is added, and it is rebuilt before it is used.
    stale: bool,
    /// What was looked up of `heads`; `None` where they are whole.
    pub(super) fetched: Option<Fetched>,
}

impl Catalog {
    /// An empty catalog over what is stored of index and tree.
    pub fn open(dir: &Path, options: &Options) -> Result<Catalog, LedgerError> {
        let path = options.index(dir);
        let index = Index::open(&path, options.run_len).or_else(|error| {
            tracing::warn!("{error}; it is rebuilt now");
            fresh_index(&path, options.run_len)
        })?;
        Ok(Catalog {
            dir: dir.to_owned(),
            options: options.clone(),
            heads: Heads::default(),
            tree: Tree::open(options.disk.clone(), &Paths(dir).tree())?,
            index: RwLock::new(Some(index)),
            recent: RecentIds::default(),
            next_seq: 0,
            last_recorded: Instant(0),
            last_erasure: None,
            stale: false,
            fetched: None,
        })
    }

    /// The last group that runs cover, how many entries they cover, and the hash of the last of these.
    pub fn resume(&self) -> Option<(GroupStart, u64, EntryHash)> {
        let resume = self.ask(|index| {
            let start = index.resume().filter(|start| start.seq < index.covered());
            Ok::<_, IndexError>(start.zip(index.boundary()).map(|(start, hash)| (start, index.covered(), hash)))
        });
        resume.ok()?
    }

    /// What was noted with the last run.
    pub fn mark(&self) -> Vec<u8> {
        self.ask(|index| Ok::<_, IndexError>(index.mark().to_vec())).unwrap_or_default()
    }

    /// Has the index rebuilt once the journal was read as a whole.
    pub fn distrust(&mut self) {
        self.stale = true;
    }

    /// Stands at `resume` as if everything before had been taken: what it told is looked up when it is asked for.
    pub fn resume_at(&mut self, resume: Resume) {
        self.next_seq = resume.start.seq;
        self.tree.resume(resume.frontier);
        self.fetched = Some(Fetched::default());
    }

    /// Once a tail was taken: looks up what every writer needs, policies and the last erasure.
    pub fn fetch_common(&mut self) -> Result<(), LedgerError> {
        if self.fetched.is_none() {
            return Ok(());
        }
        for seq in self.postings(Term::number(Field::Kind, Kind::PolicyAdopted as u64))? {
            let (header, hash) = self.stored_header(seq)?;
            if header.kind == Kind::PolicyAdopted {
                self.heads.note_policy(header.streams[0].stream);
                self.heads.set(header.streams[0].stream, header.streams[0].revision, hash);
            }
        }
        self.fetch_head(codec::attestation_stream(), Term::number(Field::Kind, Kind::VerdictAttested as u64))?;
        let mut last = self.last_erasure;
        let is_all = |seq: u64| -> Result<bool, LedgerError> {
            let (bytes, location) = self.frame(seq)?;
            let (raw, _) = journal::read_frame(&bytes, location.offset as usize, seq)
                .ok_or_else(|| BadEntry::new(seq, "the entry does not match its checksum"))?;
            let (header, _) = read::peek(&raw)?;
            Ok(header.kind == Kind::SubjectErased
                && read::open_unsealed(&raw, &header)?.body == Body::SubjectErased(Scope::All))
        };
        self.ask(|index| {
            index.find_back(Term::number(Field::Kind, Kind::SubjectErased as u64), |seq| {
                if last.is_some_and(|last| last >= seq) || seq < index.purged() {
                    return Ok::<bool, LedgerError>(true);
                }
                let is_all = is_all(seq)?;
                last = last.max(Some(seq).filter(|_| is_all));
                Ok(is_all)
            })
        })?;
        self.last_erasure = last;
        Ok(())
    }

    /// Looks up what the entries that are to be made of `admitted` extend and pin, where memory does not hold it.
    pub fn prepare(&mut self, admitted: &[Admitted], keyring: &Keyring) -> Result<(), LedgerError> {
        match self.fetch(admitted, keyring) {
            Err(LedgerError::Index(error)) => {
                tracing::warn!("{error}; it is rebuilt now");
                self.reindex(keyring)?;
                self.fetched = self.fetched.is_some().then(Fetched::default);
                self.fetch(admitted, keyring)
            }
            other => other,
        }
    }

    /// Takes an entry that the journal holds, of the group at `group`; its streams were taken before.
    pub fn take(&mut self, entry: &Entry, location: Location, group: GroupStart) -> Result<(), LedgerError> {
        let header = &entry.header;
        let erases = matches!(entry.record.as_ref().map(|record| &record.body), Some(Body::SubjectErased(Scope::All)));
        self.recent.insert(header.seq, header.identity, entry.hash);
        self.stand_behind(header.seq, header.recorded_at, erases);
        if !self.stale {
            self.index_mut()?.add(header.seq, &entry.hash, location.pack(), group, stage::terms(entry).as_slice())?;
        }
        Ok(())
    }

    /// Tells tree, ids and index of a group while it is being written at `start`. None of it counts before
    /// [`Catalog::count`]; a group that failed leaves this catalog behind with it.
    pub fn foresee(
        &mut self,
        group: &[Admitted],
        staged: &[Staged],
        locations: impl Iterator<Item = Location> + Send,
        start: Location,
    ) -> Result<Grown, LedgerError> {
        let place = GroupStart { seq: self.next_seq, location: start.pack() };
        let stale = self.stale;
        let (tree, recent, index) = (&self.tree, &mut self.recent, &mut self.index);
        let index = index.get_mut().expect("no holder panics").as_mut();
        let index = index.ok_or_else(|| no_index(&self.options.index(&self.dir)));
        let (added, grown) = both(
            group.len(),
            || -> Result<(), LedgerError> {
                let index = index?;
                for ((one, staged), location) in group.iter().zip(staged).zip(locations).filter(|_| !stale) {
                    index.add(one.seq, &staged.hash, location.pack(), place, staged.terms.as_slice())?;
                }
                Ok(())
            },
            || {
                for (one, staged) in group.iter().zip(staged) {
                    recent.insert(one.seq, one.identity, staged.hash);
                }
                tree.grown(staged.iter().map(|one| tree::leaf(&one.hash)))
            },
        );
        added.map(|()| grown)
    }

    /// Counts a group that was foreseen, now that it is recorded.
    pub fn count(&mut self, last: &Last, grown: Grown) -> Result<(), LedgerError> {
        self.tree.grow(grown)?;
        self.stand_behind(last.seq, last.recorded_at, last.erases == Some(Scope::All));
        Ok(())
    }

    fn stand_behind(&mut self, seq: u64, recorded_at: Instant, erases: bool) {
        self.next_seq = seq + 1;
        self.last_recorded = recorded_at;
        self.last_erasure = if erases { Some(seq) } else { self.last_erasure };
    }

    /// As [`Catalog::take`], while opening: an index of another journal is noted, not fatal.
    pub fn retake(&mut self, entry: &Entry, location: Location, group: GroupStart) -> Result<(), LedgerError> {
        match self.take(entry, location, group) {
            // Where heads are looked up in it there is no way around it.
            Err(LedgerError::Index(error)) if self.fetched.is_none() => {
                tracing::warn!("{error}; it is rebuilt now");
                self.stale = true;
                Ok(())
            }
            other => other,
        }
    }

    /// The entry of each identity: from memory, else from the index, checked against the journal.
    pub fn find(&self, identities: &[Identity]) -> Result<Vec<Option<(u64, EntryHash)>>, LedgerError> {
        // Each once: what a fact refers to is often in the same batch, so that its id is among these as well.
        let (mut asked, mut places) = (Vec::with_capacity(identities.len()), HashMap::with_capacity(identities.len()));
        let place_of = |&identity| {
            *places.entry(identity).or_insert_with(|| {
                asked.push(identity);
                asked.len() - 1
            })
        };
        let each = identities.iter().map(place_of).collect::<Vec<usize>>();
        let found = self.find_each(&asked)?;
        Ok(each.into_iter().map(|place| found[place]).collect())
    }

    /// The same of identities that are each asked for once.
    fn find_each(&self, identities: &[Identity]) -> Result<Vec<Option<(u64, EntryHash)>>, LedgerError> {
        let mut found: Vec<_> = identities.iter().map(|identity| self.recent.get(identity)).collect();
        let (places, rest): (Vec<usize>, Vec<Identity>) =
            (0..).zip(identities).filter(|&(place, _)| found[place].is_none()).unzip();
        if rest.is_empty() {
            return Ok(found);
        }
        let mut reader = self.reader();
        for (place, seq) in self.ask(|index| index.ids(&rest, self.recent.first()))? {
            let found = &mut found[places[place]];
            if found.is_none() {
                let (header, hash) = self.header_by(&mut reader, seq)?;
                *found = (header.identity == rest[place]).then_some((seq, hash));
            }
        }
        Ok(found)
    }

    /// The header and hash of an entry, without its body.
    pub fn header(&self, seq: u64, keyring: &Keyring) -> Result<(Header, EntryHash), LedgerError> {
        self.healed(keyring, || self.stored_header(seq))
    }

    fn stored_header(&self, seq: u64) -> Result<(Header, EntryHash), LedgerError> {
        self.header_by(&mut self.reader(), seq)
    }

    /// The same, read by `reader`.
    pub(super) fn header_by(&self, reader: &mut EntryReader, seq: u64) -> Result<(Header, EntryHash), LedgerError> {
        let location = self.place(seq)?;
        let bytes = reader.read(location)?;
        let (raw, _) = journal::read_frame(bytes, location.offset as usize, seq)
            .ok_or_else(|| BadEntry::new(seq, "the entry does not match its checksum"))?;
        Ok(read::peek(&raw)?)
    }

    /// Reads entries one after another.
    pub(super) fn reader(&self) -> EntryReader<'_> {
        EntryReader::new(&*self.options.disk, Paths(&self.dir).journal(), KEPT_OPEN)
    }

    pub(super) fn ask<T, E: From<IndexError>>(&self, ask: impl FnOnce(&Index) -> Result<T, E>) -> Result<T, E> {
        match &*self.index.read().expect("no holder panics") {
            Some(index) => ask(index),
            None => Err(no_index(&self.options.index(&self.dir)).into()),
        }
    }

    fn index_mut(&mut self) -> Result<&mut Index, IndexError> {
        let index = self.index.get_mut().expect("no holder panics").as_mut();
        index.ok_or_else(|| no_index(&self.options.index(&self.dir)))
    }

    /// Asks once more over an index that was made anew, where it turns out to be damaged.
    fn healed<T>(&self, keyring: &Keyring, ask: impl Fn() -> Result<T, LedgerError>) -> Result<T, LedgerError> {
        match ask() {
            Err(LedgerError::Index(error)) => {
                tracing::warn!("{error}; it is rebuilt now");
                self.rebuild(keyring)?;
                ask()
            }
            other => other,
        }
    }

    /// Said where it is found out that the index is of another journal.
    pub fn foreign(&self) -> IndexError {
        IndexError(self.options.index(&self.dir), "it is of another journal".to_owned())
    }

    /// Entries that are in no run yet.
    pub fn index_lag(&self) -> u64 {
        self.next_seq - self.covered().min(self.next_seq)
    }

    fn covered(&self) -> u64 {
        self.ask(|index| Ok::<_, IndexError>(index.covered())).unwrap_or(0)
    }

    /// Where an entry stands.
    pub fn location(&self, seq: u64) -> Result<Option<Location>, LedgerError> {
        Ok(self.ask(|index| index.location(seq))?.map(Location::unpack))
    }

    /// The seqs that the index names for a term, ascending; a few may not have it.
    pub fn postings(&self, term: Term) -> Result<Vec<u64>, LedgerError> {
        Ok(self.ask(|index| index.find(term))?)
    }

    /// One entry, content included.
    pub fn read(&self, seq: u64, keyring: &Keyring) -> Result<Entry, LedgerError> {
        let (bytes, location) = self.healed(keyring, || self.frame(seq))?;
        read::open_frame(&bytes, location, seq, keyring)
    }

    fn frame(&self, seq: u64) -> Result<(Vec<u8>, Location), LedgerError> {
        let location = self.place(seq)?;
        Ok((journal::read_entry(&*self.options.disk, &Paths(&self.dir).journal(), location)?, location))
    }

    fn place(&self, seq: u64) -> Result<Location, LedgerError> {
        Ok(self.location(seq)?.ok_or_else(|| BadEntry::new(seq, "the index does not know where it stands"))?)
    }

    /// Closes the index: sled lets nobody else in before.
    pub fn let_go(&mut self) {
        *self.index.get_mut().expect("no holder panics") = None;
    }

    /// Throws the index away and makes it again from the journal.
    pub fn reindex(&mut self, keyring: &Keyring) -> Result<u64, LedgerError> {
        self.rebuild(keyring)?;
        self.stale = false;
        Ok(self.next_seq)
    }

    fn rebuild(&self, keyring: &Keyring) -> Result<(), LedgerError> {
        *self.index.write().expect("no holder panics") = None;
        keyring.sync()?;
        self.tree.sync()?;
        let (disk, journal) = (&*self.options.disk, Paths(&self.dir).journal());
        let mut index = fresh_index(&self.options.index(&self.dir), self.options.run_len)?;
        // What was erased before this is not read any more.
        index.purge(self.next_seq);
        let (mut frontier, standing) = (Frontier::default(), keyring.standing());
        let visit = |entry: Entry, location, group| {
            frontier.append(tree::leaf(&entry.hash));
            add(&mut index, &entry, location, group)?;
            if index.is_due() {
                index.flush(&Mark { root: frontier.root(), keyring: standing }.encode())?;
            }
            Ok(())
        };
        among_others(|| super::load::each_entry(disk, &journal, Extent::WHOLE, keyring, read::Content::Leave, visit))?;
        *self.index.write().expect("no holder panics") = Some(index);
        Ok(())
    }

    /// Makes the index fit for use: rebuilds it where it is not, or still holds hashes of what erased bodies said.
    pub fn settle(&mut self, keyring: &Keyring) -> Result<(), LedgerError> {
        let useless = |index: &Index| {
            let is_stored = index.covered() > 0 || index.is_worth_a_run();
            let erased = self.last_erasure.is_some_and(|seq| seq >= index.purged());
            index.covered() > self.next_seq || is_stored && erased
        };
        if self.stale || self.ask(|index| Ok::<_, IndexError>(useless(index))).unwrap_or(true) {
            self.reindex(keyring)?;
        }
        self.write_due(keyring)
    }

    /// Writes a run of what the index holds in memory, if it is worth it.
    pub fn finish(&mut self, keyring: &Keyring) -> Result<(), LedgerError> {
        self.settle(keyring)?;
        if self.ask(|index| Ok::<_, IndexError>(index.is_worth_a_run()))? {
            self.write_run(keyring)?;
        }
        Ok(self.index_mut()?.tidy()?)
    }

    /// Writes a run if enough is in memory. To be called between groups: with an erasure that is not carried out yet its
    /// entry may not be covered, since nobody would look for it.
    pub fn write_due(&mut self, keyring: &Keyring) -> Result<(), LedgerError> {
        if !self.stale && self.ask(|index| Ok::<_, IndexError>(index.is_due()))? {
            self.write_run(keyring)
        } else {
            Ok(())
        }
    }

    /// INVARIANT (run last): all that a run is about is durable before it.
    fn write_run(&mut self, keyring: &Keyring) -> Result<(), LedgerError> {
        keyring.sync()?;
        self.tree.sync()?;
        let mark = Mark { root: self.tree.frontier().root(), keyring: keyring.standing() };
        let index = self.index_mut()?;
        Ok(among_others(|| index.flush(&mark.encode()))?)
    }
}

/// Adds one entry to an index.
pub fn add(index: &mut Index, entry: &Entry, location: Location, group: GroupStart) -> Result<(), IndexError> {
    let header = &entry.header;
    index.add(header.seq, &entry.hash, location.pack(), group, stage::terms(entry).as_slice())
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

fn fresh_index(path: &Path, run_len: u64) -> Result<Index, LedgerError> {
    let is_file = std::fs::symlink_metadata(path).is_ok_and(|found| found.is_file());
    match if is_file { std::fs::remove_file(path) } else { std::fs::remove_dir_all(path) } {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(LedgerError::Io(path.to_owned(), error)),
        _ => Ok(Index::open(path, run_len)?),
    }
}
