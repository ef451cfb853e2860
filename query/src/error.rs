//! What can go wrong while reading.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use arrow::error::ArrowError;
use datafusion::common::DataFusionError;
use storage::objects::Trouble;
use storage::{Code, Failure, is_missing_file};

/// Why a query, a read or an export failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text is not one query over the lake's tables.
    #[error("{message}")]
    InvalidQuery {
        /// What is wrong with it, as the planner says.
        message: String,
    },
    /// The statement would write, define, copy or set something.
    #[error("{statement} is not a read-only statement")]
    ReadOnly {
        /// The statement's first words.
        statement: String,
    },
    /// The statement is too long to be planned.
    #[error("the statement has {words} words and signs, more than {limit}")]
    TooComplex {
        /// How many it has, literals, commas and parentheses aside.
        words: usize,
        /// The limit.
        limit: usize,
    },
    /// The statement is too deep to be parsed.
    #[error("functions and subqueries are nested more than {limit} deep")]
    TooDeep {
        /// The limit.
        limit: usize,
    },
    /// More rows came out than the limit allows.
    #[error("the query gives more than {limit} rows")]
    TooManyRows {
        /// The limit.
        limit: usize,
    },
    /// The query ran longer than the limit allows.
    #[error("the query did not end within {} s", limit.as_secs_f64())]
    TooLong {
        /// The limit.
        limit: Duration,
    },
    /// The query needs more memory or spill space than the limits allow.
    #[error("the query needs more memory than it may have")]
    TooMuchMemory {
        /// What ran out.
        source: DataFusionError,
    },
    /// A parameter that means nothing.
    #[error("{name} cannot be {value:?}: {reason}")]
    InvalidArgument {
        /// The parameter.
        name: &'static str,
        /// What was given.
        value: String,
        /// What it must be.
        reason: String,
    },
    /// There is nothing of that name or id.
    #[error("there is no {what}")]
    NotFound {
        /// What was asked for.
        what: String,
    },
    /// A file that the export did not write is in its way.
    #[error("{file} was not written by an export")]
    ForeignFile {
        /// The file's path or URL.
        file: String,
    },
    /// A file or folder could not be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// An exported file is not what an export writes.
    #[error("cannot read {}: {reason}", path.display())]
    Exported {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Rows could not be put into the format asked for.
    #[error("cannot write rows as {format}")]
    Encode {
        /// The format.
        format: &'static str,
        /// Why.
        source: ArrowError,
    },
    /// Rows that are not as their table declares them.
    #[error("{table}: {problem}")]
    Malformed {
        /// The table.
        table: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// The lake or the catalog refused.
    #[error(transparent)]
    Storage(#[from] storage::Error),
    /// A read of ours could not be planned or run.
    #[error("cannot read {what}")]
    Read {
        /// What was read.
        what: &'static str,
        /// Why.
        source: DataFusionError,
    },
}

impl Failure for Error {
    fn code(&self) -> Code {
        match self {
            Self::InvalidQuery { .. } => Code::InvalidQuery,
            Self::ReadOnly { .. } => Code::ReadOnly,
            Self::TooComplex { .. }
            | Self::TooDeep { .. }
            | Self::TooManyRows { .. }
            | Self::TooLong { .. }
            | Self::TooMuchMemory { .. } => Code::QueryLimit,
            Self::InvalidArgument { .. } | Self::ForeignFile { .. } => Code::InvalidArgument,
            Self::NotFound { .. } => Code::NotFound,
            Self::Write { .. } => Code::UnreadablePath,
            Self::Malformed { .. } | Self::Exported { .. } => Code::Inconsistent,
            Self::Storage(error) => error.code(),
            Self::Read { source, .. } if is_missing_file(source) => Code::Conflict,
            Self::Read { source, .. } => match (of_storage(source), Trouble::below(source)) {
                (Some(error), _) => error.code(),
                (None, Some(_)) => Code::StoreUnavailable,
                (None, None) => Code::Internal,
            },
            Self::Encode { .. } => Code::Internal,
        }
    }

    fn try_next(&self) -> &'static str {
        match self {
            Self::InvalidQuery { .. } => {
                "list tables with SHOW TABLES and their columns with DESCRIBE table"
            }
            Self::ReadOnly { .. } => {
                "write one SELECT, WITH, VALUES, EXPLAIN, SHOW or DESCRIBE statement"
            }
            Self::TooDeep { .. } => "name the inner parts by WITH",
            Self::TooComplex { .. } => "ask in several statements, or with IN and a list",
            Self::TooManyRows { .. } => {
                "aggregate, filter or add LIMIT; for whole tables use `pacelake export`"
            }
            Self::TooLong { .. } => {
                "filter on athlete_id, start_time and activity_id, so that less is read"
            }
            Self::TooMuchMemory { .. } => {
                "ask for fewer columns or rows; for whole tables use `pacelake export`"
            }
            Self::InvalidArgument { .. } => "correct the argument",
            Self::NotFound { .. } => "list what there is with `pacelake ls`",
            Self::ForeignFile { .. } => "choose an empty folder, or move the file away",
            Self::Write { .. } => "check the path, its permissions and the free space",
            Self::Malformed { .. } => "run `pacelake check`",
            Self::Exported { .. } => "export again",
            Self::Encode { .. } => "choose another format",
            Self::Storage(error) => error.try_next(),
            Self::Read { source, .. } if is_missing_file(source) => {
                "try again: files were merged or purged meanwhile; if it stays, run `pacelake check`"
            }
            Self::Read { source, .. } => match (of_storage(source), Trouble::below(source)) {
                (Some(error), _) => error.try_next(),
                (None, Some(trouble)) => trouble.try_next(),
                (None, None) => "run `pacelake check`; if it finds nothing, report this as a bug",
            },
        }
    }
}

impl Error {
    /// An analyst's query failed: the text or its data are to blame, unless a
    /// limit was passed or the engine itself erred.
    pub(crate) fn of_query(error: DataFusionError) -> Self {
        if has_run_out(&error) {
            return Self::TooMuchMemory { source: error };
        }
        match error.find_root() {
            DataFusionError::Internal(_)
            | DataFusionError::ObjectStore(_)
            | DataFusionError::ParquetError(_)
            | DataFusionError::IoError(_)
            | DataFusionError::External(_)
            | DataFusionError::ExecutionJoin(_) => Self::Read {
                what: "the tables of the query",
                source: error,
            },
            _ => Self::InvalidQuery {
                message: error.strip_backtrace().trim().to_owned(),
            },
        }
    }

    /// A read that we wrote failed: the text cannot be to blame.
    pub(crate) fn of_read(what: &'static str, error: DataFusionError) -> Self {
        match has_run_out(&error) {
            true => Self::TooMuchMemory { source: error },
            false => Self::Read {
                what,
                source: error,
            },
        }
    }
}

/// Whether there was no memory left, or no disk space to spill to, which the
/// engine tells in words alone.
fn has_run_out(error: &DataFusionError) -> bool {
    matches!(error.find_root(), DataFusionError::ResourcesExhausted(_))
        || error.to_string().contains("max_temp_directory_size")
}

/// The storage's own error at the root of one of the engine's, where a scan
/// failed.
fn of_storage(error: &DataFusionError) -> Option<&storage::Error> {
    match error.find_root() {
        DataFusionError::External(source) => source.downcast_ref(),
        _ => None,
    }
}
