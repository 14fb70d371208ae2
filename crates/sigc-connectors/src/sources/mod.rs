//! Data steps: the pure facts of each, and how its venue is spoken to.
//!
//! A folder holds the products of one exchange: a file per product with its data step and its limits, and beside them
//! the readers and writers they share. Nothing here does I/O; see [`sigc_runtime::venue`] for the contract.

mod binance;
mod bybit;
pub mod clickhouse;
mod files;
mod spelling;
mod timer;
mod wire;

pub use timer::TIMER;
pub use wire::{causes, retry_after, words};

use sigc_catalog::DataStep;
use sigc_runtime::venue::Venue;

/// All data steps.
pub static SOURCES: &[&DataStep] = &[
    &binance::futures::BINANCE_FUTURES,
    &binance::spot::BINANCE_SPOT,
    &bybit::linear::BYBIT_LINEAR,
    &bybit::spot::BYBIT_SPOT,
    &clickhouse::step::STEP,
    &files::FILES,
    &timer::STEP,
];

/// All venues, in the order of their data steps.
pub static VENUES: &[&dyn Venue] =
    &[&binance::futures::VENUE, &binance::spot::VENUE, &bybit::linear::VENUE, &bybit::spot::VENUE];

/// The venue behind a data step, by the step's name; `None` for steps without a venue.
pub fn venue(name: &str) -> Option<&'static dyn Venue> {
    VENUES.iter().copied().find(|v| v.name() == name)
}
