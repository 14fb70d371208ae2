//! The whole program from outside: pipeline texts in, findings out.

mod architecture;
#[path = "../common/checkpoint.rs"]
mod checkpoint;
mod checkpoints;
mod commands;
mod file_sinks;
mod generated;
mod language;
mod ledger;
mod pages;
mod plans;
mod process;
mod real_bars;
mod secrets;
mod support;
mod timer;
mod training;
mod ui;
mod universe;
