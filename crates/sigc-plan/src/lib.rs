//! What the compiler hands to the engine: frames, columns and the ops that compute them.
//!
//! Read in this order: [`Op`] (what can be computed), [`Graph`] (the builder: ops in single-assignment form,
//! equal ones kept once), [`reach`](mod@reach) (how far back each op looks), [`lookback`](mod@lookback) (how much history a value
//! needs), [`Plan`] (all of it, with a fingerprint over everything that can change a bit).
//!
//! Nothing here knows YAML, sockets or a clock.

mod fingerprint;
mod frame;
mod graph;
mod ids;
mod inputs;
pub mod lookback;
mod op;
mod plan;
mod print;
pub mod reach;
mod rowwise;

pub use fingerprint::Fingerprint;
pub use frame::{Frame, Gap, Incomplete, Label, Origin};
pub use graph::{Graph, Ops};
pub use ids::{ColumnId, FrameId, ModelId, ValueId};
pub use inputs::{InputsPrint, inputs_print};
pub use lookback::{Need, Needs, PathStep};
pub use op::{Aggregate, CrossFn, F64, Node, Op, PairFn, Row1, Row2, Ties, Type, WindowFn};
pub use plan::{Column, ModelUse, Plan, PlanError, Signal, SignalKind, Source};
pub use reach::{Reach, Tier};
