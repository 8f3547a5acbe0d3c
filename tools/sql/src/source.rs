//! The ledger, read once for every scan of a query: a pass that checks everything fills the rows of entries, and the world
//! that decisions are judged in where one is needed. Where verdicts are kept for the ledger as it stands, and are all that
//! a query asks for, they are read instead.
//!
//! INVARIANT (one state): every scan of a query sees the same entries, those of the first pass or of the verdicts that were
//! kept, whatever is recorded since. Either all scans of a query read what was kept, or none.

use crate::bounds::Bounds;
use crate::cells::{BATCH_ROWS, Rows, schema};
use crate::error::SqlError;
use crate::kept::Kept;
use crate::tables::{self, From, Table};
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};
use inforce::cli::AsOf;
use inforce::entry::Entry;
use inforce::ledger::{Ledger, LedgerError, Problem};
use inforce::merkle::{NodeHash, TreeSize};
use inforce::timeline::{NodeIx, World};
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, Weak};

/// Which rows and columns of a table are wanted.
pub struct Demand {
    /// Of which table.
    pub table: &'static Table,
    /// Its columns, by number.
    pub projection: Vec<usize>,
    /// The columns as a schema.
    pub schema: SchemaRef,
    /// Which rows.
    pub bounds: Bounds,
    /// How many at most.
    pub limit: Option<usize>,
    /// Rows of entries, once the pass was made.
    filled: OnceLock<Filled>,
    /// Kept verdicts to read instead, once it was asked whether there are any.
    kept: OnceLock<Option<Arc<Kept>>>,
}

/// Rows of entries.
pub struct Filled {
    /// In the order of seq.
    pub batches: Vec<RecordBatch>,
    /// What they hold of the memory allowed.
    held: MemoryReservation,
}

impl Demand {
    /// All rows and columns of a table, narrowed.
    pub fn new(table: &'static Table, projection: Vec<usize>, bounds: Bounds, limit: Option<usize>) -> Demand {
        let schema = schema(projection.iter().map(|&ix| &table.columns[ix]));
        Demand { table, projection, schema, bounds, limit, filled: OnceLock::new(), kept: OnceLock::new() }
    }

    /// True if kept verdicts say everything that is wanted.
    fn is_of_verdicts(&self) -> bool {
        self.table.from_kept(&self.projection).is_some() && !self.bounds.ask_for_bodies()
    }

    /// The rows of entries, once [`Source::fill`] read for them.
    pub fn filled(&self) -> Option<&Filled> {
        self.filled.get()
    }
}

/// What the first pass found, or was kept, and every later one must find again.
struct Read {
    /// How many entries there are.
    size: TreeSize,
    /// The root over them.
    root: NodeHash,
    /// What decisions are judged in, if that was needed.
    world: Option<Arc<World>>,
}

/// A ledger at one moment.
pub struct Source {
    ledger: Ledger,
    as_of: AsOf,
    pool: Arc<dyn MemoryPool>,
    /// False if everything is to be judged, whatever was kept.
    may_use_kept: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    read: Option<Read>,
    /// What `read` tells of, if it was kept.
    kept: Option<Arc<Kept>>,
    /// Scans that were planned; one that was given up is dropped.
    planned: Vec<Weak<Demand>>,
}

impl Source {
    /// Opens the ledger for reading.
    pub fn open(dir: &Path, as_of: AsOf, pool: Arc<dyn MemoryPool>) -> Result<Source, SqlError> {
        let (ledger, may_use_kept) = (Ledger::open_read_only(dir)?, !as_of.is_given());
        Ok(Source { ledger, as_of, pool, may_use_kept, state: Mutex::default() })
    }

    /// Reads, checks and judges everything anew, whatever was kept.
    pub fn judging_anew(self) -> Source {
        Source { may_use_kept: false, ..self }
    }

    /// The ledger.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Notes a scan: the pass fills it with all others.
    pub fn plan(&self, demand: &Arc<Demand>) {
        self.state.lock().expect("no holder panics").planned.push(Arc::downgrade(demand));
    }

