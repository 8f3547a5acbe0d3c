//! A pass over the journal that checks every entry: chains, links, leaves, levels, root, checkpoints.
//!
//! Entries are opened on every core, a run at a time, while those before them are checked, in order, on the thread that
//! called (`ledger/line.rs`). What is held grows with streams, not with entries: leaves and links are compared with the
//! tree's files by place. Deliberately absent: what entries are for. Whoever calls says what is to be kept of each.

use super::heads::Heads;
use super::held::Held;
use super::leaves::Leaves;
use super::line::Line;
use super::load::Extent;
use super::read::{self, BadEntry, Content, Open, Unsealed, seq_of};
use super::stored::{Levels, level_of};
use super::streams::StreamNo;
use super::tree;
use super::{Ledger, LedgerError, Paths};
use crate::codec::{EntryHash, Header, Link, StreamId};
use crate::entry::Entry;
use crate::fact::{Body, Instant, Kind, Scope};
use crate::journal::{self, JournalError, Location, RawEntry, SegmentId};
use crate::keyring::{Keyring, Slot};
use crate::merkle::{Frontier, NodeHash, TreeSize};
use std::sync::Mutex;

/// Entries opened in one go: few enough that they are still in the processor's cache when they are checked.
const RUN: usize = 128;
/// Bytes of a run that gets no more entries: runs wait in line, and a text may be long.
const FULL: usize = 128 << 10;

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

/// What a pass hands out of each entry.
pub struct Wanted<K> {
    /// Whether the text of chats is opened and checked as well.
    pub content: Content,
    /// What is made of it on the thread that opened it. It reads out what the entry says, or nobody checks that. Bytes can
    /// be left in a list that the entries of a run share.
    pub keep: fn(&Open, &mut Vec<u8>) -> Result<K, BadEntry>,
}

/// An entry that passed, as it is handed out.
pub struct Visit<'a, K> {
    pub header: &'a Header,
    /// The hash of the header as stored.
    pub hash: EntryHash,
    /// The number of its first stream.
    pub stream: StreamNo,
    /// What was made of it: it stays where it is, and is let go by the thread that made it.
    pub kept: &'a K,
    /// The bytes that the entries of its run left.
    pub room: &'a [u8],
}

/// Entries that stand one after another, as they were read.
#[derive(Default)]
struct Piece {
    segment: SegmentId,
    /// What is stored of them, without what nobody asks for.
    bytes: Vec<u8>,
    /// Seq, offset in the segment, and the lengths of header, body and content.
    places: Vec<(u64, u32, [u32; 3])>,
}

impl Piece {
    /// Takes these entries in place of those that it held.
    fn fill(&mut self, run: &[RawEntry], segment: SegmentId, content: Content) {
        self.segment = segment;
        self.bytes.clear();
        self.places.clear();
        for raw in run {
            let content = if content == Content::Read { raw.content } else { &[] };
            let parts = [raw.header, raw.body, content];
            parts.iter().for_each(|part| self.bytes.extend_from_slice(part));
            self.places.push((raw.seq, raw.offset as u32, parts.map(|part| part.len() as u32)));
        }
    }

    fn entries(&self) -> Vec<RawEntry<'_>> {
        let mut rest = self.bytes.as_slice();
        let entry = |&(seq, offset, lens): &(u64, u32, [u32; 3])| {
            let [header, body, content] = lens.map(|len| {
                let part;
                (part, rest) = rest.split_at(len as usize);
                part
            });
            RawEntry { seq, offset: offset as usize, header, body, content }
        };
        self.places.iter().map(entry).collect()
    }
}

/// Entries that stand one after another and were opened, or are bad. Its memory is used again.
struct Run<K> {
    segment: SegmentId,
    headers: Vec<Result<Header, BadEntry>>,
    /// The offset of each, and what else is checked of it.
    opened: Vec<(u32, Result<Sound<K>, BadEntry>)>,
    room: Vec<u8>,
    streams: Vec<Option<StreamId>>,
    slots: Vec<Option<Slot>>,
}

