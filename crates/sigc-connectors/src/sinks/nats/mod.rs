//! `sinks.nats`: its pure facts. The client is in `sigc-sink-nats`.

pub mod step;
pub mod subject;
