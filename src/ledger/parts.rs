//! A ledger as worlds that each fit into memory: whatever one decision can be judged by stands in one of them.
//!
//! One pass checks everything. Each entry is put aside, sealed, in the form in which a world takes it, on one of many piles
//! by its account's group: accounts that were ever in one center, whose facts cite each other, or who took part in one
//! conversation. Policies go into every part. INVARIANT (apart): no fact of one group is ever asked for by the judge of
//! another's decision, so a part gives the verdicts that the whole gives. Held are four bytes an entry, and what an account
//! needs; a single group larger than the memory is still one part.

use super::aside::{self, Aside, cited};
use super::groups::{AccountNo, Groups};
use super::pass::{Pass, Problem, Report, Visit, Wanted};
use super::read::{BadEntry, Content, Open};
use super::streams::StreamNo;
use super::{Ledger, LedgerError};
use crate::attested::Attestations;
use crate::codec::Header;
use crate::fact::{Body, Kind, Source};
use crate::merkle::{Frontier, TreeSize};
use crate::spill::{Merged, Pile, Run, Spill};
use crate::timeline::{Room, World};
use foldhash::HashMap;
use rayon::prelude::*;
use std::hash::BuildHasher;
use std::io;
use std::ops::Range;
use std::sync::Mutex;

/// Bytes that an entry takes while it is judged, lists that grow included.
pub const BYTES_PER_ENTRY: u64 = 320;
/// Entries on a pile, more or less.
const PILE: u64 = 64 << 10;
/// Piles at most: each gathers 64 KiB.
const PILES: u64 = 512;
/// Piles of conversations.
const TALKS: u64 = 64;
/// An entry of nobody.
const NOBODY: u32 = u32::MAX;

/// An entry, ready to be put aside.
struct Kept {
    /// Where it stands in the room of its run.
    place: Range<usize>,
    center: Option<u64>,
    /// Conversations that it is a turn of, or cites as a whole.
    talks: Vec<u64>,
}

fn keep(open: &Open, room: &mut Vec<u8>) -> Result<Kept, BadEntry> {
    let key = |text: &str| foldhash::quality::FixedState::default().hash_one(text);
    let (mut center, mut talks) = (None, Vec::new());
    match open.said()?.map(|record| record.body) {
        Some(Body::AccountLinked { center: id } | Body::AccountUnlinked { center: id }) => center = Some(key(id)),
        Some(Body::InteractionRecorded(body)) => talks.push(key(body.conversation)),
        Some(Body::SignalDerived(body)) => talks.extend(body.sources.iter().filter_map(|source| match source {
            Source::Conversation(id) => Some(key(id)),
            Source::Fact(_) => None,
        })),
        _ => {}
    }
    Ok(Kept { place: aside::put(open, room), center, talks })
}

/// Entries on their way to piles.
struct Sorting {
    spill: Spill,
    piles: Vec<Pile>,
    groups: Groups,
    /// By the numbers of their streams.
    accounts: Vec<Option<AccountNo>>,
    centers: HashMap<u64, AccountNo>,
    /// Pairs of a conversation and an account, on piles by conversation.
    talks: Vec<Pile>,
    /// The account of each entry, by seq.
    owners: Vec<u32>,
    policies: Vec<(u64, Vec<u8>)>,
    /// How much a world of everything would hold.
    room: Room,
    frontier: Frontier,
    size: Option<TreeSize>,
}

impl Sorting {
    fn new(ledger: &Ledger, expected: u64, size: Option<TreeSize>) -> Sorting {
        let spill = Spill::new(ledger.disk());
        let piles = (expected / PILE).clamp(8, PILES);
        let empty = |count: u64| (0..count).map(|_| Pile::default()).collect();
        Sorting {
            spill,
            piles: empty(piles),
            groups: Groups::new(piles as u16),
            accounts: Vec::new(),
            centers: HashMap::default(),
            talks: empty(TALKS),
            // What files claim is believed up to a gibibyte.
            owners: Vec::with_capacity(expected.min(1 << 28) as usize),
            policies: Vec::new(),
            room: Room::default(),
            frontier: Frontier::default(),
            size,
        }
    }

