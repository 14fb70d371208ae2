//! Sources and sinks, one folder each.
//!
//! * [`bars`] reads bar files: csv, csv.gz, zip and parquet, checked row by row.
//! * [`generate`] makes bars from a seed, for trying a pipeline without any file.
//! * [`sinks`] stores rows: `csv_append` for a run, a table file for a backfill.

pub mod bars;
pub mod generate;
pub mod sinks;
