//! What the writer knows without reading the journal: all of it can be told again from there.

use super::admission::Admitted;
use super::heads::Heads;
use super::links::is_link;
use super::load::Extent;
use super::read::{self, BadEntry};
use super::resume::{Mark, Resume};
use super::stage;
use super::tree::{self, Tree};
use super::{LedgerError, Options, Paths};
use crate::codec::{self, EntryHash, Header, Identity, StreamId};
use crate::disk::Disk;
use crate::entry::Entry;
use crate::fact::{Body, Instant, Kind, Scope};
use crate::index::{Field, GroupStart, Index, IndexError, Term};
use crate::journal::{self, Group, Location, SegmentId};
use crate::keyring::Keyring;
use crate::merkle::Frontier;
use foldhash::{HashMap, HashSet};
use std::cell::{Ref, RefCell};
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
    /// Where every stream stands; or every one that was asked for, where the journal was not read as a whole.
    pub heads: Heads,
    /// The tree.
    pub tree: Tree,
    /// `None` where rebuilding it failed. In a cell, since it is rebuilt where a look-up finds it damaged.
    index: RefCell<Option<Index>>,
    recent: Recent,
    /// The seq of the next entry.
    pub next_seq: u64,
    /// When the last entry was recorded.
    pub last_recorded: Instant,
    /// The last erasure of everything.
    last_erasure: Option<u64>,
    /// True if the index is not that of this journal: nothing more is added, and it is rebuilt before it is used.
    stale: bool,
    /// What was looked up of `heads`; `None` where they are whole.
    fetched: Option<Fetched>,
}

