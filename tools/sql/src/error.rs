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
    #[error("{}", one_line(.0))]
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
            SqlError::Query(error) if own(error).is_some() => own(error).map_or(Exit::Failure, SqlError::exit),
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

/// What a scan failed of comes back from DataFusion as it was; shared, where several parts of a plan met it.
impl From<DataFusionError> for SqlError {
    fn from(error: DataFusionError) -> SqlError {
        match error {
            DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => SqlError::from(*inner),
            DataFusionError::External(inner) => match inner.downcast::<SqlError>() {
                Ok(own) => *own,
                Err(other) => SqlError::Query(DataFusionError::External(other)),
            },
            other => SqlError::Query(other),
        }
    }
}

/// What a scan failed of, behind whatever DataFusion put around it.
fn own(error: &DataFusionError) -> Option<&SqlError> {
    match error.find_root() {
        DataFusionError::External(inner) => inner.downcast_ref(),
        _ => None,
    }
}

impl From<SqlError> for DataFusionError {
    fn from(error: SqlError) -> DataFusionError {
        DataFusionError::External(Box::new(error))
    }
}

impl From<ArrowError> for SqlError {
    fn from(error: ArrowError) -> SqlError {
        SqlError::Query(error.into())
    }
}

/// The first line of what DataFusion says, without the names of its types.
fn one_line(error: &DataFusionError) -> String {
    if let Some(own) = own(error) {
        return own.to_string();
    }
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
        Some(first) if letters.clone().next().is_some_and(char::is_lowercase) => {
            format!("the query: {}{}", first.to_lowercase(), letters.as_str())
        }
        _ => format!("the query: {line}"),
    }
}
