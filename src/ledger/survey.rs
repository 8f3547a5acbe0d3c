//! What is left of a damaged ledger, entry by entry, and how far that can be proved.
//!
//! An entry is intact if its frame matches its checksum, its header decodes under its own seq, its body and content open
//! under its account's key and match their commitments, and its hash is the one in the tree as far as that was signed.

use super::backup::holds;
use super::heads::Heads;
use super::held::Held;
use super::read::{self, Content, seq_of};
use super::stored::Stored;
use super::{Config, LedgerError, Paths, tree};
use crate::codec::{EntryHash, Link, StreamId};
use crate::disk::RealDisk;
use crate::entry::Entry;
use crate::fact::{Body, Instant, Scope};
use crate::journal::{self, Gap, Location, RawEntry};
use crate::keyring::Keyring;
use crate::merkle::{Frontier, NodeHash, TreeHead};
use foldhash::{HashMap, HashSet};
use std::path::Path;

/// What became of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is there, with this hash.
    Intact(EntryHash),
    /// Something stands in its place.
    Bad(Location, String),
    /// Nothing that could be it was found.
    Missing,
}

/// What is left.
pub struct Survey {
    /// By seq.
    pub fates: Vec<Fate>,
    /// Entries below this seq are there without a gap, chained as they were.
    pub prefix: u64,
    /// Entries below this seq are held to a signature by their leaves.
    pub proved: u64,
    /// True if the prefix holds everything that was signed.
    pub holds_signed: bool,
    /// Lost entries that must have been the erasure of a stream whose keys are gone.
    pub erasures: HashMap<u64, StreamId>,
    gaps: Vec<Gap>,
}

struct Surveying<'a> {
    keyring: &'a Keyring,
    leaves: Vec<NodeHash>,
    proved: u64,
    signed: Vec<TreeHead>,
    /// How many of these the prefix fits.
    fitting: usize,
    fates: Vec<Fate>,
    prefix: u64,
    heads: Heads,
    frontier: Frontier,
    last_recorded: Instant,
    /// Entries of streams that cannot be read any more.
    unreadable: HashMap<StreamId, Vec<(u64, Location)>>,
    ended: HashSet<StreamId>,
    /// Attested verdicts, and the entries that they are about.
    attested: Vec<(u64, Location, Link)>,
}

impl Survey {
    /// Surveys the ledger in `dir`. `published` is a checkpoint that others hold.
    pub fn of(
        dir: &Path,
        config: &Config,
        keyring: &Keyring,
        published: Option<TreeHead>,
    ) -> Result<Survey, LedgerError> {
        let paths = Paths(dir);
        // What was signed and cannot be read may have been anything.
        let (held, unread) = Held::read(&RealDisk, dir, config);
        let stored = Stored::read(&RealDisk, &paths.tree())?;
        let signed: Vec<TreeHead> = held.heads().chain(published).collect();
        let provable = signed.iter().filter(|&&signed| holds(&stored.leaves, signed).is_ok());
        let acknowledged = signed.iter().map(|signed| signed.size.0).max().unwrap_or(0).max(stored.covered());
        let mut surveying = Surveying {
            keyring,
            proved: provable.map(|signed| signed.size.0).max().unwrap_or(0),
            leaves: stored.leaves,
            signed,
            fitting: 0,
            fates: Vec::new(),
            prefix: 0,
            heads: Heads::default(),
            frontier: Frontier::default(),
            last_recorded: Instant(0),
            unreadable: HashMap::default(),
            ended: HashSet::default(),
            attested: Vec::new(),
        };
        surveying.note_fit();
        let gaps = journal::each_intact(&RealDisk, &paths.journal(), seq_of, |raw, location| {
            surveying.take(raw, location);
            Ok::<(), LedgerError>(())
        })?;
        let len = surveying.fates.len().max(acknowledged as usize);
        surveying.fates.resize(len, Fate::Missing);
        let erasures = surveying.find_erasures();
        surveying.drop_attested();
        let Surveying { fates, prefix, proved, signed, fitting, .. } = surveying;
        let holds_signed =
            unread.is_none() && fitting == signed.len() && signed.iter().all(|signed| signed.size.0 <= prefix);
        Ok(Survey { fates, prefix, proved, holds_signed, erasures, gaps })
    }

