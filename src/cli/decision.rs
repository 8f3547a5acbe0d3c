//! One decision, in a world that holds everything it can be judged by.

use super::CliError;
use super::as_of::AsOf;
use super::bundle::find;
use super::memory::Memory;
use super::replay::{self, matching, only};
use crate::codec::Header;
use crate::entry::Entry;
use crate::evidence;
use crate::explain::{Evidence, Wanted};
use crate::judge::Judgement;
use crate::ledger::{Ledger, LedgerError, Loaded, Problem};
use crate::merkle::TreeSize;
use crate::timeline::{NodeIx, World};
use std::path::Path;
use std::sync::Mutex;

/// Arguments that ask for one.
#[derive(clap::Args)]
pub(super) struct Asked {
    #[command(flatten)]
    as_of: AsOf,
    #[command(flatten)]
    memory: Memory,
    /// Read by the index what the verdict rests on, and prove that against the newest checkpoint, or the one that `--as-of`
    /// means, instead of reading and checking the whole ledger. What else stands there is not looked at. Without an index that
    /// can be used, beside a writer say, everything is read all the same.
    #[arg(long, conflicts_with = "mib")]
    quick: bool,
    /// The id of a decision, `SOURCE ID` in one argument where an id is not unique, or `#SEQ`.
    #[arg(value_name = "DECISION")]
    pub name: String,
}

/// What was read for its sake.
pub(super) struct Found {
    /// The ledger's name.
    pub origin: String,
    /// Of the whole ledger, of the part of it that the decision is in, or of what the decision can rest on.
    pub world: World,
    /// The first thing that is not what was recorded.
    pub bad: Option<Problem>,
    /// How many entries were taken.
    pub size: TreeSize,
    pub read: Read,
}

/// How much was read.
pub(super) enum Read {
    /// All of a ledger.
    All(Box<Ledger>),
    /// What the decision can rest on. The ledger was closed: while an index is open for reading, nobody else gets it.
    Gathered(Vec<Entry>),
}

type Decision = Result<NodeIx, CliError>;

impl Asked {
    /// Finds it, or says why there is none.
    pub fn find(&self, dir: &Path) -> Result<(Found, Decision), CliError> {
        if !self.quick {
            return self.by_reading(Ledger::open_read_only(dir)?);
        }
        let ledger = Ledger::open_indexed(dir)?;
        if ledger.is_indexed() {
            return self.by_index(ledger);
        }
        anstream::eprintln!("! there is no index that can be used now: everything is read and checked instead");
        self.by_reading(ledger)
    }

    /// Reads and checks everything, and keeps what is needed for the decision: of a ledger that does not fit into memory one
    /// part, so that a single decision can be looked at of a ledger of any length.
    fn by_reading(&self, ledger: Ledger) -> Result<(Found, Decision), CliError> {
        let origin = ledger.origin().to_owned();
        if self.memory.holds(&ledger)? {
            let Loaded { world, bad, size, .. } = self.as_of.load(&ledger)?;
            let decision = replay::find(&world, &self.name);
            return Ok((Found { origin, world, bad, size, read: Read::All(Box::new(ledger)) }, decision));
        }
        let parts = self.as_of.load_parts(&ledger, self.memory.part_len())?;
        // One world is kept at most: of a name that is not unique none is asked for.
        let kept = Mutex::new(None);
        let found = parts.each(|world, _| {
            let found = matching(&world, &self.name);
            if !found.is_empty() {
                kept.lock().expect("no holder panics").get_or_insert(world);
            }
            Ok::<_, LedgerError>(found)
        })?;
        let world = kept.into_inner().expect("no holder panics").unwrap_or_default();
        let (decision, size) = (only(&self.name, &found.concat()), parts.size);
        Ok((Found { origin, world, bad: parts.bad, size, read: Read::All(Box::new(ledger)) }, decision))
    }

    /// Reads what the decision can rest on. The index only names entries: how far nothing is missing is what a bundle of evidence
    /// shows that is made of the same and checked as a stranger would, and says.
    fn by_index(&self, ledger: Ledger) -> Result<(Found, Decision), CliError> {
        let note = self.as_of.note(&ledger)?.map_or_else(|| ledger.last_note(), Ok)?;
        let seq = find(&ledger, &self.name, self.as_of.size(&ledger)?.unwrap_or(TreeSize(u64::MAX)))?;
        let (bundle, exhibits, checkpoint) = evidence::bundle_and_exhibits(&ledger, seq, &note)?;
        let (size, shown) = (checkpoint.size, bundle.entries.len());
        let gathered: Vec<Entry> = exhibits.into_values().map(|exhibit| exhibit.entry).collect();
        let read = gathered.len();
        anstream::eprintln!(
            "{read} entries read by the index, {shown} of them proved against the checkpoint over {}",
            size.0
        );
        bundle.completeness.iter().for_each(|said| anstream::eprintln!("! {said}"));
        let behind = ledger.look()?.size(ledger.standing()?.0)?.0.saturating_sub(size.0);
        if behind > 0 && !self.as_of.is_given() {
            let newer = "`inforce checkpoint` makes a newer one";
            anstream::eprintln!("! {behind} entries behind that checkpoint were not looked at: {newer}");
        }
        let world = World::of(&gathered);
        let decision = Ok(world.locate(seq).expect("it was gathered"));
        Ok((
            Found { origin: ledger.origin().to_owned(), world, bad: None, size, read: Read::Gathered(gathered) },
            decision,
        ))
    }
}

impl Found {
    /// The entries behind a judgement of it.
    pub fn evidence(&self, judgement: &Judgement) -> Result<Evidence, CliError> {
        let gathered = match &self.read {
            Read::All(ledger) => return gather(ledger, &self.world, self.size, judgement),
            Read::Gathered(entries) => entries,
        };
        let (wanted, mut evidence) = (Wanted::of(&self.world, judgement), Evidence::default());
        gathered.iter().filter(|entry| wanted.takes(&entry.header)).for_each(|entry| evidence.add(entry.clone()));
        Ok(evidence)
    }
}

/// The entries behind a judgement, among the first `size`.
pub(super) fn gather(
    ledger: &Ledger,
    world: &World,
    size: TreeSize,
    judgement: &Judgement,
) -> Result<Evidence, CliError> {
    let wanted = Wanted::of(world, judgement);
    let mut evidence = Evidence::default();
    // All but the texts of chats was checked when the world was loaded; of these, those that are shown are checked now.
    let is_wanted = |header: &Header| header.seq < size.0 && wanted.takes(header);
    ledger.each_wanted(is_wanted, |entry| evidence.add(entry))?;
    Ok(evidence)
}