    /// The verdicts to read for `demand`, if they were kept for the ledger as it stands and every scan that was planned asks
    /// for nothing else.
    pub fn kept(&self, demand: &Demand) -> Option<Arc<Kept>> {
        if demand.kept.get().is_none() {
            self.choose(&mut self.state.lock().expect("no holder panics"));
        }
        demand.kept.get().cloned().flatten()
    }

    /// Says of every scan that was planned what it reads.
    fn choose(&self, state: &mut State) {
        let planned: Vec<Arc<Demand>> = state.planned.iter().filter_map(Weak::upgrade).collect();
        let open: Vec<&Arc<Demand>> = planned.iter().filter(|demand| demand.kept.get().is_none()).collect();
        let may_use = self.may_use_kept && planned.iter().all(|demand| demand.is_of_verdicts());
        let found = match state.read {
            None if may_use => Kept::open(&self.ledger).map(Arc::new),
            _ => state.kept.clone(),
        };
        let kept = found.filter(|kept| may_use && open.iter().all(|demand| kept.is_whole_for(demand)));
        if let (Some(kept), None) = (&kept, &state.read) {
            let (size, root) = kept.state();
            state.read = Some(Read { size, root, world: None });
            state.kept = Some(kept.clone());
        }
        for demand in open {
            let _ = demand.kept.set(kept.clone());
        }
    }

    /// The rows that `demand` wants of entries are there afterwards; returns how many entries were read for them.
    pub fn fill(&self, demand: &Demand) -> Result<u64, SqlError> {
        let mut state = self.state.lock().expect("no holder panics");
        if demand.filled.get().is_none() {
            self.read(&mut state)?;
        }
        Ok(state.read.as_ref().map_or(0, |read| read.size.0))
    }

    /// The world of the ledger, and how many entries were read for it.
    pub fn world(&self) -> Result<(Arc<World>, u64), SqlError> {
        let mut state = self.state.lock().expect("no holder panics");
        if state.read.as_ref().is_none_or(|read| read.world.is_none()) {
            self.read(&mut state)?;
        }
        let read = state.read.as_ref().expect("read just now");
        Ok((read.world.clone().expect("a scan of decisions was planned"), read.size.0))
    }

    /// One pass for every scan that was planned and is not filled.
    fn read(&self, state: &mut State) -> Result<(), SqlError> {
        let planned: Vec<Arc<Demand>> = state.planned.iter().filter_map(Weak::upgrade).collect();
        let (of_entries, of_decisions): (Vec<_>, Vec<_>) =
            planned.into_iter().partition(|demand| matches!(demand.table.from, From::Entries(..)));
        let open: Vec<&Demand> =
            of_entries.iter().map(|demand| &**demand).filter(|demand| demand.filled.get().is_none()).collect();
        let held = state.read.as_ref().and_then(|read| read.world.clone());
        let wants_world = held.is_none() && !of_decisions.is_empty();
        let register = |demand: &&Demand| MemoryConsumer::new(demand.table.name).register(&self.pool);
        let start = || open.iter().map(|demand| Filled { batches: Vec::new(), held: register(demand) }).collect();
        let keep = |filled: &mut Vec<Filled>, number: usize, batch: RecordBatch| {
            filled[number].held.try_grow(batch.get_array_memory_size())?;
            filled[number].batches.push(batch);
            Ok(())
        };
        let size = state.read.as_ref().map(|read| read.size);
        let passed = self.pass(size, &open, wants_world, start, keep)?;
        if state.read.as_ref().is_some_and(|read| read.root != passed.root) {
            let what = "it was changed between two readings".to_owned();
            return Err(SqlError::Damaged(Problem { seq: 0, place: None, what }));
        }
        for (demand, filled) in open.iter().zip(passed.kept) {
            let _ = demand.filled.set(filled);
        }
        let world = held.or(passed.world.map(Arc::new));
        state.read = Some(Read { size: passed.size, root: passed.root, world });
        Ok(())
    }

