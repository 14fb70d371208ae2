//! Where emitted rows go.
//!
//! A [`Sink`] takes rows in order and says how many of them were new; the same row offered twice is stored once. What
//! it takes is durable after [`Sink::flush`]. Errors carry a code of the `E05xx` range, so they print like any other.

use crate::Record;
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
}

/// Why rows could not be stored: E0510 to E0512.
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
