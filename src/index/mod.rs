//! The index: which entries say something about a term, and where each entry stands. The only user of sled.
//!
//! Rebuildable from the journal at any time and never believed over it: of a term, which is a hash, 40 bits are kept, so
//! whoever asks checks what it finds. Postings gather in memory and are written as sorted runs, each once; runs of one size
//! are merged, a piece with every entry that is added, so that a look-up asks few of them. Memory is bounded but for what
//! no run holds yet: filters over what recording asks are kept up to `FILTERS` bytes, all others are read where they stand.
//!
//! A run is durable before it counts, and says itself what it covers: what a killed process leaves behind is what no run
//! covers, and nothing more. A page that is not what was written is an error, never an answer.

mod catalogue;
mod filter;
mod merge;
mod page;
mod recent;
mod resident;
mod run;
mod seal;
mod term;
mod write;

use crate::codec::{EntryHash, Identity};
use catalogue::Catalogue;
use merge::Merge;
use page::Range;
use recent::Recent;
use run::{Meta, Run};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use write::RunWriter;

pub use term::{Field, Term, Terms};

/// Entries in memory before they are written as a run, where nothing else is asked for.
pub const RUN: u64 = 1 << 18;
/// Postings that a merge goes on for with each one that is added: more than each is merged, and soon done, since until then what it
/// is made of is asked run by run.
const PACE: usize = 16;
/// Postings that a merge goes on for at a time.
const STRIDE: usize = 1 << 12;
/// Postings that a merge goes on for at a close: a fraction of a second.
const TIDY: usize = 1 << 22;
/// Runs that a look-up may have to ask.
const MOST_RUNS: usize = 24;
/// The most bytes of filters that are kept in memory, all of lower halves.
const FILTERS: u64 = 32 << 20;

/// Why the index could not be used: it can always be rebuilt.
#[derive(Debug, thiserror::Error)]
#[error("index `{}`: {}; run `inforce reindex` to rebuild it from the journal", .0.display(), .1)]
pub struct IndexError(pub PathBuf, pub String);

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
    /// None where it was opened for reading only.
    catalogue: Option<Catalogue>,
    /// Ascending, without a gap.
    runs: Vec<Arc<Run>>,
    merge: Option<Merge>,
    /// Postings that the merge is behind by.
    owed: usize,
    /// False once merging failed.
    may_merge: bool,
    /// Erasures below this seq have left no trace here.
    purged: u64,
    recent: Recent,
    covered: u64,
    /// The group and the hash of the entry that was added last.
    last: Option<(GroupStart, [u8; 32])>,
    run_len: u64,
    /// Bytes that filters may take in memory.
    room: u64,
}

impl Index {
    /// Opens or makes the index in `path`, to be written to in runs of `run_len` entries. What it does not cover yet must
    /// be added again.
    pub fn open(path: &Path, run_len: u64) -> Result<Index, IndexError> {
        let fail = |error: io::Error| IndexError(path.to_owned(), error.to_string());
        if path.join("db").exists() {
            return Err(fail(io::Error::other("another version of this program made it")));
        }
        std::fs::create_dir_all(path).map_err(fail)?;
        let (catalogue, whole) = Catalogue::open(&path.join("catalogue")).map_err(fail)?;
        let (mut index, rest) = Index::over(path, run_len, FILTERS)?;
        let ranges: Vec<Range> = index.runs.iter().map(|run| run.meta.range).collect();
        if whole && catalogue.ranges().map_err(fail)? != ranges {
            tracing::warn!(
                "index `{}`: it is not the runs that were closed; the journal tells the rest",
                path.display()
            );
        }
        index.catalogue = Some(catalogue);
        index.list()?;
        rest.iter().try_for_each(std::fs::remove_file).map_err(fail)?;
        index.begin_merge()?;
        Ok(index)
    }

    /// Opens the index in `path` for reading; what is added stays in memory. Filters are read where they stand: to read all of
    /// them first would take longer than most of what is looked up.
    pub fn read(path: &Path) -> Result<Index, IndexError> {
        Ok(Index::over(path, u64::MAX, 0)?.0)
    }

