//! The syntax crate from outside: text to tree and findings.

#![expect(clippy::print_stderr, reason = "a test says why it tested nothing")]

mod grammar;
mod hostile;
mod originals;
mod properties;
mod recovery;
mod scalars;
mod structure;
mod support;
mod traps;
