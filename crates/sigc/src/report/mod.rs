//! Plans for people and machines.

pub mod draw;
pub mod human;
pub mod plan;
pub mod table;
