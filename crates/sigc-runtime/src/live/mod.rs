//! The decisions of a live run, as machines without a clock, sockets or threads.
//!
//! Time comes in with every event, what is to be done goes out as a value. So every fault can be simulated from a seed
//! in virtual time, and the same machines run behind real sockets.

pub mod barrier;
pub mod budget;
pub mod entry;
pub mod health;
pub mod listing;
pub mod outbox;
pub mod poll;
pub mod retry;
pub mod shutdown;
pub mod stats;
mod time;
