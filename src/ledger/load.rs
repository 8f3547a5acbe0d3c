//! Reading: passes over every entry, and worlds to judge by.

use super::catalog::group_start;
use super::heads::Heads;
use super::held::Held;
use super::read::{self, BadEntry, Content, seq_of};
use super::stored::{Stored, level_of};
use super::tree;
use super::{Ledger, LedgerError, Paths};
use crate::attested::Attestations;
use crate::codec::{EntryHash, Link};
use crate::disk::Disk;
use crate::entry::Entry;
use crate::fact::Kind;
use crate::index::GroupStart;
use crate::journal::{self, Damage, Group, JournalError, Location, SegmentId};
use crate::keyring::Keyring;
use crate::merkle::{Frontier, NodeHash, TreeSize};
use crate::timeline::World;
use rayon::prelude::*;
use std::path::Path;

/// What a pass met that is not what was recorded, in the order met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The first entry that is affected.
    pub seq: u64,
    /// The file, below the ledger's folder, and the offset, where that is known.
    pub place: Option<(String, u64)>,
    /// What is wrong.
    pub what: String,
}

/// A world, and whether the ledger that it was read from is whole.
pub struct Loaded {
    /// Everything that decisions are judged by.
    pub world: World,
    /// Verdicts that were put on record: beside the world, since no verdict rests on one.
    pub attested: Attestations,
    /// How many entries were read.
    pub size: TreeSize,
    /// The root over them.
    pub root: NodeHash,
    /// The first thing that is not what was recorded: with it no verdict is worth anything.
    pub bad: Option<Problem>,
}

/// How far a pass is held to what was recorded.
#[derive(Clone, Copy)]
pub struct Extent {
    /// So many entries there must be.
    acknowledged: u64,
    /// Beside a writer: what stands from here on is not looked at.
    bound: Option<u64>,
}

impl Extent {
    /// All of it: where a writer has cut what was torn.
    pub const WHOLE: Extent = Extent { acknowledged: u64::MAX, bound: None };

    /// As far as `ledger` was acknowledged. Read before the keys, which then are those of every entry within.
    pub fn of(ledger: &Ledger) -> Result<Extent, LedgerError> {
        let (paths, disk) = (Paths(&ledger.dir), ledger.disk());
        let beside_writer = ledger.writer.is_none() && disk.is_locked(&paths.lock());
        let (held, _) = Held::read(disk, &ledger.dir, &ledger.config);
        let stored = Stored::read(disk, &paths.tree())?;
        let acknowledged = stored.covered().max(held.size().0);
        Ok(Extent { acknowledged, bound: beside_writer.then_some(stored.leaves.len() as u64) })
    }

    /// The damage that a pass ended at, if it is of something acknowledged, or something stands behind it; else it is a
    /// group that is being written, or was never finished.
    fn damage(self, disk: &dyn Disk, journal: &Path, end: &journal::End) -> Result<Option<Damage>, LedgerError> {
        let Some(damage) = &end.damage else { return Ok(None) };
        let goes_on = || if self.bound.is_some() { Ok(false) } else { journal::goes_on(disk, journal, end) };
        Ok((damage.seq < self.acknowledged || goes_on()?).then(|| damage.clone()))
    }
}

/// Passes over every entry that opens; the first that does not ends the pass.
pub fn each_entry(
    disk: &dyn Disk,
    dir: &Path,
    extent: Extent,
    keyring: &Keyring,
    content: Content,
    mut visit: impl FnMut(Entry, Location, GroupStart) -> Result<(), LedgerError>,
) -> Result<(), LedgerError> {
    let end = journal::scan(disk, dir, None, |group, segment| {
        let start = group_start(group, segment);
        for (raw, opened) in group.entries.iter().zip(open_group(group, segment, keyring, content)) {
            if extent.bound.is_some_and(|bound| raw.seq >= bound) {
                break;
            }
            visit(opened.entry?, opened.location, start)?;
        }
        Ok::<(), LedgerError>(())
    })?;
    match extent.damage(disk, dir, &end)? {
        Some(damage) => {
            let path = journal::segment_path(dir, end.location.segment);
            Err(JournalError::Corrupt { path, offset: damage.offset as u64, seq: damage.seq, what: damage.what }.into())
        }
        None => Ok(()),
    }
}

