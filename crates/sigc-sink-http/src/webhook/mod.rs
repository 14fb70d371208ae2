//! `sinks.webhook`: sends rows to an address, each under a key by which the receiver knows it again.
//!
//! Nobody can look into the receiver, so what is sent again after a lost answer or a restart is sent again: a row is
//! there once for a reader if the receiver takes every key once. The key of a row is the same in every process.

mod request;
mod sink;

pub use request::{batch_key, row_key, signature};
pub use sink::{DRIVER, Webhook};
