//! A table as DataFusion sees it, and a scan of it. `EXPLAIN` shows what a scan is narrowed to, and whether it reads the journal
//! or kept verdicts; `EXPLAIN ANALYZE` how many entries it read, and how many decisions were judged for it, or looked up.

use crate::bounds::Bounds;
use crate::cells::schema;
use crate::error::SqlError;
use crate::judging::in_order;
use crate::source::{Demand, Source, decisions};
use crate::tables::{From, Table};
use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result;
use datafusion::execution::TaskContext;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_expr::expressions::col;
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{Count, ExecutionPlanMetricsSet, MetricBuilder, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchReceiverStreamBuilder;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties, SendableRecordBatchStream,
};
use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Batches ahead of who reads them.
const AHEAD: usize = 2;

/// A table of a ledger.
pub struct LedgerTable {
    table: &'static Table,
    source: Arc<Source>,
    schema: SchemaRef,
}

impl LedgerTable {
    /// That table of that ledger.
    pub fn new(table: &'static Table, source: Arc<Source>) -> LedgerTable {
        LedgerTable { table, source, schema: schema(table.columns.iter()) }
    }
}

impl fmt::Debug for LedgerTable {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_struct("LedgerTable").field("name", &self.table.name).finish_non_exhaustive()
    }
}

#[async_trait]
impl TableProvider for LedgerTable {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let how = |filter: &&Expr| match Bounds::default().take(filter) {
            true => TableProviderFilterPushDown::Exact,
            false => TableProviderFilterPushDown::Unsupported,
        };
        Ok(filters.iter().map(how).collect())
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let projection = projection.cloned().unwrap_or_else(|| (0..self.table.columns.len()).collect());
        let demand = Arc::new(Demand::new(self.table, projection, Bounds::of(filters), limit));
        self.source.plan(&demand);
        Ok(Arc::new(LedgerScan::new(demand, self.source.clone())))
    }
}

/// A scan of a table: one stream, in the order of seq.
struct LedgerScan {
    demand: Arc<Demand>,
    source: Arc<Source>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl LedgerScan {
    fn new(demand: Arc<Demand>, source: Arc<Source>) -> LedgerScan {
        let mut equivalence = EquivalenceProperties::new(demand.schema.clone());
        if let Ok(seq) = col("seq", &demand.schema) {
            let options = SortOptions { descending: false, nulls_first: false };
            equivalence.add_ordering([PhysicalSortExpr::new(seq, options)]);
        }
        let one = Partitioning::UnknownPartitioning(1);
        let properties = PlanProperties::new(equivalence, one, EmissionType::Incremental, Boundedness::Bounded);
        LedgerScan { demand, source, properties: Arc::new(properties), metrics: ExecutionPlanMetricsSet::new() }
    }
}

impl fmt::Debug for LedgerScan {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_struct("LedgerScan").field("table", &self.demand.table.name).finish_non_exhaustive()
    }
}

impl DisplayAs for LedgerScan {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        let demand = &self.demand;
        let columns: Vec<&str> = demand.projection.iter().map(|&ix| demand.table.columns[ix].name).collect();
        write!(f, "LedgerScan: {} [{}]{}", demand.table.name, columns.join(", "), demand.bounds)?;
        demand.limit.map_or(Ok(()), |limit| write!(f, " limit={limit}"))?;
        let from = if self.source.kept(demand).is_some() { "kept verdicts" } else { "the journal" };
        write!(f, " from {from}")
    }
}

impl ExecutionPlan for LedgerScan {
    fn name(&self) -> &str {
        "LedgerScan"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, _: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(&self, partition: usize, _: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let mut builder = RecordBatchReceiverStreamBuilder::new(self.demand.schema.clone(), AHEAD);
        let (sender, demand, source) = (builder.tx(), self.demand.clone(), self.source.clone());
        let count = |name: &'static str| MetricBuilder::new(&self.metrics).counter(name, partition);
        let counts = Counts {
            read: count("entries_read"),
            judged: count("decisions_judged"),
            looked_up: count("decisions_looked_up"),
            rows: count("rows"),
        };
        builder.spawn_blocking(move || {
            // Whoever reads the rows may have gone: with a limit, say.
            run(&source, &demand, &counts, |batch| match sender.blocking_send(Ok(batch)) {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            })
            .map_err(Into::into)
        });
        Ok(builder.build())
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

/// What `EXPLAIN ANALYZE` shows of a scan.
struct Counts {
    read: Count,
    judged: Count,
    looked_up: Count,
    rows: Count,
}

/// Hands the rows of a scan to `send` until that has enough.
fn run(
    source: &Source,
    demand: &Demand,
    counts: &Counts,
    mut send: impl FnMut(RecordBatch) -> ControlFlow<()>,
) -> Result<(), SqlError> {
    let mut left = demand.limit.unwrap_or(usize::MAX);
    let mut hand_out = |batch: RecordBatch| {
        let batch = batch.slice(0, left.min(batch.num_rows()));
        left -= batch.num_rows();
        counts.rows.add(batch.num_rows());
        if batch.num_rows() > 0 && send(batch).is_break() || left == 0 {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    };
    if let From::Entries(..) = demand.table.from {
        counts.read.add(source.fill(demand)? as usize);
        let filled = demand.filled().expect("filled just now");
        let _ = filled.batches.iter().cloned().try_for_each(hand_out);
        return Ok(());
    }
    if let (Some(kept), Some(from)) = (source.kept(demand), demand.table.from_kept(&demand.projection)) {
        return kept.in_order(demand, from, |decisions, batch| {
            counts.looked_up.add(decisions);
            hand_out(batch)
        });
    }
    let (world, read) = source.world()?;
    counts.read.add(read as usize);
    let wanted = (demand.table, &demand.projection[..]);
    let needs_verdict = demand.table.needs_verdict(&demand.projection);
    in_order(&world, &decisions(&world, demand), &[wanted], |decided, batches| {
        counts.judged.add(if needs_verdict { decided } else { 0 });
        batches.into_iter().try_for_each(&mut hand_out)
    })
}
