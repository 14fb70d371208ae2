//! `sinks.clickhouse`: opens, checks, asks and inserts.
//!
//! A reader sees each row once, by three guards:
//!
//! 1. rows whose fate is unknown are looked for in the table before they are inserted: those of a failed attempt, and
//!    after opening those that are no newer than the table's newest;
//! 2. an insert carries a deduplication token, so a server that remembers it (`non_replicated_deduplication_window`)
//!    drops a copy that it finished late;
//! 3. a `ReplacingMergeTree` ordered by a row's identity and read with `FINAL` shows one row of each, whatever happened.

mod open;
mod server;
mod sink;

pub use sink::ClickHouse;

use sigc_connectors::sinks::clickhouse::step::CLICKHOUSE;
use sigc_runtime::Driver;

/// The driver.
pub static DRIVER: Driver = Driver { step: &CLICKHOUSE, open: open::open, probe: open::probe };
