//! Every kind of sink, behind the whole program: killed, cut off, restarted under it, down for an hour, full.
//!
//! `.ci/services cargo test --workspace --test delivery`. Rows come from the simulated exchange, the truth from `sigc
//! backfill` over the bars that the exchange wrote down; what a sink holds is read by its own kind of client
//! (`read.py`): psql, boto3, the engine's SQL, pyarrow, a NATS consumer.

#![expect(clippy::print_stdout, reason = "long runs say what they saw")]

mod examples;
#[path = "../common/exchange.rs"]
#[allow(dead_code, reason = "the live tests use the rest")]
mod exchange;
mod full_disk;
mod kills;
mod outage;
mod service;
mod world;
