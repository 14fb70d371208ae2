//! The client of `sinks.postgres`.
//!
//! * `table` reads what a table is and says how records go into it, or why they do not;
//! * `rows` turns a batch into the arrays of one statement;
//! * `failure` says what an error means for the rows;
//! * `connect` opens a connection, with TLS where it has to be;
//! * `driver` puts them together.
//!
//! A batch is one statement in one transaction: `INSERT ... SELECT ... FROM UNNEST(...) ON CONFLICT (key) DO NOTHING`.
//! The key is a unique index, so whatever happened to an earlier attempt, and however the batches are cut, a row is
//! there once.

mod connect;
mod driver;
mod failure;
mod rows;
mod table;

pub use driver::DRIVER;
