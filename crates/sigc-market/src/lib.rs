//! Bars and time: what every other crate agrees on before there is a pipeline.
//!
//! A [`Bar`] is one **closed** candle of one symbol, half-open `[open, open + interval)` in UTC. Its identity is its
//! symbol and its open time. Every frame numbers its rows by [`Interval::index_of`], so a row number means the same
//! instant in every process.

mod bar;
mod interval;
mod symbol;
mod ts;

pub use bar::{Bar, Field, N_FIELDS, NULL};
pub use interval::{Interval, IntervalError};
pub use symbol::{Symbol, SymbolError};
pub use ts::Ts;
