//! Where emitted rows go.
//!
//! A [`Sink`] takes rows in order and says how many of them were new; the same row offered twice is stored once. What
//! it takes is durable after [`Sink::flush`]. Errors carry a code of the `E05xx` range, so they print like any other.

use crate::Record;
use crate::live::outbox::Failure;
use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// A place that stores rows, each once.
pub trait Sink: Send {
    /// Stores `rows` in order, leaving out those it already has. After an error none of `rows` counts as stored, and
    /// offering them again is safe.
    fn write(&mut self, rows: &[Record]) -> Result<Written, SinkError>;

    /// Returns once everything written so far survives a crash of this machine.
    fn flush(&mut self) -> Result<(), SinkError>;

    /// Flushes and lets go of whatever the sink holds. Nothing is written afterwards.
    fn close(self: Box<Self>) -> Result<(), SinkError>;

    /// The sink in a few words for logs and messages, such as ``csv_append `out/signals.csv` ``.
    fn describe(&self) -> String;
}

/// What became of a batch of rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    /// Rows stored now.
    pub new: usize,
    /// Rows that were there already.
    pub duplicates: usize,
    /// Those of them that were there with another value: what is there stays.
    pub conflicts: usize,
}

/// Why rows could not be stored: E0510 to E0512 for files, E0540 to E0543 for what others serve.
#[derive(Debug, Error)]
pub enum SinkError {
    /// The file belongs to other columns.
    #[error("`{}` has the columns `{found}`, and this pipeline writes `{expected}`", path.display())]
    HeaderDiffers {
        /// The file.
        path: PathBuf,
        /// The header this run would write.
        expected: String,
        /// The header that is there, shortened if it is very long.
        found: String,
    },
    /// A line of an existing file is not a row of it.
    #[error("`{}`, line {line}: {reason}", path.display())]
    BadLine {
        /// The file.
        path: PathBuf,
        /// Line number, the header being line 1.
        line: u64,
        /// What is wrong with the line.
        reason: String,
    },
    /// The rows and the columns of the file do not go together.
    #[error("`{}` cannot hold these columns: {reason}", path.display())]
    Columns {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// The output is there already and was not to be replaced.
    #[error("`{}` exists already", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Another process writes the file.
    #[error("`{}` is being written by another process", path.display())]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// A service was not reached, is overloaded, or did not answer in time. Another attempt may work.
    #[error("{sink}: {reason}")]
    Unavailable {
        /// The sink, as [`Sink::describe`] says.
        sink: String,
        /// What happened; no secrets.
        reason: String,
        /// The rows may have been stored nevertheless.
        unknown: bool,
    },
    /// A service refuses this user, or these rows, and will do so again.
    #[error("{sink}: {reason}")]
    Denied {
        /// The sink.
        sink: String,
        /// What it said; no secrets.
        reason: String,
        /// What to do about it.
        help: String,
    },
    /// The table, stream or file that rows go to is not there, or has no place for them.
    #[error("{sink}: {reason}")]
    Unfit {
        /// The sink.
        sink: String,
        /// What does not fit.
        reason: String,
        /// What to do about it: the statement that makes a table that fits.
        help: String,
    },
    /// This program cannot open the sink.
    #[error("{sink}: {reason}")]
    Unsupported {
        /// The sink.
        sink: String,
        /// Why.
        reason: String,
        /// What to do about it.
        help: String,
    },
    /// The system refused.
    #[error("cannot {action} `{}`: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What was tried: `open`, `write to`, ...
        action: &'static str,
        /// The system's answer.
        source: io::Error,
    },
}

impl SinkError {
    /// The code of the error's page.
    pub fn code(&self) -> &'static str {
        match self {
            SinkError::HeaderDiffers { .. } | SinkError::BadLine { .. } | SinkError::Columns { .. } => "E0510",
            SinkError::Exists { .. } => "E0511",
            SinkError::Locked { .. } | SinkError::Write { .. } => "E0512",
            SinkError::Unavailable { .. } => "E0540",
            SinkError::Denied { .. } => "E0541",
            SinkError::Unfit { .. } => "E0542",
            SinkError::Unsupported { .. } => "E0543",
        }
    }

    /// What an attempt that ended so means for the rows.
    pub fn failure(&self) -> Failure {
        match self {
            SinkError::Unavailable { unknown: true, .. } => Failure::Unknown,
            SinkError::Unavailable { .. } | SinkError::Write { .. } | SinkError::Locked { .. } => Failure::Retryable,
            SinkError::HeaderDiffers { .. }
            | SinkError::BadLine { .. }
            | SinkError::Columns { .. }
            | SinkError::Exists { .. }
            | SinkError::Denied { .. }
            | SinkError::Unfit { .. }
            | SinkError::Unsupported { .. } => Failure::Refused,
        }
    }

    /// What to do about it.
    pub fn help(&self) -> String {
        match self {
            SinkError::HeaderDiffers { .. } => {
                "give the pipeline another `path`, or move the old file away; rows of different columns are never mixed"
                    .to_owned()
            }
            SinkError::BadLine { .. } => {
                "mend or remove that line; only a torn last line is cut off by itself".to_owned()
            }
            SinkError::Columns { .. } => "rename the column".to_owned(),
            SinkError::Exists { .. } => "choose another path, or ask for the file to be overwritten".to_owned(),
            SinkError::Unavailable { .. } => {
                "check that the service runs and that its address is right; a run keeps the rows and tries again"
                    .to_owned()
            }
            SinkError::Denied { help, .. } | SinkError::Unfit { help, .. } | SinkError::Unsupported { help, .. } => {
                help.clone()
            }
            SinkError::Locked { .. } => "stop the other run, or give this one another path".to_owned(),
            SinkError::Write { source, .. } => match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    "free some space and run again; rows that were already stored are not written twice".to_owned()
                }
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                    "make the folder writable for the user that runs this, or choose another path".to_owned()
                }
                _ => "check that the path is a file in a folder that can be written".to_owned(),
            },
        }
    }
}
