//! Reading: passes over every entry, and worlds to judge by.

use super::aside::{ASIDE, Aside};
use super::catalog::group_start;
use super::held::Held;
use super::leaves::Leaves;
use super::pass::{Pass, Problem, Report, Visit, Wanted, open_intact};
use super::read::{self, Content, seq_of};
use super::stored::Levels;
use super::tree;
use super::{Ledger, LedgerError, Paths};
use crate::attested::Attestations;
use crate::codec::Header;
use crate::disk::Disk;
use crate::entry::Entry;
use crate::index::GroupStart;
use crate::journal::{self, Damage, JournalError, Location, RawEntry, SegmentId};
use crate::keyring::Keyring;
use crate::merkle::{Frontier, NodeHash, TreeSize};
use crate::timeline::{Room, World};
use std::ops::Range;
use std::path::Path;

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
    /// `acknowledged` entries there must be; beside a writer nothing is looked at from `bound` on.
    pub fn new(acknowledged: u64, bound: Option<u64>) -> Extent {
        Extent { acknowledged, bound }
    }

    /// So many entries there must be.
    pub fn acknowledged(self) -> u64 {
        self.acknowledged
    }

    /// All of it: where a writer has cut what was torn.
    pub const WHOLE: Extent = Extent { acknowledged: u64::MAX, bound: None };

    /// As far as `ledger` was acknowledged. Read before the keys, which then are those of every entry within.
    pub fn of(ledger: &Ledger) -> Result<Extent, LedgerError> {
        let (paths, disk) = (Paths(&ledger.dir), ledger.disk());
        let beside_writer = ledger.writer.is_none() && disk.is_locked(&paths.lock());
        let (held, _) = Held::read(disk, &ledger.dir, &ledger.config);
        let levels = Levels::read(disk, &paths.tree())?;
        let leaves = Leaves::open(disk, &paths.tree())?.len();
        let acknowledged = levels.covered().max(leaves).max(held.size().0);
        Ok(Extent { acknowledged, bound: beside_writer.then_some(leaves) })
    }

    /// The damage that a pass ended at, if it is of something acknowledged, or something stands behind it; else it is a
    /// group that is being written, or was never finished.
    pub fn damage(self, disk: &dyn Disk, journal: &Path, end: &journal::End) -> Result<Option<Damage>, LedgerError> {
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
    each_group(disk, dir, extent, |entries, start, segment| {
        let mut opened = entries.iter().zip(read::open_all(entries, keyring, content));
        opened.try_for_each(|(raw, entry)| visit(entry?, Location { segment, offset: raw.offset as u32 }, start))
    })
}

/// Passes over the entries of every intact group that are within `extent`; what is not intact there ends the pass.
fn each_group(
    disk: &dyn Disk,
    dir: &Path,
    extent: Extent,
    mut visit: impl FnMut(&[RawEntry], GroupStart, SegmentId) -> Result<(), LedgerError>,
) -> Result<(), LedgerError> {
    let is_within = |raw: &RawEntry| extent.bound.is_none_or(|bound| raw.seq < bound);
    let end = journal::scan(disk, dir, None, |group, segment| {
        let within = group.entries.partition_point(is_within);
        visit(&group.entries[..within], group_start(group, segment), segment)
    })?;
    match extent.damage(disk, dir, &end)? {
        Some(damage) => {
            let path = journal::segment_path(dir, end.location.segment);
            Err(JournalError::Corrupt { path, offset: damage.offset as u64, seq: damage.seq, what: damage.what }.into())
        }
        None => Ok(()),
    }
}

/// Of every entry all but the text of chats.
pub const WHOLE: Wanted<Entry> = Wanted { content: Content::Leave, keep: |open, _| open.entry() };