/// Streams whose links were looked up.
#[derive(Default)]
struct Fetched {
    accounts: HashSet<StreamId>,
    centers: HashSet<StreamId>,
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
            index: RefCell::new(Some(index)),
            recent: Recent::default(),
            next_seq: 0,
            last_recorded: Instant(0),
            last_erasure: None,
            stale: false,
            fetched: None,
        })
    }

    /// The last group that runs cover, how many entries they cover, and the hash of the last of these.
    pub fn resume(&self) -> Option<(GroupStart, u64, EntryHash)> {
        let index = self.index().ok()?;
        let start = index.resume().filter(|start| start.seq < index.covered())?;
        Some((start, index.covered(), index.boundary()?))
    }

    /// What was noted with the last run.
    pub fn mark(&self) -> Vec<u8> {
        self.index().map_or(Vec::new(), |index| index.mark().to_vec())
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
        for seq in self.postings(Term::new(Field::Kind, &[Kind::PolicyAdopted as u8]))? {
            let (header, hash) = self.stored_header(seq)?;
            if header.kind == Kind::PolicyAdopted {
                self.heads.note_policy(header.streams[0].stream);
                self.heads.set(header.streams[0].stream, header.streams[0].revision, hash);
            }
        }
        self.fetch_head(codec::attestation_stream(), Term::new(Field::Kind, &[Kind::VerdictAttested as u8]))?;
        let (index, mut last) = (self.index()?, self.last_erasure);
        index.find_back(Term::new(Field::Kind, &[Kind::SubjectErased as u8]), |seq| {
            if last.is_some_and(|last| last >= seq) || seq < index.purged() {
                return Ok::<bool, LedgerError>(true);
            }
            let (bytes, location) = self.frame(seq)?;
            let (raw, _) = journal::read_frame(&bytes, location.offset as usize, seq)
                .ok_or_else(|| BadEntry::new(seq, "the entry does not match its checksum"))?;
            let (header, _) = read::peek(&raw)?;
            let is_all = header.kind == Kind::SubjectErased
                && read::open_unsealed(&raw, &header)?.body == Body::SubjectErased(Scope::All);
            last = last.max(Some(seq).filter(|_| is_all));
            Ok(is_all)
        })?;
        drop(index);
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

    fn fetch(&mut self, admitted: &[Admitted], keyring: &Keyring) -> Result<(), LedgerError> {
        if self.fetched.is_none() {
            return Ok(());
        }
        for one in admitted {
            let account = keyring.slot_of(&one.fact.subject).map(|slot| keyring.stream(slot));
            let Some(stream) = account.filter(|_| one.fact.kind() != Kind::PolicyAdopted) else { continue };
            self.fetch_account(stream)?;
            if one.fact.kind() == Kind::DecisionMade {
                self.fetch_group(stream, keyring)?;
            }
        }
        for one in admitted {
            let (Body::AccountLinked { center } | Body::AccountUnlinked { center }) = &one.fact.body else { continue };
            if let Some(slot) = keyring.slot_of(&one.fact.subject) {
                self.fetch_group(keyring.stream(slot), keyring)?;
            }
            self.fetch_center(codec::center_stream(center), keyring)?;
        }
        Ok(())
    }

    /// Looks up where an account's stream stands.
    pub fn fetch_account(&mut self, stream: StreamId) -> Result<(), LedgerError> {
        self.fetch_head(stream, Term::new(Field::Account, &stream.0))
    }

    /// Looks up where a center's stream stands, and every account that was ever linked to it.
    pub fn fetch_center(&mut self, center: StreamId, keyring: &Keyring) -> Result<(), LedgerError> {
        if self.fetched.as_mut().is_none_or(|fetched| !fetched.centers.insert(center)) {
            return Ok(());
        }
        let term = Term::new(Field::Center, &center.0);
        self.fetch_head(center, term)?;
        let mut members = HashSet::default();
        for seq in self.postings(term)? {
            let (header, _) = self.stored_header(seq)?;
            if is_link(&header) && header.streams[1].stream == center {
                members.insert(header.streams[0].stream);
            }
        }
        for member in members {
            self.fetch_account(member)?;
            self.fetch_links(member, keyring)?;
        }
        Ok(())
    }

    /// Looks up an account's links, and every center that they name.
    fn fetch_group(&mut self, account: StreamId, keyring: &Keyring) -> Result<(), LedgerError> {
        self.fetch_links(account, keyring)?;
        self.heads.links.centers_of(account).into_iter().try_for_each(|center| self.fetch_center(center, keyring))
    }

    fn fetch_links(&mut self, account: StreamId, keyring: &Keyring) -> Result<(), LedgerError> {
        if self.fetched.as_mut().is_none_or(|fetched| !fetched.accounts.insert(account)) {
            return Ok(());
        }
        // The tail may have told some of them.
        self.heads.links.forget(account);
        if keyring.slot_of_stream(account).is_none() {
            return Ok(());
        }
        for seq in self.postings(Term::new(Field::Links, &account.0))? {
            let (header, _) = self.stored_header(seq)?;
            if is_link(&header) && header.streams[0].stream == account {
                self.heads.links.add(&header);
            }
        }
        Ok(())
    }

    /// Looks up the last entry of a stream among those of a term.
    fn fetch_head(&mut self, stream: StreamId, term: Term) -> Result<(), LedgerError> {
        if self.fetched.is_none() || self.heads.revision(stream).is_some() {
            return Ok(());
        }
        let mut head = None;
        self.index()?.find_back(term, |seq| {
            let (header, hash) = self.stored_header(seq)?;
            let link = header.streams.iter().find(|link| link.stream == stream);
            head = link.map(|link| (link.revision, hash));
            Ok::<bool, LedgerError>(head.is_some())
        })?;
        if let Some((revision, hash)) = head {
            self.heads.set(stream, revision, hash);
        }
        Ok(())
    }

    /// Takes an entry that the journal holds, of the group at `group`; its streams were taken before.
    pub fn take(&mut self, entry: &Entry, location: Location, group: GroupStart) -> Result<(), LedgerError> {
        self.take_by(entry, &stage::terms(entry), location, group)
    }

    /// As [`Catalog::take`], where what it can be found by is known.
    pub fn take_by(
        &mut self,
        entry: &Entry,
        terms: &[Term],
        location: Location,
        group: GroupStart,
    ) -> Result<(), LedgerError> {
        let header = &entry.header;
        self.next_seq = header.seq + 1;
        self.last_recorded = header.recorded_at;
        self.recent.insert(header.identity, (header.seq, entry.hash));
        if matches!(entry.record.as_ref().map(|record| &record.body), Some(Body::SubjectErased(Scope::All))) {
            self.last_erasure = Some(header.seq);
        }
        if !self.stale {
            self.index_mut()?.add(
                header.seq,
                &entry.hash,
                location.pack(),
                group,
                Term::id(&header.identity),
                terms,
            )?;
        }
        Ok(())
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

    /// Looks identities up, on any thread; all of it once more where the index turns out to be damaged.
    pub fn finding<T>(
        &self,
        keyring: &Keyring,
        ask: impl Fn(&Finder) -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        let (disk, journal) = (&*self.options.disk, Paths(&self.dir).journal());
        self.healed(keyring, || ask(&Finder { index: &*self.index()?, recent: &self.recent, disk, journal: &journal }))
    }

    /// The header and hash of an entry, without its body.
    pub fn header(&self, seq: u64, keyring: &Keyring) -> Result<(Header, EntryHash), LedgerError> {
        self.healed(keyring, || self.stored_header(seq))
    }

    fn stored_header(&self, seq: u64) -> Result<(Header, EntryHash), LedgerError> {
        peek(&*self.index()?, &*self.options.disk, &Paths(&self.dir).journal(), seq)
    }

    fn index(&self) -> Result<Ref<'_, Index>, IndexError> {
        let index = Ref::filter_map(self.index.borrow(), Option::as_ref);
        index.map_err(|_| no_index(&self.options.index(&self.dir)))
    }

    fn index_mut(&mut self) -> Result<&mut Index, IndexError> {
        self.index.get_mut().as_mut().ok_or_else(|| no_index(&self.options.index(&self.dir)))
    }

    /// Asks once more over an index that was made anew, where it turns out to be damaged.
    fn healed<T>(
        &self,
        keyring: &Keyring,
        ask: impl Fn() -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
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
        self.index().map_or(self.next_seq, |index| self.next_seq.saturating_sub(index.covered()))
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
        let (bytes, location) = self.healed(keyring, || self.frame(seq))?;
        read::open_frame(&bytes, location, seq, keyring)
    }

    fn frame(&self, seq: u64) -> Result<(Vec<u8>, Location), LedgerError> {
        frame(&*self.index()?, &*self.options.disk, &Paths(&self.dir).journal(), seq)
    }

    /// Closes the index: sled lets nobody else in before.
    pub fn let_go(&mut self) {
        *self.index.get_mut() = None;
    }

    /// Throws the index away and makes it again from the journal.
    pub fn reindex(&mut self, keyring: &Keyring) -> Result<u64, LedgerError> {
        self.rebuild(keyring)?;
        self.stale = false;
        Ok(self.next_seq)
    }

    fn rebuild(&self, keyring: &Keyring) -> Result<(), LedgerError> {
        *self.index.borrow_mut() = None;
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
        super::load::each_entry(disk, &journal, Extent::WHOLE, keyring, read::Content::Leave, visit)?;
        *self.index.borrow_mut() = Some(index);
        Ok(())
    }

    /// Makes the index fit for use: rebuilds it where it is not, or still holds hashes of what erased bodies said.
    pub fn settle(&mut self, keyring: &Keyring) -> Result<(), LedgerError> {
        let useless = |index: &Index| {
            let is_stored = index.covered() > 0 || index.is_worth_a_run();
            let erased = self.last_erasure.is_some_and(|seq| seq >= index.purged());
            index.covered() > self.next_seq || is_stored && erased
        };
        if self.stale || self.index().as_deref().map_or(true, useless) {
            self.reindex(keyring)?;
        }
        self.write_due(keyring)
    }

    /// Writes a run of what the index holds in memory, if it is worth it.
    pub fn finish(&mut self, keyring: &Keyring) -> Result<(), LedgerError> {
        self.settle(keyring)?;
        if self.index()?.is_worth_a_run() {
            self.write_run(keyring)?;
        }
        Ok(self.index_mut()?.tidy()?)
    }

    /// Writes a run if enough is in memory. To be called between groups: with an erasure that is not carried out yet its
    /// entry may not be covered, since nobody would look for it.
    pub fn write_due(&mut self, keyring: &Keyring) -> Result<(), LedgerError> {
        if !self.stale && self.index()?.is_due() { self.write_run(keyring) } else { Ok(()) }
    }

    /// INVARIANT (run last): all that a run is about is durable before it.
    fn write_run(&mut self, keyring: &Keyring) -> Result<(), LedgerError> {
        keyring.sync()?;
        self.tree.sync()?;
        let mark = Mark { root: self.tree.frontier().root(), keyring: keyring.standing() };
        Ok(self.index_mut()?.flush(&mark.encode())?)
    }
}