    /// Where a lost entry should stand, and why it is lost.
    pub fn why(&self, seq: u64) -> (Option<Location>, String) {
        match &self.fates[seq as usize] {
            Fate::Bad(location, what) => (Some(*location), what.clone()),
            _ => match self.gaps.iter().rev().find(|gap| gap.seq <= seq) {
                Some(gap) => (Some(gap.location), gap.what.clone()),
                None => (None, "the journal ends before it".to_owned()),
            },
        }
    }
}

impl Surveying<'_> {
    fn take(&mut self, raw: &RawEntry, location: Location) {
        self.fates.resize(raw.seq as usize, Fate::Missing);
        let fate = match read::open(raw, self.keyring, Content::Read) {
            Ok(entry) => self.judge(&entry, location),
            Err(bad) => Fate::Bad(location, bad.what),
        };
        self.fates.push(fate);
    }

    fn judge(&mut self, entry: &Entry, location: Location) -> Fate {
        let seq = entry.header.seq;
        let leaf = tree::leaf(&entry.hash);
        if seq < self.proved && self.leaves[seq as usize] != leaf {
            return Fate::Bad(location, "its hash is not the one that was signed".to_owned());
        }
        let stream = entry.header.streams[0].stream;
        match entry.record.as_ref().map(|record| &record.body) {
            None => self.unreadable.entry(stream).or_default().push((seq, location)),
            Some(Body::SubjectErased(Scope::All)) => drop(self.ended.insert(stream)),
            Some(Body::VerdictAttested(_)) => {
                self.attested.extend(entry.header.links.iter().map(|&link| (seq, location, link)));
            }
            _ => {}
        }
        if seq == self.prefix && self.follows(entry) {
            self.prefix += 1;
            self.last_recorded = entry.header.recorded_at;
            self.heads.take(entry);
            if self.ended.contains(&stream) {
                self.heads.end(stream);
            }
            self.frontier.append(leaf);
            self.note_fit();
        }
        Fate::Intact(entry.hash)
    }

    /// True if the entry continues the prefix as `verify` wants it.
    fn follows(&mut self, entry: &Entry) -> bool {
        self.heads.check(&entry.header).is_ok()
            && entry.header.recorded_at >= self.last_recorded
            && entry.header.links.iter().all(|link| self.cites(link))
    }

    fn note_fit(&mut self) {
        let here = |signed: &&TreeHead| signed.size == self.frontier.size() && signed.root == self.frontier.root();
        self.fitting += self.signed.iter().filter(here).count();
    }

    /// A verdict on an entry that is lost is worth nothing, and must cite it.
    fn drop_attested(&mut self) {
        for (seq, location, link) in std::mem::take(&mut self.attested) {
            if !self.cites(&link) {
                let what = "it attests the verdict on an entry that is lost".to_owned();
                self.fates[seq as usize] = Fate::Bad(location, what);
                self.prefix = self.prefix.min(seq);
            }
        }
    }

    fn cites(&self, link: &Link) -> bool {
        match link {
            Link::Resolved { seq, hash } => self.fates.get(*seq as usize) == Some(&Fate::Intact(*hash)),
            Link::Unresolved { .. } => true,
        }
    }

    /// Streams that cannot be read and that no erasure was found for: a lost entry behind them must have been it. Where none
    /// was lost, keys are gone without one, and the entries are worth nothing.
    fn find_erasures(&mut self) -> HashMap<u64, StreamId> {
        let unreadable = std::mem::take(&mut self.unreadable).into_iter();
        let mut open: Vec<_> = unreadable.filter(|(stream, _)| !self.ended.contains(stream)).collect();
        open.sort_unstable_by_key(|(_, entries)| entries.last().map(|(seq, _)| *seq));
        let mut found = HashMap::default();
        // The latest stream has the fewest lost entries behind it.
        for (stream, entries) in open.into_iter().rev() {
            let lost = |seq: &u64| !matches!(self.fates[*seq as usize], Fate::Intact(_)) && !found.contains_key(seq);
            let last = entries.last().map_or(0, |(seq, _)| *seq);
            if let Some(seq) = (last + 1..self.fates.len() as u64).rev().find(lost) {
                found.insert(seq, stream);
                continue;
            }
            for (seq, location) in entries {
                let what = "its keys are gone, and no erasure ended its stream".to_owned();
                self.fates[seq as usize] = Fate::Bad(location, what);
                self.prefix = self.prefix.min(seq);
            }
        }
        found
    }
}
