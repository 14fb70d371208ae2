//! Sinks: where rows go.
//!
//! * [`csv_append`] appends the rows of a run to a file, each once, over any number of restarts.
//! * [`clickhouse`] inserts them into a table, [`webhook`] sends them to an address.
//! * [`table`] writes the table of a backfill, whole or not at all.

pub mod clickhouse;
pub mod csv_append;
pub mod json;
mod key;
mod line;
mod paths;
pub mod table;
pub mod webhook;

use sigc_catalog::SinkStep;
use sigc_runtime::Driver;

/// All sinks that a pipeline can name. Those with a client of their own have their drivers in crates of their own.
pub static SINKS: &[&SinkStep] =
    &[&csv_append::step::CSV_APPEND, &clickhouse::step::CLICKHOUSE, &webhook::step::WEBHOOK];

/// The drivers of this crate.
pub static DRIVERS: &[&Driver] = &[&csv_append::DRIVER];
