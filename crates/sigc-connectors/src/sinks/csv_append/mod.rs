//! `csv_append`: rows of a run, one line each, appended to a file.
//!
//! Columns: those of a record ([`sigc_catalog::RECORD`]), the further ones behind `prediction`. Times are
//! ISO 8601 in UTC, numbers the shortest text that reads back as the same bits, a null an empty cell, quotes as RFC 4180
//! asks. Lines end in `\n`.

mod driver;
pub mod step;

#[cfg(test)]
pub(crate) use driver::format;
pub use driver::{CsvAppend, DRIVER, DedupColumn};
