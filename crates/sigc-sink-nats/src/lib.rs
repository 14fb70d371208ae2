//! The client of `sinks.nats`.
//!
//! * `address` reads addresses and says how to connect;
//! * `connection` is one connection, until something happens to it;
//! * `stream` reads what a stream is and says whether it keeps rows as they have to be kept, or makes one;
//! * `message` turns a record into a message and back;
//! * `publish` sends a batch and finds out what was stored;
//! * `failure` says what an error means for the rows;
//! * `driver` puts them together.
//!
//! Every series (a signal of one symbol) has a subject of its own. A message is published with the number of the last
//! message of its subject as the server must still know it (`Nats-Expected-Last-Subject-Sequence`), so the server itself
//! refuses a second copy and anything out of order: also a message that an old connection delivers late. What was stored
//! while answers were lost is read from the last messages of the subject.

mod address;
mod connection;
mod driver;
mod failure;
mod message;
mod publish;
mod stream;

pub use driver::DRIVER;
