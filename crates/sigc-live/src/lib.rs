//! Tasks around the machines: sockets, requests, sinks, metrics, shutdown.

pub mod observe;
pub mod pace;
