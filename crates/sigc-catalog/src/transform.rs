//! Transforms: frames from frames.

use crate::{Info, Param};
use sigc_market::Interval;

/// The interval of a resampled frame.
pub const TARGET_FREQ: Param<Interval> = Param::interval("target_freq", "the length of the new frame's rows");
/// What a bucket with missing children becomes.
pub const INCOMPLETE: Param<String> = Param::choice(
    "incomplete",
    "a bucket with missing children aggregates what is there (the venue's own larger bar) or is null",
    &["partial", "null"],
)
.default("partial");

/// What a transform does to frames. The compiler knows the shapes, not the steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A new frame of whole buckets of the input frame.
    Resample,
    /// Columns of other frames joined into the input frame as of each row's close.
    Align,
}

/// A transform step.
#[derive(Debug)]
pub struct TransformStep {
    /// Name, docs, parameters: those its shape reads.
    pub info: Info,
    /// What it does.
    pub shape: Shape,
}