    fn over(path: &Path, run_len: u64, room: u64) -> Result<(Index, Vec<PathBuf>), IndexError> {
        let (runs, rest) = catalogue::runs(path).map_err(|error| IndexError(path.to_owned(), error.to_string()))?;
        let covered = runs.last().map_or(0, |run| run.meta.range.end);
        let mut index = Index {
            path: path.to_owned(),
            catalogue: None,
            merge: None,
            owed: 0,
            may_merge: true,
            purged: runs.iter().map(|run| run.meta.purged).min().unwrap_or(0),
            recent: Recent::new(covered),
            covered,
            last: runs.last().map(|run| (run.meta.resume, run.meta.boundary)),
            runs,
            run_len,
            room,
        };
        index.share_room();
        Ok((index, rest))
    }

    /// Entries below this seq are in runs; the rest must be added after opening.
    pub fn covered(&self) -> u64 {
        self.covered
    }

    /// The group of entry `covered() - 1`: from there the journal must be read on. None if nothing is covered.
    pub fn resume(&self) -> Option<GroupStart> {
        self.runs.last().map(|run| run.meta.resume)
    }

    /// The hash of entry `covered() - 1`: an index of another journal is found out by it.
    pub fn boundary(&self) -> Option<EntryHash> {
        self.runs.last().map(|run| EntryHash(run.meta.boundary))
    }

    /// What the ledger noted with the last run.
    pub fn mark(&self) -> &[u8] {
        self.runs.last().map_or(&[], |run| &run.meta.mark)
    }

    /// Adds the next entry, of the group that begins at `group`; one that is covered is only compared with what was added.
    pub fn add(
        &mut self,
        seq: u64,
        hash: &EntryHash,
        location: u64,
        group: GroupStart,
        terms: &[Term],
    ) -> Result<(), IndexError> {
        if seq < self.covered {
            let foreign = seq + 1 == self.covered && Some(*hash) != self.boundary();
            return if foreign { Err(self.fail("it is of another journal")) } else { Ok(()) };
        }
        assert_eq!(seq, self.covered + self.recent.entries(), "entries are indexed in order");
        self.recent.add(location, terms);
        self.last = Some((group, hash.0));
        self.owed += PACE * terms.len();
        if self.owed < STRIDE.min(PACE.saturating_mul(self.run_len as usize)) {
            return Ok(());
        }
        let owed = std::mem::take(&mut self.owed);
        self.merge_on(owed)
    }

    /// True if a run is to be written: as many entries as one has are in memory.
    pub fn is_due(&self) -> bool {
        self.catalogue.is_some() && self.recent.entries() >= self.run_len
    }

    /// True if what is in memory is worth a run of its own once the index is closed.
    pub fn is_worth_a_run(&self) -> bool {
        self.catalogue.is_some() && self.recent.entries() >= (self.run_len / 1024).max(1)
    }

    /// Writes what is in memory as a run, durable once this returns. Everything that it is about is durable already;
    /// `mark` is handed back by [`Index::mark`].
    pub fn flush(&mut self, mark: &[u8]) -> Result<(), IndexError> {
        assert!(mark.len() <= run::MARK, "a mark is short");
        let Some((resume, boundary)) = self.last.filter(|_| self.recent.entries() > 0) else { return Ok(()) };
        let range = Range { first: self.covered, end: self.covered + self.recent.entries() };
        let meta = Meta { range, resume, boundary, purged: self.purged, mark: mark.to_vec() };
        let written = write_run(&self.path, &mut self.recent, &meta);
        self.take_run(written)?;
        self.covered = range.end;
        self.recent.restart(range.end);
        self.list()?;
        self.begin_merge()
    }

    /// Goes on with merging for a while, as long as it takes where there are too many runs. To be called at close: a process
    /// that adds little would never end a merge otherwise.
    pub fn tidy(&mut self) -> Result<(), IndexError> {
        while self.merge.is_some() {
            let before = self.runs.len();
            self.merge_on(TIDY)?;
            if self.runs.len() == before && before <= MOST_RUNS {
                break;
            }
        }
        Ok(())
    }

