//! Runs over real sockets against the simulated exchange: minutes, not seconds.
//!
//! Not part of a plain `cargo test`; `.ci/run` calls `cargo test -p sigc --test live`. The truth comes from the
//! exchange, which writes the bars it told of; `sigc backfill` computes them by the panel driver, and the rows of the
//! live run must be the same text in every cell.

#![expect(clippy::print_stdout, reason = "long runs say what they saw")]

#[path = "../common/checkpoint.rs"]
mod checkpoint;
mod cycles;
#[path = "../common/exchange.rs"]
mod exchange;
mod fixture;
mod kill;
mod load;
mod signals;
mod stall;
mod thirty_days;
mod universe;
