//! What a live run shows of itself: log lines, metrics, and answers to "are you well" and "are you ready".
//!
//! Nothing here can hold a bar up. A log line goes into a bounded buffer and is dropped and counted where the disk does
//! not keep up ([`log`]); a metric is an atomic or a short lock ([`metrics`]); the server has a thread of its own and
//! reads what the run left for it ([`status`], [`server`]). Each of them can fail to start, and the caller decides
//! whether that is worth more than a warning.

pub mod log;
pub mod metrics;
pub mod process;
pub mod redact;
pub mod server;
pub mod status;