/// Groups opened ahead of the one that is checked.
const AHEAD: usize = 4;

/// An entry that was opened, or is bad, and its leaf in the tree.
struct Opened {
    entry: Result<Entry, BadEntry>,
    leaf: NodeHash,
    location: Location,
}

/// Opens the entries of a group, in parallel where it is worth it.
fn open_group(group: &Group, segment: SegmentId, keyring: &Keyring, content: Content) -> Vec<Opened> {
    let open = |raw: &journal::RawEntry| {
        let entry = read::open(raw, keyring, content);
        let leaf = tree::leaf(&entry.as_ref().map_or(EntryHash([0; 32]), |entry| entry.hash));
        Opened { entry, leaf, location: Location { segment, offset: raw.offset as u32 } }
    };
    group.entries.par_iter().with_min_len(64).map(open).collect()
}

/// An entry found behind damage: it must be the one whose leaf the tree has.
fn open_intact(raw: &journal::RawEntry, leaves: &[NodeHash], keyring: &Keyring, content: Content) -> Option<Entry> {
    let entry = read::open(raw, keyring, content).ok()?;
    leaves.get(raw.seq as usize).is_none_or(|leaf| *leaf == tree::leaf(&entry.hash)).then_some(entry)
}

/// Checks every entry as it passes: chains, links, leaves, root.
pub struct Pass<'a> {
    ledger: &'a Ledger,
    /// Beside a writer: only what was recorded before the keyring was read.
    bound: Option<u64>,
    heads: Heads,
    hashes: Vec<EntryHash>,
    kinds: Vec<Option<Kind>>,
    frontier: Frontier,
    held: Held,
    stored: Stored,
    problems: Vec<Problem>,
    last_recorded: crate::fact::Instant,
}