impl Ledger {
    /// A pass whose entries are gathered in what `start` makes. Beside a writer an erasure may be carried out between
    /// the reading of keys and of entries, so a problem is looked at again before it is believed.
    pub(super) fn pass<T, K: Send>(
        &self,
        wanted: &Wanted<K>,
        start: impl Fn(&Pass) -> T,
        take: impl Fn(&mut T, Visit<K>) -> Result<(), LedgerError>,
    ) -> Result<(T, Report), LedgerError> {
        const TRIES: usize = 3;
        let mut tries = 0;
        loop {
            let pass = Pass::new(self)?;
            let alone = pass.is_alone();
            let mut gathered = start(&pass);
            let passed = pass.run(wanted, |visit| take(&mut gathered, visit))?;
            tries += 1;
            if passed.problems.is_empty() || alone || tries == TRIES {
                return Ok((gathered, passed));
            }
        }
    }

    /// Reads and checks everything.
    pub fn load(&self) -> Result<Loaded, LedgerError> {
        self.load_up_to(None)
    }

    /// As [`Ledger::load`], as the ledger stood when it held the first `size` entries: everything is checked, only those are
    /// taken. What was erased since is gone from then as well.
    pub fn load_as_of(&self, size: TreeSize) -> Result<Loaded, LedgerError> {
        self.load_up_to(Some(size))
    }

    fn load_up_to(&self, size: Option<TreeSize>) -> Result<Loaded, LedgerError> {
        let start = |pass: &Pass| {
            let entries = size.map_or(pass.acknowledged(), |size| size.0.min(pass.acknowledged()));
            // What files claim is believed up to some sixteen million: lists that are longer grow.
            let room = Room::of(entries.min(1 << 24) as usize);
            (World::with_room(&room), Attestations::default(), Frontier::default())
        };
        let take = |(world, attested, frontier): &mut (World, Attestations, Frontier), visit: Visit<Range<usize>>| {
            let seq = visit.header.seq;
            if size.is_none_or(|size| seq < size.0) {
                Aside::read(seq, &visit.room[visit.kept.clone()]).add_to(world, attested);
                if size.is_some() {
                    frontier.append(tree::leaf(&visit.hash));
                }
            }
            Ok(())
        };
        let ((mut world, attested, frontier), passed) = self.pass(&ASIDE, start, take)?;
        if let Some(size) = size.filter(|&size| size > passed.size) {
            let expected = format!("a size of at most {}", passed.size.0);
            return Err(LedgerError::BeyondTree { asked: size.0, expected });
        }
        world.finish();
        let (size, root) = size.map_or((passed.size, passed.root), |size| (size, frontier.root()));
        Ok(Loaded { world, attested, size, root, bad: passed.problems.into_iter().next() })
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
            let leaf = Leaves::open(self.disk(), &Paths(&self.dir).tree())?.stored(seq)?;
            journal::each_intact(self.disk(), &journal, seq_of, |raw, _| {
                if raw.seq == seq {
                    found = open_intact(raw, leaf, &keyring, Content::Read);
                }
                Ok::<(), LedgerError>(())
            })?;
        }
        Ok(found)
    }

    /// Passes over every entry, text of chats included.
    pub fn each_entry(&self, mut visit: impl FnMut(&Entry)) -> Result<(), LedgerError> {
        self.each_group(|entries, keyring| {
            for entry in read::open_all(entries, keyring, Content::Read) {
                visit(&entry?);
            }
            Ok(())
        })
    }

    /// The same of those entries alone whose header is wanted. The others are not opened, and so not checked: that is for a
    /// pass before.
    pub fn each_wanted(
        &self,
        wanted: impl Fn(&Header) -> bool,
        mut visit: impl FnMut(Entry),
    ) -> Result<(), LedgerError> {
        self.each_group(|entries, keyring| {
            let mut found = Vec::new();
            for raw in entries {
                found.extend(wanted(&read::header(raw)?).then_some(*raw));
            }
            for entry in read::open_all(&found, keyring, Content::Read) {
                visit(entry?);
            }
            Ok(())
        })
    }

    fn each_group(
        &self,
        mut visit: impl FnMut(&[RawEntry], &Keyring) -> Result<(), LedgerError>,
    ) -> Result<(), LedgerError> {
        let extent = Extent::of(self)?;
        self.refresh_keyring()?;
        let keyring = self.keyring.read().expect("no holder panics");
        each_group(self.disk(), &Paths(&self.dir).journal(), extent, |entries, _, _| visit(entries, &keyring))
    }
}
