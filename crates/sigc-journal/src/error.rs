//! Why a journal cannot be opened, read or written, and what to do about it: E0520 to E0527.

use crate::identity::{Difference, SINKS};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why a journal cannot be used.
#[derive(Debug, Error)]
pub enum JournalError {
    /// It belongs to another pipeline, or to another version of this one.
    #[error("the journal `{}` belongs to another pipeline:{}", path.display(), Both(differences))]
    OtherPipeline {
        /// The file.
        path: PathBuf,
        /// What differs.
        differences: Vec<Difference>,
    },
    /// Its bytes are not what was written.
    #[error("the journal `{}` is damaged: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// Another process holds it.
    #[error("the journal `{}` is in use by another process", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// Another version of this program wrote it.
    #[error("the journal `{}` has format {found}, and this program reads format {known}", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// The format of the file.
        found: u32,
        /// The format this program reads.
        known: u32,
    },
    /// The disk is full, or the journal has grown to its limit.
    #[error("the journal `{}` cannot grow: {reason}", path.display())]
    Full {
        /// The file.
        path: PathBuf,
        /// Which limit was hit.
        reason: String,
    },
    /// There is none where one is to be read.
    #[error("there is no journal `{}`", path.display())]
    Absent {
        /// The file.
        path: PathBuf,
    },
    /// The system refused.
    #[error("cannot {action} the journal `{}`: {reason}", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// What was tried: `open`, `write`, ...
        action: &'static str,
        /// The system's answer.
        reason: String,
    },
    /// What was to be stored contradicts what is stored. Nothing of it was stored.
    #[error("the journal `{}` was given something that cannot be: {what}", path.display())]
    Contract {
        /// The file.
        path: PathBuf,
        /// The contradiction.
        what: String,
    },
}

impl JournalError {
    /// The code of the error's page.
    pub fn code(&self) -> &'static str {
        match self {
            JournalError::OtherPipeline { .. } => "E0520",
            JournalError::Damaged { .. } => "E0521",
            JournalError::InUse { .. } => "E0522",
            JournalError::Version { .. } => "E0523",
            JournalError::Full { .. } => "E0524",
            JournalError::Absent { .. } => "E0525",
            JournalError::Refused { .. } => "E0526",
            JournalError::Contract { .. } => "E0527",
        }
    }

    /// What to do about it.
    pub fn help(&self) -> &'static str {
        match self {
            JournalError::OtherPipeline { differences, .. } if differences.iter().all(|d| d.what == SINKS) => {
                "the state is sound, only the sinks are others: allow the change, and a new sink gets what is emitted \
                 from now on; or run with another `--state` folder"
            }
            JournalError::OtherPipeline { .. } => {
                "run with another `--state` folder, or move the old one away; a journal is never shared, since its \
                 state would give other rows"
            }
            JournalError::Damaged { .. } => {
                "move the file away and keep it; the next run starts anew from history, and its sinks leave out rows \
                 they already have"
            }
            JournalError::InUse { .. } => {
                "a run of this pipeline is in progress: stop it first, or give this one another `--state` folder"
            }
            JournalError::Version { .. } => {
                "run the version of sigc that wrote it, or move the folder away to start anew from history"
            }
            JournalError::Full { .. } => {
                "free some space, look for a sink that is far behind (`sigc audit` shows its backlog), or allow more; \
                 what was stored is whole, and the run goes on from there"
            }
            JournalError::Absent { .. } => {
                "name the folder of the run with `--state`, and take the pipeline file that was run; the first \
                 `sigc run` makes the journal"
            }
            JournalError::Refused { .. } => {
                "check that the folder is there, on a local disk, and writable for the user that runs this"
            }
            JournalError::Contract { .. } => {
                "this is a fault of sigc, not of the pipeline: please report it; nothing contradictory was stored"
            }
        }
    }
}

/// The differences, one a line, both sides.
struct Both<'a>(&'a [Difference]);

impl fmt::Display for Both<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for d in self.0 {
            write!(f, "\n  {}\n    in the journal   {}\n    in the pipeline  {}", d.what, d.journal, d.pipeline)?;
        }
        Ok(())
    }
}

/// What went wrong inside, before the file's name and the words of the user are known.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The store's own error.
    Store(Box<redb::Error>),
    /// Bytes that are not what was written.
    Damage(String),
    /// Another format.
    Version(u32),
    /// Another pipeline.
    Other(Vec<Difference>),
    /// A contradiction of what was to be stored.
    Contract(String),
    /// The limit of the options.
    Full(String),
}

/// All of redb's errors are one to us.
macro_rules! from_store {
    ($($error:ident)*) => {$(
        impl From<redb::$error> for Trouble {
            fn from(e: redb::$error) -> Trouble {
                Trouble::Store(Box::new(e.into()))
            }
        }
    )*};
}
from_store! { StorageError TableError TransactionError CommitError DatabaseError CompactionError SetDurabilityError }

impl Trouble {
    /// In the user's words.
    pub(crate) fn at(self, path: &Path, action: &'static str) -> JournalError {
        let path = path.to_owned();
        let damaged = |path, reason: String| JournalError::Damaged { path, reason };
        let error = match self {
            Trouble::Damage(reason) => return damaged(path, reason),
            Trouble::Version(found) => return JournalError::Version { path, found, known: crate::FORMAT },
            Trouble::Other(differences) => return JournalError::OtherPipeline { path, differences },
            Trouble::Contract(what) => return JournalError::Contract { path, what },
            Trouble::Full(reason) => return JournalError::Full { path, reason },
            Trouble::Store(error) => *error,
        };
        match error {
            redb::Error::Io(e) => refused(e, path, action),
            redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch => JournalError::InUse { path },
            e @ (redb::Error::Corrupted(_)
            | redb::Error::UpgradeRequired(_)
            | redb::Error::TableTypeMismatch { .. }
            | redb::Error::TableIsMultimap(_)
            | redb::Error::TableIsNotMultimap(_)
            | redb::Error::TypeDefinitionChanged { .. }
            | redb::Error::TableDoesNotExist(_)) => damaged(path, e.to_string()),
            redb::Error::PreviousIo => JournalError::Refused {
                path,
                action,
                reason: "an earlier write failed, so nothing more is stored".into(),
            },
            e => JournalError::Refused { path, action, reason: e.to_string() },
        }
    }
}

/// A system's answer in the user's words.
pub(crate) fn refused(e: io::Error, path: PathBuf, action: &'static str) -> JournalError {
    match e.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            JournalError::Full { path, reason: e.to_string() }
        }
        // What redb says of a file that is not one of its own, or that ends too soon.
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
            JournalError::Damaged { path, reason: e.to_string() }
        }
        _ => JournalError::Refused { path, action, reason: e.to_string() },
    }
}
