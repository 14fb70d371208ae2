//! Sinks: where rows go.
//!
//! * [`csv_append`] appends the rows of a run to a file, each once, over any number of restarts.
//! * [`table`] writes the table of a backfill, whole or not at all.

pub mod address;
pub mod csv_append;
pub mod json;
mod line;
pub mod nats;
mod paths;
pub mod postgres;
pub mod table;

use sigc_catalog::SinkStep;
use sigc_runtime::Driver;

/// All sinks that a pipeline can name. Those with a client of their own have their drivers in crates of their own.
pub static SINKS: &[&SinkStep] = &[&csv_append::step::CSV_APPEND, &nats::step::NATS, &postgres::step::POSTGRES];

/// The drivers of this crate.
pub static DRIVERS: &[&Driver] = &[&csv_append::DRIVER];
