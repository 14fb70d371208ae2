//! The engine's tests: ops against definitions and naive formulas, drivers against each other and the reference.

mod drivers;
mod gaps;
mod lookback;
mod naive;
mod ops;
mod snapshot;
mod universe;
mod world;
