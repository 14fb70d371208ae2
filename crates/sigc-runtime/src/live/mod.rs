//! The decisions of a live run, as machines without a clock, sockets or threads.
//!
//! Time comes in with every event, what is to be done goes out as a value. So every fault can be simulated from a seed
//! in virtual time, and the same machines run behind real sockets.
//!
//! A bar's way through them: [`intake`] puts one symbol's bars in order, [`splice`] decides what is asked for so that no
//! row is left out, [`link`] keeps a connection, [`feed`] holds all of these for one data step, [`lane`] takes the
//! engine's steps, and the [`conductor`] ties feeds, lanes, the journal's [`entry`]s and each sink's [`outbox`] together.
//! [`barrier`], [`poll`], [`budget`], [`retry`], [`health`], [`listing`], [`shutdown`] and [`stats`] are smaller parts.

pub mod barrier;
pub mod budget;
pub mod conductor;
pub mod entry;
pub mod feed;
pub mod health;
pub mod intake;
pub mod lane;
pub mod link;
pub mod listing;
pub mod outbox;
pub mod poll;
pub mod retry;
pub mod shutdown;
pub mod splice;
pub mod stats;
mod time;
