//! Tests of the journal as its users see it.

mod bounds;
mod contract;
mod crash;
mod damage;
mod ledger;
mod model;
mod opening;
mod property;
