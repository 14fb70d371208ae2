//! One file per command.

pub mod audit;
pub mod backfill;
pub mod check;
pub mod demo;
pub mod expand;
pub mod explain;
pub mod features;
pub mod live;
pub mod plan;
pub mod run;
pub mod schema;
pub mod sim;
pub mod verify;
pub mod why;
