//! Sinks: where rows go.
//!
<<<<<<< HEAD
//! * [`csv_append`] appends the rows of a run to a file, each once, over any number of restarts.
//! * [`process`] hands them to a child process.
=======
//! * [`csv_append`] and [`jsonl`] append the rows of a run to a file, each once, over any number of restarts; what they
//!   share is in `append`.
//! * [`parquet`] writes the rows of a run to parts in a folder, each once, too.
//! * [`dynamodb`] is a step; its driver lives in `sigc-sink-dynamodb`.
>>>>>>> sinkaws
//! * [`table`] writes the table of a backfill, whole or not at all.

mod append;
pub mod csv_append;
pub mod dynamodb;
pub mod json;
pub mod jsonl;
mod line;
pub mod parquet;
mod paths;
pub mod process;
pub mod table;

use sigc_catalog::SinkStep;
use sigc_runtime::Driver;

/// All sinks that a pipeline can name. Those with a client of their own have their drivers in crates of their own.
<<<<<<< HEAD
pub static SINKS: &[&SinkStep] = &[&csv_append::step::CSV_APPEND, &process::step::PROCESS];

/// The drivers of this crate.
pub static DRIVERS: &[&Driver] = &[&csv_append::DRIVER, &process::DRIVER];
=======
pub static SINKS: &[&SinkStep] =
    &[&csv_append::step::CSV_APPEND, &jsonl::step::JSONL, &parquet::step::PARQUET, &dynamodb::step::DYNAMODB];

/// The drivers of this crate.
pub static DRIVERS: &[&Driver] = &[&csv_append::DRIVER, &jsonl::DRIVER, &parquet::DRIVER];
>>>>>>> sinkaws
