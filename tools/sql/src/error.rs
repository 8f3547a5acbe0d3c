//! What can go wrong, and how to exit then: as `inforce` does.

use datafusion::arrow::error::ArrowError;
use datafusion::error::DataFusionError;
use datafusion::parquet::errors::ParquetError;
use inforce::cli::{CliError, Exit};
use inforce::ledger::{LedgerError, Problem};
use std::io;
use std::path::{Path, PathBuf};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum SqlError {
    #[error(transparent)]
    Cli(#[from] CliError),
    #[error(
        "the ledger was tampered with: entry {}: {}; no answer is given: `inforce verify` tells more", .0.seq, .0.what
    )]
    Damaged(Problem),
    #[error("{0}")]
    Usage(String),
    #[error("the query: {}", one_line(.0))]
    Query(DataFusionError),
    #[error("`{}`: {}", .0.display(), .1)]
    File(PathBuf, io::Error),
    #[error("`{}` is not empty: an export needs a folder of its own", .0.display())]
    NotEmpty(PathBuf),
    #[error("`{}` is in the folder of the ledger: name a folder outside it", .0.display())]
    Inside(PathBuf),
    #[error("`{}` holds no export: {}; `inforce export --parquet DIR` makes one", .0.display(), .1)]
    NoExport(PathBuf, String),
    #[error("stdout is closed")]
    ClosedPipe,
}

impl SqlError {
    /// The code to exit with.
    pub fn exit(&self) -> Exit {
        match self {
            SqlError::Cli(error) => error.exit(),
            SqlError::Damaged(_) => Exit::Broken,
            SqlError::Usage(_) => Exit::Usage,
            SqlError::Query(error) => match error.find_root() {
                DataFusionError::SQL(..) | DataFusionError::Plan(_) | DataFusionError::SchemaError(..) => Exit::Usage,
                _ => Exit::Failure,
            },
            SqlError::ClosedPipe => Exit::Done,
            _ => Exit::Failure,
        }
    }

    /// Of a file or folder.
    pub fn file(path: &Path) -> impl FnOnce(io::Error) -> SqlError {
        let path = path.to_owned();
        move |error| SqlError::File(path, error)
    }

    /// Of a Parquet file that is written.
    pub fn parquet(path: &Path) -> impl FnOnce(ParquetError) -> SqlError {
        let path = path.to_owned();
        move |error| SqlError::File(path, io::Error::other(error))
    }
}

impl From<LedgerError> for SqlError {
    fn from(error: LedgerError) -> SqlError {
        SqlError::Cli(error.into())
    }
}

/// What a scan failed of comes back from DataFusion as it was.
impl From<DataFusionError> for SqlError {
    fn from(error: DataFusionError) -> SqlError {
        let shared = |error: DataFusionError| match error {
            DataFusionError::External(inner) => {
                inner.downcast::<SqlError>().map_or_else(|other| SqlError::Query(DataFusionError::External(other)), |own| *own)
            }
            other => SqlError::Query(other),
        };
        match error {
            DataFusionError::Context(_, inner) => SqlError::from(*inner),
            other => shared(other),
        }
    }
}

impl From<SqlError> for DataFusionError {
    fn from(error: SqlError) -> DataFusionError {
        DataFusionError::External(Box::new(error))
    }
}

impl From<ArrowError> for SqlError {
    fn from(error: ArrowError) -> SqlError {
        match error {
            ArrowError::IoError(_, error) if error.kind() == io::ErrorKind::BrokenPipe => SqlError::ClosedPipe,
            other => SqlError::Query(other.into()),
        }
    }
}

/// The first line of what DataFusion says, without the names of its types.
fn one_line(error: &DataFusionError) -> String {
    let root = error.find_root();
    let message = match root {
        DataFusionError::SQL(error, _) => match &**error {
            datafusion::sql::sqlparser::parser::ParserError::ParserError(message)
            | datafusion::sql::sqlparser::parser::ParserError::TokenizerError(message) => message.clone(),
            other => other.to_string(),
        },
        other => other.message().into_owned(),
    };
    let line = message.lines().next().unwrap_or_default().trim();
    let mut letters = line.chars();
    match letters.next() {
        Some(first) if !line.starts_with("SQL") => first.to_lowercase().chain(letters).collect(),
        _ => line.to_owned(),
    }
}