impl<'a> Pass<'a> {
    /// A pass over `ledger`.
    pub fn new(ledger: &'a Ledger) -> Result<Pass<'a>, LedgerError> {
        let (paths, disk) = (Paths(&ledger.dir), ledger.disk());
        let beside_writer = ledger.writer.is_none() && disk.is_locked(&paths.lock());
        let mut problems = Vec::new();
        let (held, failed) = Held::read(disk, &ledger.dir, &ledger.config);
        if let Some((name, error)) = failed {
            problems.push(Problem { seq: 0, place: Some((name, 0)), what: error.to_string() });
        }
        let stored = Stored::read(disk, &paths.tree())?;
        // INVARIANT (checkpoint, leaves, keys, journal): read in this order, what is read later holds all that the
        // earlier needs: every slot that an entry below the bound was sealed under is in the keyring.
        let bound = beside_writer.then_some(stored.leaves.len() as u64);
        ledger.refresh_keyring()?;
        Ok(Pass {
            ledger,
            bound,
            heads: Heads::default(),
            hashes: Vec::new(),
            kinds: Vec::new(),
            frontier: Frontier::default(),
            held,
            stored,
            problems,
            last_recorded: crate::fact::Instant(0),
        })
    }

    /// Passes over the journal, handing every entry that opens to `visit`. Entries are opened on other threads while
    /// those before them are checked on this one.
    pub fn run(mut self, content: Content, mut visit: impl FnMut(&Entry)) -> Result<Report, LedgerError> {
        let dir = Paths(&self.ledger.dir).journal();
        let keyring = self.ledger.keyring.read().expect("no holder panics");
        let keyring: &Keyring = &keyring;
        let (sender, receiver) = std::sync::mpsc::sync_channel(AHEAD);
        let end = std::thread::scope(|scope| {
            let (disk, journal) = (self.ledger.disk(), &dir);
            let reader = scope.spawn(move || {
                journal::scan(disk, journal, None, |group, segment| {
                    // Whoever checks has gone only if it panicked.
                    let _ = sender.send(open_group(group, segment, keyring, content));
                    Ok::<(), LedgerError>(())
                })
            });
            for opened in receiver.into_iter().flatten() {
                if self.bound.is_some_and(|bound| self.frontier.size().0 >= bound) {
                    continue;
                }
                self.take(opened, keyring, &mut visit);
            }
            reader.join().expect("reading does not panic")
        })?;
        self.meet(end, keyring, content, &mut visit)?;
        Ok(self.finish())
    }

    /// Damage: of something acknowledged it is a problem; else it is a group that is being written, or was never finished.
    fn meet(
        &mut self,
        end: journal::End,
        keyring: &Keyring,
        content: Content,
        visit: &mut impl FnMut(&Entry),
    ) -> Result<(), LedgerError> {
        let (disk, dir) = (self.ledger.disk(), Paths(&self.ledger.dir).journal());
        let acknowledged = self.stored.covered().max(self.held.size().0);
        let extent = Extent { acknowledged, bound: self.bound };
        let Some(damage) = extent.damage(disk, &dir, &end)? else { return Ok(()) };
        let end = end.location;
        let location = Location { segment: end.segment, offset: damage.offset as u32 };
        if damage.offset < end.offset as usize {
            // The segment's own header: nothing behind it is believed.
            self.note(damage.seq, Some(location), damage.what);
            return self.show_behind(keyring, content, visit);
        }
        // The entries of the damaged group that stand before the damage are whole.
        let intact = journal::intact(disk, &dir, end, self.frontier.size().0, |group| {
            open_group(group, end.segment, keyring, content)
        })?;
        for opened in intact {
            self.take(opened, keyring, visit);
        }
        self.note(damage.seq.max(self.frontier.size().0), Some(location), damage.what);
        self.show_behind(keyring, content, visit)
    }

    /// Hands out what is intact behind damage. A problem was noted, so nothing of it is judged.
    fn show_behind(
        &mut self,
        keyring: &Keyring,
        content: Content,
        visit: &mut impl FnMut(&Entry),
    ) -> Result<(), LedgerError> {
        let (journal, next) = (Paths(&self.ledger.dir).journal(), self.frontier.size().0);
        journal::each_intact(self.ledger.disk(), &journal, seq_of, |raw, _| {
            if raw.seq >= next
                && let Some(entry) = open_intact(raw, &self.stored.leaves, keyring, content)
            {
                visit(&entry);
            }
            Ok::<(), LedgerError>(())
        })?;
        Ok(())
    }

    fn take(&mut self, opened: Opened, keyring: &Keyring, visit: &mut impl FnMut(&Entry)) {
        let Opened { entry, leaf, location } = opened;
        let wrong_level = self.grow(leaf);
        match entry {
            Ok(entry) => {
                self.check(&entry, leaf, location, keyring);
                if let Some(level) = wrong_level {
                    self.note_level(level, entry.header.seq);
                }
                visit(&entry);
            }
            Err(bad) => {
                self.note(bad.seq, Some(location), bad.what);
                self.hashes.push(EntryHash([0; 32]));
                self.kinds.push(None);
            }
        }
    }

    /// Appends a leaf; returns the level whose file holds another hash for a subtree that it completes.
    fn grow(&mut self, leaf: NodeHash) -> Option<usize> {
        let (stored, end, mut wrong) = (&self.stored, self.frontier.size().0 + 1, None);
        self.frontier.append_noting(leaf, |height, root| {
            let level = level_of(height).filter(|&level| stored.node(level, end).is_some_and(|held| *held != root));
            wrong = wrong.or(level);
        });
        wrong
    }

    /// Told where every entry below is the one in the tree, or it would only say the same again.
    fn note_level(&mut self, level: usize, last: u64) {
        let (first, len) = ((last + 1) - (1 << (8 * level)), 1u64 << (8 * level));
        if self.problems.iter().any(|problem| (first..=last).contains(&problem.seq)) {
            return;
        }
        let place = Some((format!("tree/level-{level}"), first / len * 32));
        let what = format!("the hash over entries {first} to {last} is not that of the journal");
        self.problems.push(Problem { seq: first, place, what });
    }

    fn note(&mut self, seq: u64, location: Option<Location>, what: impl Into<String>) {
        let place = location.map(|at| (format!("journal/{:08}.seg", at.segment.0), u64::from(at.offset)));
        self.problems.push(Problem { seq, place, what: what.into() });
    }

    fn check(&mut self, entry: &Entry, leaf: NodeHash, location: Location, keyring: &Keyring) {
        let header = &entry.header;
        self.held.note(&self.frontier);
        let stored = self.stored.leaves.get(header.seq as usize);
        if stored.is_some_and(|stored| *stored != leaf) {
            self.note(header.seq, Some(location), "its hash is not the one in the tree");
        } else if let Err(bad) = self.heads.check(header) {
            self.note(header.seq, Some(location), bad.what);
        } else if header.recorded_at < self.last_recorded {
            self.note(header.seq, Some(location), "it was recorded before the entry before it");
        } else if let Some(what) = self.wrong_link(header.kind, &header.links) {
            self.note(header.seq, Some(location), what);
        } else if entry.record.is_none() {
            self.destroyed(header.streams[0].stream, header.seq);
        }
        self.last_recorded = header.recorded_at;
        self.heads.take(entry);
        self.hashes.push(entry.hash);
        self.kinds.push(Some(header.kind));
        let erased = entry
            .record
            .as_ref()
            .is_some_and(|record| record.body == crate::fact::Body::SubjectErased(crate::fact::Scope::All));
        if erased {
            self.heads.end(header.streams[0].stream);
            if keyring.slot_of_stream(header.streams[0].stream).is_some() {
                self.note(header.seq, Some(location), "it erased everything, but the keys are still there");
            }
        }
    }

    fn wrong_link(&self, kind: Kind, links: &[Link]) -> Option<String> {
        let is_decision = |seq: u64| self.kinds.get(seq as usize) == Some(&Some(Kind::DecisionMade));
        links.iter().find_map(|link| match link {
            Link::Resolved { seq, hash } if self.hashes.get(*seq as usize) != Some(hash) => {
                Some(format!("it cites entry {seq} by a hash that is not its own"))
            }
            Link::Resolved { seq, .. } if kind == Kind::VerdictAttested && !is_decision(*seq) => {
                Some(format!("it attests a verdict on entry {seq}, which is no decision"))
            }
            _ => None,
        })
    }

    fn destroyed(&mut self, stream: crate::codec::StreamId, seq: u64) {
        self.heads.expect_end(stream, seq);
    }

    fn finish(mut self) -> Report {
        let size = self.frontier.size();
        // Where an entry is bad, what follows from that is not told again.
        if self.problems.is_empty() {
            for (seq, stream) in self.heads.unended() {
                self.note(seq, None, format!("its keys are gone, but no erasure ended its stream {stream:?}"));
            }
        }
        if self.problems.is_empty() && self.stored.covered() > size.0 {
            let what = format!(
                "the journal holds {} entries, `tree/leaves` or a file beside it covers {}",
                size.0,
                self.stored.covered()
            );
            self.note(size.0, None, what);
        }
        if self.problems.is_empty()
            && let Err((name, what)) = self.held.verdict(size)
        {
            self.problems.push(Problem { seq: size.0, place: Some((name, 0)), what });
        }
        self.problems.sort_by_key(|problem| problem.seq);
        Report { size, root: self.frontier.root(), problems: self.problems }
    }
}

/// What a pass over everything found.
#[derive(Debug, Clone)]
pub struct Report {
    /// How many entries.
    pub size: TreeSize,
    /// The root over them.
    pub root: NodeHash,
    /// What is wrong, ascending in seq; empty if nothing is.
    pub problems: Vec<Problem>,
}

impl Ledger {
    /// A pass whose entries are gathered in what `start` makes. Beside a writer an erasure may be carried out between
    /// the reading of keys and of entries, so a problem is looked at again before it is believed.
    pub(super) fn pass<T>(
        &self,
        content: Content,
        start: impl Fn() -> T,
        take: impl Fn(&mut T, &Entry),
    ) -> Result<(T, Report), LedgerError> {
        const TRIES: usize = 3;
        let mut tries = 0;
        loop {
            let pass = Pass::new(self)?;
            let alone = pass.bound.is_none();
            let mut gathered = start();
            let passed = pass.run(content, |entry| take(&mut gathered, entry))?;
            tries += 1;
            if passed.problems.is_empty() || alone || tries == TRIES {
                return Ok((gathered, passed));
            }
        }
    }

