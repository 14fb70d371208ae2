//! From bars to rows that reach their sinks.
//!
//! This crate knows no exchange and no file format: a [`Sink`] is anything that takes [`Record`]s in order.

pub mod driver;
pub mod live;
pub mod merge;
pub mod record;
pub mod replay;
pub mod signals;
pub mod sink;
pub mod venue;
pub mod verify;

pub use driver::{Driver, Opened, Opening};
pub use record::{Cell, Field, Record, RecordSchema, SignalName, Subscription};
pub use sink::{Sink, SinkError, Written};
