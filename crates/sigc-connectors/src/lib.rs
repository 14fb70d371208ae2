//! Sources and sinks, one folder each.
//!
//! * [`bars`] reads bar files: csv, csv.gz, zip and parquet, checked row by row.
//! * [`generate`] makes bars from a seed, for trying a pipeline without any file.
//! * `sources` are the data steps, and [`venue`] how their exchanges are spoken to.
//! * [`sinks`] stores rows: files, and what is pure of other sinks; a table file for a backfill.

pub mod bars;
pub mod generate;
pub mod sinks;
mod sources;

pub use sources::{SOURCES, TIMER, VENUES, causes, clickhouse, retry_after, venue, words};

use sigc_catalog::Step;

/// All steps of this crate, for the catalog.
pub fn steps() -> impl Iterator<Item = Step> {
    SOURCES.iter().copied().map(Step::Data).chain(sinks::SINKS.iter().copied().map(Step::Sink))
}