/// Finds entries by identity: what threads can share.
pub struct Finder<'a> {
    index: &'a Index,
    recent: &'a Recent,
    disk: &'a dyn Disk,
    journal: &'a Path,
}

impl Finder<'_> {
    /// The entry of an identity: from memory, else from the index, checked against the journal.
    pub fn find(&self, identity: &Identity) -> Result<Option<(u64, EntryHash)>, LedgerError> {
        if let Some(found) = self.recent.get(identity) {
            return Ok(Some(found));
        }
        for seq in self.index.ids(identity)? {
            let (header, hash) = peek(self.index, self.disk, self.journal, seq)?;
            if header.identity == *identity {
                return Ok(Some((seq, hash)));
            }
        }
        Ok(None)
    }
}

/// The header and hash of an entry, without its body.
fn peek(index: &Index, disk: &dyn Disk, journal: &Path, seq: u64) -> Result<(Header, EntryHash), LedgerError> {
    let (bytes, location) = frame(index, disk, journal, seq)?;
    let (raw, _) = journal::read_frame(&bytes, location.offset as usize, seq)
        .ok_or_else(|| BadEntry::new(seq, "the entry does not match its checksum"))?;
    Ok(read::peek(&raw)?)
}

fn frame(index: &Index, disk: &dyn Disk, journal: &Path, seq: u64) -> Result<(Vec<u8>, Location), LedgerError> {
    let location = index.location(seq)?.map(Location::unpack);
    let location = location.ok_or_else(|| BadEntry::new(seq, "the index does not know where it stands"))?;
    Ok((journal::read_entry(disk, journal, location)?, location))
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

fn fresh_index(path: &Path, run_len: u64) -> Result<Index, LedgerError> {
    let is_file = std::fs::symlink_metadata(path).is_ok_and(|found| found.is_file());
    match if is_file { std::fs::remove_file(path) } else { std::fs::remove_dir_all(path) } {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(LedgerError::Io(path.to_owned(), error)),
        _ => Ok(Index::open(path, run_len)?),
    }
}