impl<K> Default for Run<K> {
    fn default() -> Run<K> {
        let (headers, opened, room, streams, slots) = (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Run { segment: SegmentId(0), headers, opened, room, streams, slots }
    }
}

/// An entry that says what it committed to, and its leaf in the tree.
struct Sound<K> {
    hash: EntryHash,
    leaf: NodeHash,
    /// Whether its body could be read, and whether it erased everything.
    says: Says,
    /// Where the keys of its first stream stand, while there are any.
    slot: Option<Slot>,
    kept: K,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Says {
    Nothing,
    ErasedAll,
    Else,
}

impl<K> Run<K> {
    /// These entries in place of those that it held, unsealed in memory that is used again.
    fn open(
        &mut self,
        run: &[RawEntry],
        segment: SegmentId,
        keyring: &Keyring,
        wanted: &Wanted<K>,
        unsealed: &mut Unsealed,
    ) {
        let Run { headers, opened, room, streams, slots, .. } = self;
        self.segment = segment;
        headers.clear();
        headers.extend(run.iter().map(read::header));
        streams.clear();
        streams.extend(headers.iter().map(|header| Some(header.as_ref().ok()?.streams[0].stream)));
        keyring.slots_of_streams(streams, slots);
        unsealed.fill(run, headers, (keyring, slots), wanted.content);
        opened.clear();
        room.clear();
        let each = run.iter().zip(&*headers).zip(&*slots).enumerate();
        opened.extend(each.map(|(place, ((raw, header), slot))| {
            let open = header.as_ref().map_err(BadEntry::clone).and_then(|header| unsealed.open(place, header));
            (raw.offset as u32, open.and_then(|open| sound(&open, *slot, wanted, room)))
        }));
    }
}

/// How many of these entries are a run.
fn run_len(entries: &[RawEntry]) -> usize {
    let mut bytes = 0;
    let fills = |raw: &RawEntry| {
        bytes += raw.body.len() + raw.content.len();
        bytes >= FULL
    };
    entries.iter().take(RUN).position(fills).map_or(entries.len().min(RUN), |last| last + 1)
}

fn open_run<K>(run: &[RawEntry], segment: SegmentId, keyring: &Keyring, wanted: &Wanted<K>) -> Run<K> {
    let mut opened = Run::default();
    opened.open(run, segment, keyring, wanted, &mut Unsealed::default());
    opened
}

fn sound<K>(open: &Open, slot: Option<Slot>, wanted: &Wanted<K>, room: &mut Vec<u8>) -> Result<Sound<K>, BadEntry> {
    let says = match open.record {
        None => Says::Nothing,
        Some(_) if open.header.kind == Kind::SubjectErased => match open.said()?.map(|record| record.body) {
            Some(Body::SubjectErased(Scope::All)) => Says::ErasedAll,
            _ => Says::Else,
        },
        Some(_) => Says::Else,
    };
    let (kept, hash) = ((wanted.keep)(open, room)?, open.hash);
    Ok(Sound { hash, leaf: tree::leaf(&hash), says, slot, kept })
}

/// An entry found behind damage: it must be the one whose leaf the tree has.
pub fn open_intact(raw: &RawEntry, stored: Option<NodeHash>, keyring: &Keyring, content: Content) -> Option<Entry> {
    let entry = read::open(raw, keyring, content).ok()?;
    stored.is_none_or(|leaf| leaf == tree::leaf(&entry.hash)).then_some(entry)
}

/// One bit an entry.
#[derive(Default)]
struct Bits(Vec<u64>);

impl Bits {
    fn set(&mut self, at: u64) {
        let word = (at / 64) as usize;
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (at % 64);
    }

    fn is_set(&self, at: u64) -> bool {
        self.0.get((at / 64) as usize).is_some_and(|word| word >> (at % 64) & 1 == 1)
    }
}

/// Checks every entry as it passes.
pub struct Pass<'a> {
    ledger: &'a Ledger,
    /// Beside a writer: only what was recorded before the keyring was read.
    bound: Option<u64>,
    heads: Heads,
    decisions: Bits,
    frontier: Frontier,
    held: Held,
    levels: Levels,
    leaves: Leaves,
    problems: Vec<Problem>,
    last_recorded: Instant,
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
        let levels = Levels::read(disk, &paths.tree())?;
        let leaves = Leaves::open(disk, &paths.tree())?;
        // INVARIANT (checkpoint, leaves, keys, journal): read in this order, what is read later holds all that the
        // earlier needs: every slot that an entry below the bound was sealed under is in the keyring.
        let bound = beside_writer.then_some(leaves.len());
        ledger.refresh_keyring()?;
        Ok(Pass {
            ledger,
            bound,
            heads: Heads::default(),
            decisions: Bits::default(),
            frontier: Frontier::default(),
            held,
            levels,
            leaves,
            problems,
            last_recorded: Instant(0),
        })
    }

    /// True if nobody writes at the same time.
    pub fn is_alone(&self) -> bool {
        self.bound.is_none()
    }

    /// So many entries there must be, by tree and checkpoints.
    pub fn acknowledged(&self) -> u64 {
        self.levels.covered().max(self.leaves.len()).max(self.held.size().0)
    }

