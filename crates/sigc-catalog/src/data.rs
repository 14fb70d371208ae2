//! Data steps: where bars come from.

use crate::{ArgProblem, Args, Info, Param};
use sigc_market::{Field, Interval, Symbol};

/// The universe of a data step.
pub const UNIVERSE: Param<Vec<Symbol>> = Param::symbols("universe", "the symbols, as the venue spells them");
/// The length of its bars.
pub const INTERVAL: Param<Interval> = Param::interval("interval", "the length of a bar");
/// What a missing bar becomes.
pub const GAP: Param<String> = Param::choice(
    "gap",
    "what a bar that the venue does not have becomes: a row of nulls, the last close carried on, or the end of the run; `skip` is not supported yet",
    &["null", "carry", "skip", "halt"],
)
.default("null");
/// How rows are labelled.
pub const LABEL: Param<String> =
    Param::choice("label", "which end of the bar `ts` names at the output", &["close", "open"]).default("close");

/// A data step: pure facts; the connection lives beside it in a driver.
#[derive(Debug)]
pub struct DataStep {
    /// Name, docs, parameters: [`UNIVERSE`], [`INTERVAL`], [`LABEL`], [`GAP`] where a bar can be missing, and its own.
    pub info: Info,
    /// What its bars hold; nothing for rows that only mark time.
    pub fields: &'static [Field],
    /// The intervals the venue offers; empty for any.
    pub intervals: &'static [&'static str],
    /// How the venue spells symbols: the likely spelling of one that does not look like it.
    pub respell: fn(&Symbol) -> Option<String>,
    /// Bars per history request and the request's weight against the venue's limit.
    pub request: Option<(u32, u32)>,
    /// What is wrong with its arguments beyond each one's kind and range.
    pub check: fn(&Args) -> Vec<ArgProblem>,
}
