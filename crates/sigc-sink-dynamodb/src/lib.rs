//! The driver of `sinks.dynamodb`: rows as items of a DynamoDB table, each once.
//!
//! * [`item`]: a row's key and its item, and what a stored item says.
//! * [`table`]: is the table there, does it fit, and the command that makes one.
//! * [`classify`]: what an error of the service means for the rows.
//! * `client`: address, credentials, time limits.
//! * `sink`: the requests of a batch.
//!
//! Every put carries the condition that its key is not there. An attempt whose answer was lost is made again and finds
//! its own item, so a row is stored once, whatever becomes of connections and processes.

pub mod classify;
mod client;
pub mod item;
mod sink;
pub mod table;

pub use sink::{DRIVER, DynamoDb};
