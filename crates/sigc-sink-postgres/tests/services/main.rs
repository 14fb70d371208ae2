//! `sinks.postgres` against a real PostgreSQL: `.ci/services cargo test -p sigc-sink-postgres --test services`.
//!
//! What is stored is read back by `psql`, which shares no code with the sink.

#![allow(missing_docs)]

mod faults;
mod fits;
mod world;
