//! The whole program from outside: pipeline texts in, findings out.

mod architecture;
mod checkpoints;
mod commands;
mod file_sinks;
mod generated;
mod ledger;
mod pages;
mod plans;
mod real_bars;
mod support;
mod timer;
mod ui;
