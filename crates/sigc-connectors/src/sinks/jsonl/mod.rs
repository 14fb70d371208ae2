//! `jsonl`: rows of a run, one JSON object a line, appended to a file or printed.
//!
//! Fields: those of a record ([`sigc_catalog::RECORD`]) in order, as [`crate::sinks::json`] writes them.

mod driver;
pub mod step;

pub use driver::{DRIVER, Jsonl};
pub(crate) use driver::{JsonLines, format};
