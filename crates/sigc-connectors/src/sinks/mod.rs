//! Sinks: where rows go.
//!
//! * [`csv_append`] appends the rows of a run to a file, each once, over any number of restarts.
//! * [`table`] writes the table of a backfill, whole or not at all.

pub mod csv_append;
mod line;
mod paths;
pub mod table;

use sigc_catalog::SinkStep;

/// All sinks that a pipeline can name.
pub static SINKS: &[&SinkStep] = &[&csv_append::step::CSV_APPEND];
