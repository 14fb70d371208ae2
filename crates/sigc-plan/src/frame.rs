//! Frames: named tables on a grid.

use crate::FrameId;
use serde::{Deserialize, Serialize};
use sigc_market::Interval;

/// A named table whose rows lie on the grid of its interval.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Frame {
    /// As written in the pipeline.
    pub name: String,
    /// Length of a row.
    pub interval: Interval,
    /// Where its rows come from.
    pub origin: Origin,
    /// How `ts` is labelled at the output.
    pub label: Label,
}

/// Where a frame's rows come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Bars of a data step.
    Source {
        /// What a bar that the venue does not have becomes.
        gap: Gap,
    },
    /// Whole buckets of a finer frame.
    Resample {
        /// The finer frame.
        of: FrameId,
    },
}

/// What a missing bar becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gap {
    /// A row of nulls.
    #[default]
    Null,
    /// The last close as open, high, low and close, nothing traded.
    Carry,
    /// The run stops with an error.
    Halt,
}

/// What a bucket with missing or null children becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Incomplete {
    /// What is there is aggregated: the venue's own larger bar.
    #[default]
    Partial,
    /// The cell is null if any child cell is.
    Null,
}

/// Which end of a bar its output `ts` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Label {
    /// `open + interval`, the instant the row is known.
    #[default]
    Close,
    /// The open time.
    Open,
}
