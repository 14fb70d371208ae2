//! From bars to rows that reach their sinks.
//!
//! This crate knows no exchange and no file format: a [`Sink`] is anything that takes [`Record`]s in order.

pub mod record;
pub mod sink;

pub use record::{Record, RecordSchema};
pub use sink::{Sink, SinkError, Written};