    /// Reads and checks everything.
    pub fn load(&self) -> Result<Loaded, LedgerError> {
        let start = || (World::default(), Attestations::default());
        let take = |(world, attested): &mut (World, Attestations), entry: &Entry| {
            world.add(entry);
            attested.take(entry);
        };
        let ((mut world, attested), passed) = self.pass(Content::Leave, start, take)?;
        world.finish();
        let Report { size, root, problems } = passed;
        Ok(Loaded { world, attested, size, root, bad: problems.into_iter().next() })
    }

    /// As [`Ledger::load`], as the ledger stood when it held the first `size` entries: everything is checked, only those are
    /// taken. What was erased since is gone from then as well.
    pub fn load_as_of(&self, size: TreeSize) -> Result<Loaded, LedgerError> {
        let start = || (World::default(), Attestations::default(), Frontier::default());
        let take = |(world, attested, frontier): &mut (World, Attestations, Frontier), entry: &Entry| {
            if entry.header.seq < size.0 {
                world.add(entry);
                attested.take(entry);
                frontier.append(tree::leaf(&entry.hash));
            }
        };
        let ((mut world, attested, frontier), passed) = self.pass(Content::Leave, start, take)?;
        if size > passed.size {
            let expected = format!("a size of at most {}", passed.size.0);
            return Err(LedgerError::BeyondTree { asked: size.0, expected });
        }
        world.finish();
        let bad = passed.problems.into_iter().next();
        Ok(Loaded { world, attested, size, root: frontier.root(), bad })
    }