    /// Passes over the journal, handing every entry that opens to `visit`.
    pub fn run<K: Send>(
        mut self,
        wanted: &Wanted<K>,
        mut visit: impl FnMut(Visit<K>) -> Result<(), LedgerError>,
    ) -> Result<Report, LedgerError> {
        let dir = Paths(&self.ledger.dir).journal();
        let keyring = self.ledger.keyring.read().expect("no holder panics");
        let keyring: &Keyring = &keyring;
        let (disk, bound) = (self.ledger.disk(), self.bound);
        self.heads.reserve(keyring.slots());
        // One for each thread that opens: it is in that processor's cache, which what waits in line is not.
        let spare: Mutex<Vec<Unsealed>> = Mutex::default();
        let line = Line::new(|piece: &Piece, run: &mut Run<K>| {
            let mut unsealed = spare.lock().expect("no holder panics").pop().unwrap_or_default();
            run.open(&piece.entries(), piece.segment, keyring, wanted, &mut unsealed);
            spare.lock().expect("no holder panics").push(unsealed);
        });
        let end = std::thread::scope(|scope| {
            // A thread that cannot be had is a panic here.
            let _working = line.working();
            let reader = scope.spawn(|| {
                let _working = line.working();
                let end = journal::scan(disk, &dir, None, |group, segment| {
                    let mut rest = &group.entries[..];
                    while !rest.is_empty() {
                        let run;
                        (run, rest) = rest.split_at(run_len(rest));
                        line.put(|piece: &mut Piece| piece.fill(run, segment, wanted.content)).map_err(|_| None)?;
                    }
                    Ok(())
                });
                line.end();
                end
            });
            (1..rayon::current_num_threads()).for_each(|_| drop(scope.spawn(|| line.work())));
            line.take(|run| self.take_run(run, bound, keyring, &mut visit))?;
            reader
                .join()
                .expect("reading does not panic")
                .map_err(|error: Option<JournalError>| LedgerError::from(error.expect("nobody left before the end")))
        })?;
        self.meet(end, keyring, wanted, &mut visit)?;
        Ok(self.finish())
    }

    /// Damage: of something acknowledged it is a problem; else it is a group that is being written, or was never finished.
    fn meet<K: Send>(
        &mut self,
        end: journal::End,
        keyring: &Keyring,
        wanted: &Wanted<K>,
        visit: &mut impl FnMut(Visit<K>) -> Result<(), LedgerError>,
    ) -> Result<(), LedgerError> {
        let (disk, dir) = (self.ledger.disk(), Paths(&self.ledger.dir).journal());
        let extent = Extent::new(self.acknowledged(), self.bound);
        let Some(damage) = extent.damage(disk, &dir, &end)? else { return Ok(()) };
        let end = end.location;
        let location = Location { segment: end.segment, offset: damage.offset as u32 };
        if damage.offset < end.offset as usize {
            // The segment's own header: nothing behind it is believed.
            self.note(damage.seq, Some(location), damage.what);
            return self.show_behind(keyring, wanted, visit);
        }
        // The entries of the damaged group that stand before the damage are whole.
        let intact = journal::intact(disk, &dir, end, self.frontier.size().0, |group| {
            open_run(&group.entries, end.segment, keyring, wanted)
        })?;
        self.take_run(&intact, None, keyring, visit)?;
        self.note(damage.seq.max(self.frontier.size().0), Some(location), damage.what);
        self.show_behind(keyring, wanted, visit)
    }

    /// Hands out what is intact behind damage. A problem was noted, so nothing of it is judged.
    fn show_behind<K>(
        &mut self,
        keyring: &Keyring,
        wanted: &Wanted<K>,
        visit: &mut impl FnMut(Visit<K>) -> Result<(), LedgerError>,
    ) -> Result<(), LedgerError> {
        let (journal, next) = (Paths(&self.ledger.dir).journal(), self.frontier.size().0);
        journal::each_intact(self.ledger.disk(), &journal, seq_of, |raw, at| {
            if raw.seq < next {
                return Ok(());
            }
            let (stored, run) = (self.leaves.stored(raw.seq)?, open_run(&[*raw], at.segment, keyring, wanted));
            let whole = run
                .headers
                .iter()
                .zip(run.opened)
                .filter_map(|(header, (_, opened))| Some((header.as_ref().ok()?, opened.ok()?)));
            for (header, sound) in whole {
                if stored.is_none_or(|leaf| leaf == sound.leaf) {
                    let stream = self.heads.links.streams.meet(header.streams[0].stream);
                    visit(Visit { header, hash: sound.hash, stream, kept: &sound.kept, room: &run.room })?;
                }
            }
            Ok::<(), LedgerError>(())
        })?;
        Ok(())
    }

