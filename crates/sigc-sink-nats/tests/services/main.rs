//! `sinks.nats` against a real `nats-server` and a network that fails. What is expected is read from the stream by a
//! consumer of `world`, not by the sink.

mod access;
mod bench;
mod faults;
mod fits;
mod order;
mod world;
