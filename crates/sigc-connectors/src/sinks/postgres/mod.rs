//! `sinks.postgres`: its pure facts. The client is in `sigc-sink-postgres`.

pub mod step;