    fn take_run(&mut self, written: io::Result<PathBuf>) -> Result<(), IndexError> {
        let opened = written.and_then(|path| Run::open(&path));
        self.runs.push(Arc::new(opened.map_err(|error| self.fail(error))?));
        self.share_room();
        Ok(())
    }

    /// Shares the room for filters among the runs, the last first: every run is asked as often as any other, so a page of a
    /// shorter one answers for more, and shorter ones mostly stand behind.
    fn share_room(&mut self) {
        self.runs.iter().rev().fold(self.room, |room, run| run.allot(room));
    }

    fn list(&mut self) -> Result<(), IndexError> {
        let listed = self.catalogue.as_mut().map_or(Ok(()), |catalogue| catalogue.list(&self.runs));
        listed.map_err(|error| self.fail(error))
    }

    /// Begins to merge the smallest runs of one size, if there are enough of them.
    fn begin_merge(&mut self) -> Result<(), IndexError> {
        if self.merge.is_some() || self.catalogue.is_none() || !self.may_merge {
            return Ok(());
        }
        let lens = self.runs.iter().map(|run| run.entries()).collect::<Vec<_>>();
        let Some(due) = merge::due(&lens, (self.run_len / 1024).max(1)) else { return Ok(()) };
        match Merge::new(&self.path, &self.runs[due]) {
            Ok(merge) => self.merge = Some(merge),
            Err(error) => {
                tracing::warn!("index `{}`: merging its runs: {error}", self.path.display());
                self.may_merge = false;
            }
        }
        Ok(())
    }

    fn merge_on(&mut self, postings: usize) -> Result<(), IndexError> {
        let Some(merge) = &mut self.merge else { return Ok(()) };
        match merge.step(postings) {
            Ok(false) => Ok(()),
            Ok(true) => self.end_merge(),
            // The runs that it would have been made of are there and are asked: it is begun again by another process.
            Err(error) => {
                tracing::warn!("index `{}`: merging its runs: {error}", self.path.display());
                self.merge = None;
                self.may_merge = false;
                Ok(())
            }
        }
    }

    fn end_merge(&mut self) -> Result<(), IndexError> {
        let Some(merge) = self.merge.take() else { return Ok(()) };
        let range = merge.range();
        let merged = merge.finish().and_then(|path| Run::open(&path));
        let merged = Arc::new(merged.map_err(|error| self.fail(error))?);
        let inside = |run: &Arc<Run>| run.meta.range.first >= range.first && run.meta.range.end <= range.end;
        let first = self.runs.iter().position(inside).expect("it was made of them");
        let count = self.runs.iter().filter(|run| inside(run)).count();
        let merged_away: Vec<Arc<Run>> = self.runs.splice(first..first + count, [merged]).collect();
        self.share_room();
        self.list()?;
        // From here on nothing asks for them; if one stays, it is removed when the index is opened.
        merged_away.iter().try_for_each(|run| std::fs::remove_file(run.path())).map_err(|error| self.fail(error))?;
        self.begin_merge()
    }

    /// Erasures of everything below this seq were carried out here as well.
    pub fn purged(&self) -> u64 {
        self.purged
    }

    /// Says of an index that is empty that nothing will be added of what was erased before `seq`.
    pub fn purge(&mut self, seq: u64) {
        assert!(self.covered == 0 && self.recent.entries() == 0, "only an index that is made anew is known to be pure");
        self.purged = seq;
    }

    /// The seqs of entries with one of these ids, each with the id's place: none of an id for sure, or a few to check. Those
    /// from seq `known` on are left out where they are in no run: whoever asks has them at hand.
    pub fn ids(&self, identities: &[Identity], known: u64) -> Result<Vec<(usize, u64)>, IndexError> {
        let terms: Vec<Term> = identities.iter().map(Term::id).collect();
        let keys: Vec<u64> = terms.iter().map(|term| term.key()).collect();
        let mut found = Vec::new();
        let mut runs = self.runs.iter();
        runs.try_for_each(|run| run.find_all(&keys, &mut found)).map_err(|error| self.fail(error))?;
        if known > self.covered {
            let recent = |(place, term): (usize, &Term)| self.recent.find(*term).map(move |seq| (place, seq));
            found.extend(terms.iter().enumerate().flat_map(recent));
        }
        Ok(found)
    }

