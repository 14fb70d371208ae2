//! What can go wrong.

use sigc_market::Ts;
use sigc_plan::{ColumnId, FrameId, PlanError};

/// Why a plan cannot be run, or a step was refused.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The plan is not well formed.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// An output that the plan does not have.
    #[error("the plan has no column {0}")]
    UnknownColumn(ColumnId),
    /// The windows ask for more rows than one lane may hold.
    #[error("the windows of the plan need {rows} rows per symbol, at most {most} are supported")]
    TooLarge {
        /// Rows over all values.
        rows: u64,
        /// The limit.
        most: u64,
    },
    /// Fewer models than the plan refers to.
    #[error("the plan has {needed} models, {given} were given")]
    Models {
        /// In the plan.
        needed: usize,
        /// At the call.
        given: usize,
    },
    /// Part of a universe where an op is over all of it.
    #[error("the plan ranks symbols against each other and needs all {needed} of its universe, {given} are here")]
    Universe {
        /// In the universe.
        needed: usize,
        /// At the call.
        given: usize,
    },
    /// Lanes of one universe that are not at the same instant.
    #[error("the symbols of the universe stand at different instants: {first} and {other}")]
    Apart {
        /// The first symbol's.
        first: Ts,
        /// Another one's.
        other: Ts,
    },
    /// Bars for a frame that no data step fills.
    #[error("frame {0} is not filled by a data step")]
    NotASource(FrameId),
    /// An instant that is not after the one before.
    #[error("the instant {at} does not come after {before}")]
    Instant {
        /// The instant given.
        at: Ts,
        /// The one before.
        before: Ts,
    },
    /// A bar that cannot be taken.
    #[error("symbol {symbol}, frame {frame}, bar {open_time}: {fault}")]
    Bar {
        /// The symbol's position in the universe.
        symbol: usize,
        /// The source frame.
        frame: FrameId,
        /// Of the bar, or of the missing one.
        open_time: Ts,
        /// What is wrong.
        fault: BarFault,
    },
    /// A sink did not take a block.
    #[error("the rows could not be handed on")]
    Sink(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What is wrong with a bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BarFault {
    /// Its open time is not on the grid of its interval.
    #[error("the open time is not on the grid")]
    Misaligned,
    /// It is not newer than the row before it.
    #[error("the row is already there")]
    Order,
    /// It closes after the instant of the step.
    #[error("the bar is not closed yet")]
    Open,
    /// It is missing, and the data step says `gap: halt`.
    #[error("the bar is missing")]
    Missing,
    /// More rows are missing before it than a gap may have.
    #[error("the gap before the bar is too long")]
    Far,
    /// Its open time is outside the years that are supported.
    #[error("the open time is out of range")]
    Range,
}

/// Why a snapshot is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// Not a snapshot, or of another version.
    #[error("this is not a snapshot of this version")]
    Form,
    /// Cut short, or some byte differs.
    #[error("the snapshot is damaged")]
    Damaged,
    /// Taken from another plan or other outputs.
    #[error("the snapshot belongs to another plan")]
    OtherPlan,
}

/// Why a model gave no number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PredictError(pub String);
