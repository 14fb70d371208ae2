//! Sinks: where rows go.
//!
//! * [`csv_append`] and [`jsonl`] append the rows of a run to a file, each once, over any number of restarts; what they
//!   share is in `append`.
//! * [`parquet`] writes the rows of a run to parts in a folder, each once, too.
//! * [`process`] hands them to a child process.
//! * [`clickhouse`], [`webhook`], [`dynamodb`], [`nats`] and [`postgres`] are steps; their drivers live in crates of
//!   their own, `sigc-sink-..`.
//! * [`table`] writes the table of a backfill, whole or not at all.

pub mod address;
mod append;
pub mod clickhouse;
pub mod csv_append;
pub mod dynamodb;
pub mod json;
pub mod jsonl;
mod key;
mod line;
pub mod nats;
pub mod parquet;
mod paths;
pub mod postgres;
pub mod process;
pub mod table;
pub mod webhook;

use sigc_catalog::SinkStep;
use sigc_runtime::Driver;

/// All sinks that a pipeline can name. Those with a client of their own have their drivers in crates of their own.
pub static SINKS: &[&SinkStep] = &[
    &csv_append::step::CSV_APPEND,
    &jsonl::step::JSONL,
    &parquet::step::PARQUET,
    &process::step::PROCESS,
    &clickhouse::step::CLICKHOUSE,
    &webhook::step::WEBHOOK,
    &dynamodb::step::DYNAMODB,
    &nats::step::NATS,
    &postgres::step::POSTGRES,
];

/// The drivers of this crate.
pub static DRIVERS: &[&Driver] = &[&csv_append::DRIVER, &jsonl::DRIVER, &parquet::DRIVER, &process::DRIVER];
