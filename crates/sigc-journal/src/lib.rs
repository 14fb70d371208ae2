//! The crash-safe store of a live run, and its ledger.
//!
//! A [`Journal`] is one file that one process writes. Every expected bar, and for every signal every row of its frame,
//! is accounted for in it, before any sink sees the row; so are the lanes' snapshots and how far each sink has come.
//! What is stored and how it reads is said in [`sigc_runtime::live::entry`]; a [`Batch`](entry::Batch) is stored whole
//! or not at all, and what [`Journal::commit`] has acknowledged survives a crash.
//!
//! Each row has one fate for each signal that has rows of its symbol. Rows that follow one another with the same fate,
//! and are not emitted, are one entry: an event that is quiet for a year takes no more room than one that was quiet
//! once. Counts are kept for each signal and symbol.
//!
//! - [`Identity`]: whose journal it is; another pipeline's is refused, and both sides are shown.
//! - [`Journal::open`]: makes or opens it, and gives [`Restored`](entry::Restored): what a run needs to go on.
//! - [`Journal::reader`], [`JournalReader::open`]: readers beside the writer, in this process and in others.
//! - [`Options`]: how much is kept. Old entries go, their counts stay.
//! - [`audit()`], [`why()`]: the ledger summed up, and one row of it.
//!
//! Everything read from the file is checked, and a file that is not as it was written is refused as a whole.

pub mod audit;
mod codec;
mod commit;
mod error;
mod identity;
mod journal;
mod prune;
mod reader;
mod restore;
mod run;
mod store;
mod tables;
mod tally;
pub mod why;

pub use audit::{Audit, audit};
pub use error::JournalError;
pub use identity::{Difference, Identity, SignalIdentity, SourceIdentity, default_state_dir};
pub use journal::{Journal, Opened, Options};
pub use reader::JournalReader;
pub use run::RunEntry;
pub use sigc_runtime::live::entry;
pub use store::FORMAT;
pub use why::{Why, why};
