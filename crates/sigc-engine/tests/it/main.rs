//! The engine's tests: ops against definitions and naive formulas, drivers against each other and the reference.

mod drivers;
mod world;
