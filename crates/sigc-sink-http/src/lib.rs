//! Sinks that speak HTTP.
//!
//! * `clickhouse` inserts rows into a table and asks the table about rows whose fate is unknown.
//! * `webhook` sends rows to an address, each under a key by which the receiver knows it again.
//! * `http` is the client under both: one request, one answer, within a limit.
//!
//! Nothing here tries again: the run's outbox has the one retry schedule. Each is behind a cargo feature of its name.

#[cfg(feature = "clickhouse")]
pub mod clickhouse;
mod http;
#[cfg(feature = "webhook")]
pub mod webhook;

use sigc_runtime::Driver;

/// The drivers of this crate.
pub static DRIVERS: &[&Driver] = &[
    #[cfg(feature = "clickhouse")]
    &clickhouse::DRIVER,
    #[cfg(feature = "webhook")]
    &webhook::DRIVER,
];
