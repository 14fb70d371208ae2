//! `sinks.process`: rows to a child process in any language.

mod driver;
pub mod step;

pub use driver::DRIVER;