    /// Reads and checks everything, and hands the rows of entries that are wanted to `keep`, batch by batch, in what `start`
    /// makes; with the world, if that is wanted too. A ledger that is not what was recorded is refused.
    pub fn pass<K>(
        &self,
        size: Option<TreeSize>,
        demands: &[&Demand],
        wants_world: bool,
        start: impl Fn() -> K,
        keep: impl Fn(&mut K, usize, RecordBatch) -> Result<(), SqlError>,
    ) -> Result<Passed<K>, SqlError> {
        let moment = match size {
            Some(_) => None,
            None => self.as_of.moment(&self.ledger)?,
        };
        let size = size.or(moment.as_ref().map(|moment| moment.size));
        let begin = || Taking::new(demands, wants_world, start());
        let reading = self.ledger.read_as_of(size, begin, |taking, entry| taking.take(demands, entry, &keep));
        let mut reading = reading.map_err(|error| match error {
            LedgerError::BeyondTree { .. } => SqlError::Usage(format!("--as-of: {error}")),
            other => other.into(),
        })?;
        if let Some(bad) = reading.bad {
            return Err(SqlError::Damaged(bad));
        }
        if let Some(moment) = moment {
            moment.check(reading.root)?;
        }
        reading.gathered.finish(&keep);
        let Taking { mut world, kept, failed, .. } = reading.gathered;
        match failed {
            Some(error) => Err(error),
            None => {
                world.iter_mut().for_each(World::finish);
                Ok(Passed { world, kept, size: reading.size, root: reading.root })
            }
        }
    }
}

/// What one pass gave.
#[allow(missing_docs)]
pub struct Passed<K> {
    pub world: Option<World>,
    pub kept: K,
    pub size: TreeSize,
    pub root: NodeHash,
}

/// A pass under way.
struct Taking<K> {
    world: Option<World>,
    rows: Vec<Rows>,
    taken: Vec<usize>,
    kept: K,
    /// The first rows that could not be kept: nothing is taken after them.
    failed: Option<SqlError>,
}

impl<K> Taking<K> {
    fn new(demands: &[&Demand], wants_world: bool, kept: K) -> Taking<K> {
        let rows = demands.iter().map(|demand| Rows::new(&demand.table.columns, &demand.projection)).collect();
        let world = wants_world.then(World::default);
        Taking { world, rows, taken: vec![0; demands.len()], kept, failed: None }
    }

    fn take(
        &mut self,
        demands: &[&Demand],
        entry: &Entry,
        keep: &impl Fn(&mut K, usize, RecordBatch) -> Result<(), SqlError>,
    ) {
        if self.failed.is_some() {
            return;
        }
        if let Some(world) = &mut self.world {
            world.add(entry);
        }
        let key = tables::key(entry);
        for (number, demand) in demands.iter().enumerate() {
            let From::Entries(kinds, fill) = demand.table.from else { continue };
            let wanted = (kinds.is_empty() || kinds.contains(&key.kind)) && demand.bounds.admit(&key);
            if !wanted || demand.limit.is_some_and(|limit| self.taken[number] >= limit) {
                continue;
            }
            fill(entry, &mut self.rows[number].row());
            self.taken[number] += 1;
            if self.rows[number].len() == BATCH_ROWS {
                self.hand_on(number, keep);
            }
        }
    }

    fn hand_on(&mut self, number: usize, keep: &impl Fn(&mut K, usize, RecordBatch) -> Result<(), SqlError>) {
        if let Err(error) = keep(&mut self.kept, number, self.rows[number].take()) {
            self.failed.get_or_insert(error);
        }
    }

    fn finish(&mut self, keep: &impl Fn(&mut K, usize, RecordBatch) -> Result<(), SqlError>) {
        for number in 0..self.rows.len() {
            if !self.rows[number].is_empty() && self.failed.is_none() {
                self.hand_on(number, keep);
            }
        }
    }
}

/// The decisions that `demand` wants, in the order of seq.
pub fn decisions(world: &World, demand: &Demand) -> Vec<NodeIx> {
    tables::keys(world).filter(|(_, key)| demand.bounds.admit(key)).map(|(node, _)| node).collect()
}
