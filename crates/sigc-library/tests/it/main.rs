//! The library held against its own definitions, its worked examples, and recorded values.
#![allow(clippy::print_stdout, reason = "the golden tests say how much they compared, or that there was nothing to")]

mod args;
mod catalog;
mod examples;
mod golden;
mod run;
mod top_k;
