//! Asking: one query, which only reads.
//!
//! Nothing of a ledger is ever written to a temporary file, where an erasure would not reach it: a query that needs more
//! memory than it is allowed fails.

use crate::error::SqlError;
use crate::provider::LedgerTable;
use crate::source::Source;
use crate::tables::TABLES;
use datafusion::arrow::datatypes::DataType;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::ListingOptions;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{GreedyMemoryPool, MemoryPool};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::physical_plan::SendableRecordBatchStream;
use datafusion::prelude::{SQLOptions, SessionConfig, SessionContext};
use std::path::Path;
use std::sync::Arc;

/// Judging and planning run on threads of the runtime: all have the stack of a first.
const STACK: usize = 8 << 20;

/// The runtime that queries run on.
pub fn runtime() -> Result<tokio::runtime::Runtime, SqlError> {
    let built = tokio::runtime::Builder::new_multi_thread().thread_stack_size(STACK).build();
    built.map_err(SqlError::file("threads".as_ref()))
}

/// What queries may hold, in bytes; the world that decisions are judged in comes on top of it.
pub fn memory(bytes: usize) -> Arc<dyn MemoryPool> {
    Arc::new(GreedyMemoryPool::new(bytes))
}

/// A session over a ledger.
pub fn over_ledger(source: &Arc<Source>, pool: Arc<dyn MemoryPool>) -> Result<SessionContext, SqlError> {
    let session = session(pool)?;
    for table in TABLES.iter() {
        session.register_table(table.name, Arc::new(LedgerTable::new(table, source.clone())))?;
    }
    Ok(session)
}

/// A session over an export of Parquet.
pub async fn over_export(dir: &Path, pool: Arc<dyn MemoryPool>) -> Result<SessionContext, SqlError> {
    crate::export::check(dir)?;
    let (session, dir) = (session(pool)?, dir.canonicalize().map_err(SqlError::file(dir))?);
    for table in TABLES.iter() {
        let day = vec![("day".to_owned(), DataType::Date32)];
        let options = ListingOptions::new(Arc::new(ParquetFormat::default()))
            .with_file_extension(".parquet")
            .with_table_partition_cols(day);
        let (schema, path) =
            (crate::cells::schema(table.columns.iter()), format!("{}/", dir.join(table.name).display()));
        session.register_listing_table(table.name, path, options, Some(schema), None).await?;
    }
    Ok(session)
}

fn session(pool: Arc<dyn MemoryPool>) -> Result<SessionContext, SqlError> {
    let disk = DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled);
    let runtime = RuntimeEnvBuilder::new().with_memory_pool(pool).with_disk_manager_builder(disk).build_arc()?;
    // The generic dialect takes a comma before a word such as `view` for the end of a list.
    let config =
        SessionConfig::new().with_information_schema(true).set_str("datafusion.sql_parser.dialect", "PostgreSQL");
    Ok(SessionContext::new_with_config_rt(config, runtime))
}

/// The rows that a query gives. It may only read: nothing is made, changed, set, or copied to a file.
pub async fn ask(session: &SessionContext, sql: &str) -> Result<SendableRecordBatchStream, SqlError> {
    let only_reads = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    let frame = session.sql_with_options(sql, only_reads).await?;
    Ok(frame.execute_stream().await?)
}
