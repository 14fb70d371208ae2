//! Sinks: where rows go.

use crate::{ArgProblem, Args, Info, Param};

/// What makes a record unique.
pub const DEDUP_KEY: Param<Vec<String>> = Param::choices(
    "dedup_key",
    "the columns that make a row unique; a row whose key is there already is not written",
    &["ts", "symbol"],
);

/// How many rows go into one request.
pub const BATCH_ROWS: Param<u32> =
    Param::int("batch_rows", "rows offered to the sink at once, at most").max(10_000).default(500);
/// How long a row waits for others.
pub const BATCH_DELAY_MS: Param<u32> = Param::int(
    "batch_delay_ms",
    "milliseconds that a row may wait for others to go with it; 0 sends it as soon as the sink is free",
)
.min(0)
.max(60_000)
.default(0);
/// How long one attempt may take.
pub const TIMEOUT_MS: Param<u32> = Param::int(
    "timeout_ms",
    "milliseconds after which an attempt is given up and made again; the sink finds out what was stored",
)
.min(100)
.max(300_000)
.default(10_000);

/// Where a sink's rows end up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A file of this machine: rows of a simulation go to a folder of their own.
    File,
    /// Something that others read too: rows of a simulation go there only if the caller says so.
    Shared,
}

/// A sink step: pure facts; the writing lives beside it in a driver.
#[derive(Debug)]
pub struct SinkStep {
    /// Name, docs, parameters.
    pub info: Info,
    /// Faults of the arguments together, checked offline.
    pub check: fn(&Args) -> Vec<ArgProblem>,
    /// The parameter that names what it writes to: two sinks on one target are an error.
    pub target: &'static str,
    /// Where its rows end up.
    pub place: Place,
}