    fn take(&mut self, visit: Visit<Kept>) -> Result<(), LedgerError> {
        let Visit { header, hash, stream, kept, room } = visit;
        let bytes = &room[kept.place.clone()];
        if self.size.is_some_and(|size| header.seq >= size.0) {
            return Ok(());
        }
        if self.size.is_some() {
            self.frontier.append(super::tree::leaf(&hash));
        }
        self.room.count(header.kind);
        let owner = match header.kind {
            Kind::PolicyAdopted => {
                self.policies.push((header.seq, bytes.to_owned()));
                None
            }
            // A verdict on record goes where its decision is; nothing that cites it finds it in any world.
            Kind::VerdictAttested => {
                let decision = header.links.first().and_then(cited).and_then(|seq| self.owner(seq));
                let pile = usize::from(decision.map_or(0, |owner| self.groups.count(owner)));
                self.piles[pile].push(&self.spill, header.seq, bytes).map_err(scratch)?;
                None
            }
            _ => Some(self.put(header, stream, kept, bytes)?),
        };
        // Behind damage seqs are missing.
        self.owners.resize(header.seq as usize, NOBODY);
        self.owners.push(owner.map_or(NOBODY, |owner| owner.0));
        Ok(())
    }

    fn put(&mut self, header: &Header, stream: StreamNo, kept: &Kept, bytes: &[u8]) -> Result<AccountNo, LedgerError> {
        if self.accounts.len() <= stream.place() {
            self.accounts.resize(stream.place() + 1, None);
        }
        let owner = *self.accounts[stream.place()].get_or_insert_with(|| self.groups.add());
        if let Some(center) = kept.center {
            let other = *self.centers.entry(center).or_insert(owner);
            self.groups.join(other, owner);
        }
        for seq in header.links.iter().filter_map(cited) {
            if let Some(other) = self.owner(seq) {
                self.groups.join(other, owner);
            }
        }
        for &talk in &kept.talks {
            let pile = &mut self.talks[(talk % TALKS) as usize];
            pile.push(&self.spill, talk, &owner.0.to_le_bytes()).map_err(scratch)?;
        }
        let pile = usize::from(self.groups.count(owner));
        self.piles[pile].push(&self.spill, header.seq, bytes).map_err(scratch)?;
        Ok(owner)
    }

    fn owner(&self, seq: u64) -> Option<AccountNo> {
        self.owners.get(seq as usize).copied().filter(|&owner| owner != NOBODY).map(AccountNo)
    }

    /// Joins those who took part in one conversation.
    fn join_talks(&mut self) -> Result<(), LedgerError> {
        for pile in std::mem::take(&mut self.talks) {
            let mut first: HashMap<u64, u32> = HashMap::default();
            let join = |talk, owner: &[u8]| {
                let owner = u32::from_le_bytes(owner.try_into().expect("four bytes"));
                let other = *first.entry(talk).or_insert(owner);
                self.groups.join(AccountNo(other), AccountNo(owner));
                Ok(())
            };
            pile.each(&self.spill, join).map_err(scratch)?;
            self.room.conversations += first.len();
        }
        Ok(())
    }
}

/// A ledger in parts.
pub struct Parts {
    /// How many entries were taken.
    pub size: TreeSize,
    /// The root over them.
    pub root: crate::merkle::NodeHash,
    /// The first thing that is not what was recorded: with it no verdict is worth anything.
    pub bad: Option<Problem>,
    spill: Spill,
    piles: Vec<Pile>,
    /// What was brought to a pile from others.
    brought: Vec<Pile>,
    homes: Vec<u16>,
    owners: Vec<u32>,
    policies: Vec<(u64, Vec<u8>)>,
    room: Room,
    /// Piles of each part, and how many entries those are home to.
    parts: Vec<(Range<usize>, u64)>,
}

