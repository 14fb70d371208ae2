//! Tasks around the machines: sockets, requests, sinks, metrics, shutdown.

pub mod net;
pub mod pace;
