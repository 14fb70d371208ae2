//! Tasks around the machines: sockets, requests, sinks, metrics, shutdown.
