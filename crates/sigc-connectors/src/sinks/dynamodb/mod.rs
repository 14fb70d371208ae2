//! `dynamodb`: rows as items of a table. Its driver has a crate of its own, for the client it needs.

pub mod step;