impl Ledger {
    /// How many entries there must be, by tree and checkpoints.
    pub fn expected(&self) -> Result<u64, LedgerError> {
        Ok(super::load::Extent::of(self)?.acknowledged())
    }

    /// Reads and checks everything, and hands it out in parts of about so many entries; with a size, the first that many
    /// entries.
    pub fn load_parts(&self, part_len: u64, size: Option<TreeSize>) -> Result<Parts, LedgerError> {
        let wanted = Wanted { content: Content::Leave, keep };
        let start = |pass: &Pass| Sorting::new(self, pass.acknowledged(), size);
        let (sorting, passed) = self.pass(&wanted, start, |sorting, visit| sorting.take(visit))?;
        if let Some(size) = size.filter(|&size| size > passed.size) {
            let expected = format!("a size of at most {}", passed.size.0);
            return Err(LedgerError::BeyondTree { asked: size.0, expected });
        }
        Parts::new(sorting, passed, part_len)
    }
}

impl Parts {
    fn new(mut sorting: Sorting, passed: Report, part_len: u64) -> Result<Parts, LedgerError> {
        sorting.join_talks()?;
        let Sorting { spill, piles, groups, owners, policies, mut room, frontier, size, .. } = sorting;
        let (homes, totals, strayed) = groups.settle();
        room.accounts = homes.len();
        let (size, root) = size.map_or((passed.size, passed.root), |size| (size, frontier.root()));
        let bad = passed.problems.into_iter().next();
        let brought = piles.iter().map(|_| Pile::default()).collect();
        let mut parts =
            Parts { size, root, bad, spill, piles, brought, homes, owners, policies, room, parts: Vec::new() };
        parts.bring(&strayed).map_err(scratch)?;
        parts.parts = even(&totals, part_len, rayon::current_num_threads());
        Ok(parts)
    }

    /// Brings what stands on another pile than its group's home to where it belongs.
    fn bring(&mut self, strayed: &[bool]) -> io::Result<()> {
        let brought: Vec<Mutex<Pile>> = std::mem::take(&mut self.brought).into_iter().map(Mutex::new).collect();
        let strayed: Vec<usize> = (0..self.piles.len()).filter(|&pile| strayed[pile]).collect();
        strayed.into_par_iter().try_for_each(|pile| {
            self.piles[pile].each(&self.spill, |seq, record| match self.home(seq, record) {
                Some(home) if home != pile => {
                    brought[home].lock().expect("no holder panics").push(&self.spill, seq, record)
                }
                _ => Ok(()),
            })
        })?;
        self.brought = brought.into_iter().map(|pile| pile.into_inner().expect("no holder panics")).collect();
        Ok(())
    }

    /// The pile that is home to an entry; a verdict on record has its decision's.
    fn home(&self, seq: u64, record: &[u8]) -> Option<usize> {
        let owner = match *self.owners.get(seq as usize)? {
            NOBODY => *self.owners.get(Aside::read(seq, record).first_cited()? as usize)?,
            owner => owner,
        };
        self.homes.get(owner as usize).map(|&home| usize::from(home))
    }

    /// Where verdicts can be put aside until those of all parts are there.
    pub fn spill(&self) -> &Spill {
        &self.spill
    }

    /// What was put aside of each part, as one, ascending in keys.
    pub fn merged<'a>(&'a self, piles: impl Iterator<Item = &'a Pile>) -> Result<Merged<'a>, LedgerError> {
        Merged::new(piles.map(|pile| Run::of(pile, &self.spill)).collect()).map_err(scratch)
    }

    /// A world of the policies alone: what is counted of them is counted once, though every part has them.
    pub fn policies(&self) -> World {
        let (mut world, mut attested) = (World::default(), Attestations::default());
        self.policies.iter().for_each(|(seq, policy)| Aside::read(*seq, policy).add_to(&mut world, &mut attested));
        world.finish();
        world
    }

