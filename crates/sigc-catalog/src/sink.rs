//! Sinks: where rows go.

use crate::{ArgProblem, Args, Info, Param};

/// What makes a record unique.
pub const DEDUP_KEY: Param<Vec<String>> = Param::choices(
    "dedup_key",
    "the columns that make a row unique; a row whose key is there already is not written",
    &["ts", "symbol"],
);

/// A sink step: pure facts; the writing lives beside it in a driver.
#[derive(Debug)]
pub struct SinkStep {
    /// Name, docs, parameters.
    pub info: Info,
    /// Faults of the arguments together, checked offline.
    pub check: fn(&Args) -> Vec<ArgProblem>,
    /// The parameter that names what it writes to: two sinks on one target are an error.
    pub target: &'static str,
}
