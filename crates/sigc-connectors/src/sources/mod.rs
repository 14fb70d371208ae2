//! Data steps: one file each with its pure facts. A source's connection stands beside them in a driver.

mod binance_futures;
mod binance_spot;
mod bybit_linear;
mod bybit_spot;
mod files;
mod spelling;

use sigc_catalog::DataStep;

/// All data steps.
pub static SOURCES: &[&DataStep] = &[
    &binance_futures::BINANCE_FUTURES,
    &binance_spot::BINANCE_SPOT,
    &bybit_linear::BYBIT_LINEAR,
    &bybit_spot::BYBIT_SPOT,
    &files::FILES,
];