    /// What is made of each part, a part a thread: of everything that its decisions are judged by, and the verdicts on record
    /// about them.
    pub fn each<T: Send, E: From<LedgerError> + Send>(
        &self,
        make: impl Fn(World, Attestations) -> Result<T, E> + Sync,
    ) -> Result<Vec<T>, E> {
        let built = self.parts.par_iter().with_max_len(1).map(|part| self.build(part));
        built.map(|built| built.map_err(E::from).and_then(|(world, attested)| make(world, attested))).collect()
    }

    fn build(&self, (piles, len): &(Range<usize>, u64)) -> Result<(World, Attestations), LedgerError> {
        let spill = &self.spill;
        let mut runs: Vec<Run> = piles.clone().map(|pile| Run::of(&self.piles[pile], spill)).collect();
        for pile in piles.clone() {
            runs.push(Run::held(self.brought[pile].sorted(spill).map_err(scratch)?));
        }
        let mut merged = Merged::new(runs).map_err(scratch)?;
        let room = self.room.share(*len as usize);
        let (mut world, mut attested) = (World::with_room(&room), Attestations::default());
        let mut policies = self.policies.iter().peekable();
        while let Some((run, seq, record)) = merged.take().map_err(scratch)? {
            // What stands on a pile and has its home elsewhere was brought there.
            if piles.clone().nth(run).is_some_and(|pile| self.home(seq, record).is_some_and(|home| home != pile)) {
                continue;
            }
            while let Some((seq, policy)) = policies.next_if(|(policy, _)| *policy < seq) {
                Aside::read(*seq, policy).add_to(&mut world, &mut attested);
            }
            Aside::read(seq, record).add_to(&mut world, &mut attested);
        }
        policies.for_each(|(seq, policy)| Aside::read(*seq, policy).add_to(&mut world, &mut attested));
        world.finish();
        Ok((world, attested))
    }
}

/// Piles of about `part_len` entries or fewer, in parts that are as long as each other and as many for each thread: else the
/// last one is judged while the others have nothing to do. Of each part also how many entries it has.
fn even(piles: &[u64], part_len: u64, threads: usize) -> Vec<(Range<usize>, u64)> {
    let all: u64 = piles.iter().sum();
    let count = all.div_ceil(part_len.max(1)).max(1).next_multiple_of(threads as u64);
    let (mut parts, mut start, mut len, mut before) = (Vec::new(), 0, 0, 0);
    for (pile, total) in piles.iter().enumerate() {
        // The middle of the pile lies behind where this part is to end.
        let is_behind = (before + total / 2) * count > all * (parts.len() as u64 + 1);
        if pile > start && (is_behind || len + total > part_len) {
            parts.push((start..pile, len));
            (start, len) = (pile, 0);
        }
        len += total;
        before += total;
    }
    parts.push((start..piles.len(), len));
    parts
}

/// What was put aside could not be written or read back.
pub fn scratch(error: io::Error) -> LedgerError {
    LedgerError::Scratch(std::env::temp_dir(), error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_hold_every_pile_once_and_are_as_long_as_each_other() {
        let piles: Vec<u64> = (0..46).map(|pile| 65_000 + pile * 37 % 1000).collect();
        for (part_len, threads, count) in
            [(629_000, 2, 6), (300_000, 2, 12), (10_000_000, 2, 2), (1, 2, 46), (3_100_000, 1, 1)]
        {
            let parts = even(&piles, part_len, threads);
            assert_eq!(parts.len(), count, "{part_len}");
            assert!(parts.iter().flat_map(|(piles, _)| piles.clone()).eq(0..46));
            let most = parts.iter().map(|(_, len)| len).max().expect("there are some");
            let least = parts.iter().map(|(_, len)| len).min().expect("there are some");
            assert!(most - least < 2 * 66_000 && (*most <= part_len || part_len == 1), "{part_len}: {least} to {most}");
        }
        assert_eq!(even(&[0; 8], 100, 2), [(0..8, 0)]);
    }
}