    /// Takes entries up to a bound.
    fn take_run<K>(
        &mut self,
        run: &Run<K>,
        bound: Option<u64>,
        keyring: &Keyring,
        visit: &mut impl FnMut(Visit<K>) -> Result<(), LedgerError>,
    ) -> Result<(), LedgerError> {
        let streams = &self.heads.links.streams;
        self.heads.touch(run.slots.iter().filter_map(|slot| streams.in_slot((*slot)?)));
        for (header, &(offset, ref opened)) in run.headers.iter().zip(&run.opened) {
            if bound.is_some_and(|bound| self.frontier.size().0 >= bound) {
                return Ok(());
            }
            let location = Location { segment: run.segment, offset };
            let bad = match (header, opened) {
                (Ok(header), Ok(sound)) => {
                    let stream = self.take(header, sound, location, keyring)?;
                    visit(Visit { header, hash: sound.hash, stream, kept: &sound.kept, room: &run.room })?;
                    continue;
                }
                (Err(bad), _) | (_, Err(bad)) => bad,
            };
            let leaf = tree::leaf(&EntryHash([0; 32]));
            self.grow(leaf);
            self.note(bad.seq, Some(location), bad.what.clone());
            self.leaves.pass(EntryHash([0; 32]), leaf)?;
        }
        Ok(())
    }

    fn take<K>(
        &mut self,
        header: &Header,
        sound: &Sound<K>,
        location: Location,
        keyring: &Keyring,
    ) -> Result<StreamNo, LedgerError> {
        let wrong_level = self.grow(sound.leaf);
        let stream = self.check(header, sound, location, keyring)?;
        if let Some(level) = wrong_level {
            self.note_level(level, header.seq);
        }
        Ok(stream)
    }

    /// Appends a leaf; returns the level whose file holds another hash for a subtree that it completes.
    fn grow(&mut self, leaf: NodeHash) -> Option<usize> {
        let (levels, end, mut wrong) = (&self.levels, self.frontier.size().0 + 1, None);
        self.frontier.append_noting(leaf, |height, root| {
            let level = level_of(height).filter(|&level| levels.node(level, end).is_some_and(|held| *held != root));
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

    fn check<K>(
        &mut self,
        header: &Header,
        sound: &Sound<K>,
        location: Location,
        keyring: &Keyring,
    ) -> Result<StreamNo, LedgerError> {
        let Sound { hash, leaf, says, slot, .. } = sound;
        self.held.note(&self.frontier);
        let (stream, followed) = self.heads.follow(header, *hash, *says != Says::Nothing, *slot);
        if self.leaves.pass(*hash, *leaf)? {
            self.note(header.seq, Some(location), "its hash is not the one in the tree");
        } else if let Err(bad) = followed {
            self.note(header.seq, Some(location), bad.what);
        } else if header.recorded_at < self.last_recorded {
            self.note(header.seq, Some(location), "it was recorded before the entry before it");
        } else if let Some(what) = self.wrong_link(header.seq, header.kind, &header.links)? {
            self.note(header.seq, Some(location), what);
        } else if *says == Says::Nothing {
            self.heads.expect_end(header.streams[0].stream, header.seq);
        }
        self.last_recorded = header.recorded_at;
        if header.kind == Kind::DecisionMade {
            self.decisions.set(header.seq);
        }
        if *says == Says::ErasedAll {
            self.heads.end(header.streams[0].stream);
            if keyring.slot_of_stream(header.streams[0].stream).is_some() {
                self.note(header.seq, Some(location), "it erased everything, but the keys are still there");
            }
        }
        Ok(stream)
    }

    fn wrong_link(&mut self, own: u64, kind: Kind, links: &[Link]) -> Result<Option<String>, LedgerError> {
        for link in links {
            let Link::Resolved { seq, hash } = link else { continue };
            if *seq >= own || !self.leaves.is_hash_of(*seq, hash)? {
                return Ok(Some(format!("it cites entry {seq} by a hash that is not its own")));
            }
            if kind == Kind::VerdictAttested && !self.decisions.is_set(*seq) {
                return Ok(Some(format!("it attests a verdict on entry {seq}, which is no decision")));
            }
        }
        Ok(None)
    }

    fn finish(mut self) -> Report {
        let (size, covered) = (self.frontier.size(), self.levels.covered().max(self.leaves.len()));
        // Where an entry is bad, what follows from that is not told again.
        if self.problems.is_empty() {
            for (seq, stream) in self.heads.unended() {
                self.note(seq, None, format!("its keys are gone, but no erasure ended its stream {stream:?}"));
            }
        }
        if self.problems.is_empty() && covered > size.0 {
            let what =
                format!("the journal holds {} entries, `tree/leaves` or a file beside it covers {covered}", size.0);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_ends_once_it_is_long() {
        let long = vec![0; FULL];
        let entry = |len: usize| RawEntry { seq: 0, offset: 0, header: &[], body: &long[..len], content: &long[..len] };
        for (len, run) in [(0, RUN), (100, RUN), (FULL / 4, 2), (FULL, 1)] {
            assert_eq!(run_len(&vec![entry(len); 3 * RUN]), run, "{len}");
            assert_eq!(run_len(&[entry(len)]), 1, "{len}");
        }
    }
}