    /// How many entries were recorded at or before `at`.
    pub fn size_at(&self, at: crate::fact::Instant) -> Result<TreeSize, LedgerError> {
        if self.reader.is_some() {
            return self.look()?.size_at(at, self.standing()?.0);
        }
        let extent = Extent::of(self)?;
        self.refresh_keyring()?;
        let keyring = self.keyring.read().expect("no holder panics");
        let mut size = 0;
        each_entry(self.disk(), &Paths(&self.dir).journal(), extent, &keyring, Content::Leave, |entry, _, _| {
            if entry.header.recorded_at <= at {
                size = entry.header.seq + 1;
            }
            Ok(())
        })?;
        Ok(TreeSize(size))
    }

    /// One entry where there is no index.
    pub(super) fn find_by_scan(&self, seq: u64) -> Result<Option<Entry>, LedgerError> {
        self.refresh_keyring()?;
        let keyring = self.keyring.read().expect("no holder panics");
        let (mut found, journal) = (None, Paths(&self.dir).journal());
        let end = journal::scan(self.disk(), &journal, None, |group, _| {
            if let Some(raw) = group.entries.iter().find(|raw| raw.seq == seq) {
                found = Some(read::open(raw, &keyring, Content::Read)?);
            }
            Ok::<(), LedgerError>(())
        })?;
        if found.is_none() && end.damage.is_some() {
            let leaves = Stored::read(self.disk(), &Paths(&self.dir).tree())?.leaves;
            journal::each_intact(self.disk(), &journal, seq_of, |raw, _| {
                if raw.seq == seq {
                    found = open_intact(raw, &leaves, &keyring, Content::Read);
                }
                Ok::<(), LedgerError>(())
            })?;
        }
        Ok(found)
    }

    /// Passes over every entry, text of chats included.
    pub fn each_entry(&self, mut visit: impl FnMut(&Entry)) -> Result<(), LedgerError> {
        let extent = Extent::of(self)?;
        self.refresh_keyring()?;
        let keyring = self.keyring.read().expect("no holder panics");
        each_entry(self.disk(), &Paths(&self.dir).journal(), extent, &keyring, Content::Read, |entry, _, _| {
            visit(&entry);
            Ok(())
        })
    }
}