    /// The seqs of entries with a term, ascending; a few may not have it.
    pub fn find(&self, term: Term) -> Result<Vec<u64>, IndexError> {
        let mut found = Vec::new();
        let mut runs = self.runs.iter();
        runs.try_for_each(|run| run.find(term.key(), &mut found)).map_err(|error| self.fail(error))?;
        let from = found.len();
        found.extend(self.recent.find(term));
        found[from..].reverse();
        found.dedup();
        Ok(found)
    }

    /// The seqs of entries with a term, from the last on, until `take` says that it has found what it looks for; a few
    /// may not have it.
    pub fn find_back<E: From<IndexError>>(
        &self,
        term: Term,
        mut take: impl FnMut(u64) -> Result<bool, E>,
    ) -> Result<(), E> {
        for seq in self.recent.find(term) {
            if take(seq)? {
                return Ok(());
            }
        }
        let mut found = Vec::new();
        for run in self.runs.iter().rev() {
            run.find(term.key(), &mut found).map_err(|error| self.fail(error))?;
            while let Some(seq) = found.pop() {
                if take(seq)? {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Where an entry stands, if the index knows.
    pub fn location(&self, seq: u64) -> Result<Option<u64>, IndexError> {
        if seq >= self.covered {
            return Ok(self.recent.location(seq));
        }
        let number = self.runs.partition_point(|run| run.meta.range.end <= seq);
        self.runs[number].location(seq).map(Some).map_err(|error| self.fail(error))
    }

    fn fail(&self, error: impl ToString) -> IndexError {
        IndexError(self.path.clone(), error.to_string())
    }
}

fn write_run(path: &Path, recent: &mut Recent, meta: &Meta) -> io::Result<PathBuf> {
    let keys = recent.sort();
    let mut writer = RunWriter::new(path, meta.range, keys)?;
    recent.postings().try_for_each(|(key, seq)| writer.posting(key, seq))?;
    writer.end_postings()?;
    writer.locations(recent.locations())?;
    writer.finish(meta)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn hash(n: u64) -> [u8; 32] {
        *blake3::hash(&n.to_le_bytes()).as_bytes()
    }

    fn identity(n: u64) -> Identity {
        Identity(hash(n)[..16].try_into().expect("16 bytes"))
    }

    /// A small generator: the same numbers in every run.
    struct Random(u64);

    impl Random {
        fn below(&mut self, n: u64) -> u64 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            (mixed ^ mixed >> 31) % n
        }
    }

    /// What the index must answer.
    #[derive(Default)]
    struct Model {
        postings: BTreeMap<Term, Vec<u64>>,
        locations: Vec<u64>,
    }

    impl Model {
        /// Adds an entry to both: under terms that few, some and very many entries share.
        fn add(&mut self, index: &mut Index, random: &mut Random) {
            let seq = self.locations.len() as u64;
            let step = if random.below(1000) == 0 { 1 << 32 } else { 1 + random.below(9000) };
            let location = self.locations.last().map_or(0, |last| last + step);
            let some = Term::new(Field::Account, &random.below(40).to_le_bytes());
            let (all, own) = (Term::new(Field::Kind, b"all"), Term::new(Field::Target, &seq.to_le_bytes()));
            let id = Term::id(&identity(seq));
            let terms = if random.below(2) == 0 { vec![id, all, some, own] } else { vec![id, all, some] };
            let group = GroupStart { seq: seq - seq % 7, location: location / 2 };
            index.add(seq, &EntryHash(hash(seq)), location, group, &terms).expect("added");
            self.locations.push(location);
            terms.into_iter().for_each(|term| self.postings.entry(term).or_default().push(seq));
        }

        fn check(&self, index: &Index) {
            for (term, seqs) in &self.postings {
                assert_eq!(index.find(*term).expect("found"), *seqs);
                let (mut last, below) = (Vec::new(), seqs[seqs.len() / 2]);
                let back = index.find_back(*term, |seq| {
                    last.push(seq);
                    Ok::<bool, IndexError>(seq == below)
                });
                back.expect("found");
                assert!(last.iter().eq(seqs[seqs.len() / 2..].iter().rev()));
            }
            for (seq, location) in (0..).zip(&self.locations) {
                assert_eq!(index.location(seq).expect("found"), Some(*location));
            }
            let end = self.locations.len() as u64;
            assert_eq!(index.location(end).expect("asked"), None);
            (end..end + 50).for_each(|n| assert_eq!(index.ids(&[identity(n)], u64::MAX).expect("asked"), []));
            for run in &index.runs {
                let Range { first, end } = run.meta.range;
                let has_one = |seqs: &&Vec<u64>| seqs.iter().any(|seq| (first..end).contains(seq));
                let mut keys = [0, 0];
                let held = self.postings.iter().filter(|(_, seqs)| has_one(seqs));
                held.for_each(|(term, _)| keys[filter::half_of(term.key())] += 1);
                assert!(keys[0] > 0 && keys[1] > 0 && run.keys() == keys);
            }
        }
    }

    #[test]
    fn answers_as_a_map_does_through_runs_merges_and_reopenings() {
        let (dir, mut random, mut model) = (tempfile::tempdir().expect("a folder"), Random(1), Model::default());
        let mut index = Index::open(dir.path(), 64).expect("opens");
        let mut most = 0;
        for round in 0..50 {
            for _ in 0..random.below(150) {
                model.add(&mut index, &mut random);
                if index.is_due() {
                    index.flush(&round.to_string().into_bytes()).expect("flushed");
                }
            }
            most = most.max(index.runs.len());
            if round % 16 == 0 {
                model.check(&index);
            }
            if round % 7 == 0 {
                index.flush(b"closed").expect("flushed");
                index.tidy().expect("merged");
                let covered = index.covered();
                drop(index);
                let reader = Index::read(dir.path()).expect("opens");
                model.check(&reader);
                index = Index::open(dir.path(), 64).expect("opens");
                assert_eq!((index.covered(), index.mark()), (covered, &b"closed"[..]));
                assert_eq!(index.resume().expect("covered").seq, (covered - 1) - (covered - 1) % 7);
            }
        }
        model.check(&index);
        assert!(
            model.locations.len() > 2500 && index.runs.len() <= 12 && most <= 16,
            "{} runs, {most}",
            index.runs.len()
        );
        let foreign = GroupStart { seq: 0, location: 0 };
        let last = index.covered() - 1;
        assert!(index.add(last, &EntryHash([1; 32]), 0, foreign, &[Term::id(&identity(0))]).is_err());
    }

    #[test]
    fn where_room_is_short_filters_are_in_memory_in_part_and_answers_are_the_same() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut index = Index::open(dir.path(), u64::MAX).expect("opens");
        let lens = [220_000, 1000];
        for seq in 0..lens.iter().sum() {
            let group = GroupStart { seq, location: seq };
            index.add(seq, &EntryHash(hash(seq)), seq, group, &[Term::id(&identity(seq))]).expect("added");
            if seq + 1 == lens[0] {
                index.flush(b"").expect("flushed");
            }
        }
        index.flush(b"").expect("flushed");
        drop(index);
        let answers = |room: u64, pages: [(u64, u64); 2]| {
            let (index, _) = Index::over(dir.path(), u64::MAX, room * page::ROOM as u64).expect("opens");
            assert!(index.runs.iter().map(|run| run.filter_pages()).eq(pages));
            // Of the first and the last, and of none; thrice, since filters are read once they are worth it, for whoever asks next.
            let ids = (219_000..222_000).map(identity).collect::<Vec<_>>();
            let mut found = [(); 3].map(|()| index.ids(&ids, 0).expect("found"));
            found.iter_mut().for_each(|found| found.sort_unstable());
            assert!(found.iter().all(|found| found.iter().copied().eq((0..2000).map(|n| (n as usize, 219_000 + n)))));
        };
        answers(1000, [(82, 82), (1, 1)]);
        answers(80, [(82, 64), (1, 1)]);
        answers(64, [(82, 0), (1, 1)]);
        answers(0, [(82, 0), (1, 0)]);
    }

    #[test]
    fn what_a_killed_process_left_is_found_by_itself() {
        let (dir, mut random, mut model) = (tempfile::tempdir().expect("a folder"), Random(2), Model::default());
        let mut index = Index::open(dir.path(), 100).expect("opens");
        for _ in 0..1000 {
            model.add(&mut index, &mut random);
            if index.is_due() {
                index.flush(b"").expect("flushed");
            }
        }
        let covered = index.covered();
        // As a kill leaves it: the catalogue was never closed, a merge was not finished, and one input stands twice.
        let copy = tempfile::tempdir().expect("a folder");
        for file in std::fs::read_dir(dir.path()).expect("readable") {
            let path = file.expect("readable").path();
            let to = copy.path().join(path.file_name().expect("a name"));
            if path.is_file() { std::fs::copy(&path, to).map(drop) } else { std::fs::create_dir(to) }.expect("copied");
        }
        std::fs::write(copy.path().join("catalogue/db"), b"torn").expect("written");
        let again = Index::open(copy.path(), 100).expect("opens");
        assert_eq!((again.covered(), again.resume()), (covered, index.resume()));
        // A run that is gone costs what stands behind it, and nothing else.
        let second = again.runs[1].path().to_owned();
        let start = again.runs[1].meta.range.first;
        drop(again);
        std::fs::remove_file(second).expect("removed");
        assert_eq!(Index::open(copy.path(), 100).expect("opens").covered(), start);
        model.check(&index);
    }

    /// As a child process holds it that was being started when the index was closed.
    #[test]
    fn a_lock_that_is_held_for_a_moment_is_waited_for() {
        let dir = tempfile::tempdir().expect("a folder");
        drop(Index::open(dir.path(), 64).expect("opens"));
        let held = std::fs::File::open(dir.path().join("catalogue/db")).expect("sled's file");
        held.lock().expect("locked");
        std::thread::scope(|scope| {
            let opening = scope.spawn(|| Index::open(dir.path(), 64).map(drop));
            std::thread::sleep(std::time::Duration::from_millis(50));
            assert!(!opening.is_finished());
            held.unlock().expect("unlocked");
            opening.join().expect("no panic").expect("opens");
        });
    }

    /// Every bit of a small run, and every place that it can be cut at: an error, or the same answers.
    #[test]
    fn a_changed_run_is_an_error_and_never_another_answer() {
        let (dir, mut random, mut model) = (tempfile::tempdir().expect("a folder"), Random(3), Model::default());
        let mut index = Index::open(dir.path(), 1 << 20).expect("opens");
        (0..150).for_each(|_| model.add(&mut index, &mut random));
        index.flush(b"mark").expect("flushed");
        let path = index.runs[0].path().to_owned();
        drop(index);
        let whole = std::fs::read(&path).expect("readable");
        let found = |index: &Index| -> Result<(), IndexError> {
            for (term, seqs) in &model.postings {
                assert_eq!(index.find(*term)?, *seqs);
            }
            for (seq, location) in (0..).zip(&model.locations) {
                assert_eq!(index.location(seq)?, Some(*location));
            }
            Ok(())
        };
        let noticed = |bytes: &[u8]| {
            std::fs::write(&path, bytes).expect("written");
            let index = Index::read(dir.path()).expect("what is damaged is left out");
            index.covered() == 0 || found(&index).is_err()
        };
        assert!(!noticed(&whole));
        // Every byte of the small pages would take minutes: a prime, so that every field gets its turn.
        for at in (0..whole.len()).step_by(7) {
            let mut bad = whole.clone();
            bad[at] ^= 1 << (at % 8);
            assert!(noticed(&bad), "byte {at}");
        }
        for cut in (0..whole.len()).step_by(509).chain((0..whole.len()).step_by(page::PAGE)) {
            assert!(noticed(&whole[..cut]), "cut at {cut}");
        }
    }
}
