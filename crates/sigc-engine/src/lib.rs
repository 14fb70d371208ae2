//! Runs a plan bar by bar: `Plan × bars → rows`, with the same bits by every driver.
//!
//! | driver | advances | for |
//! | --- | --- | --- |
//! | [`Live`] | one symbol by one instant | the stream, replay |
//! | [`Together`] | symbols that close together, or a universe, by one instant | the same, and ops over the universe |
//! | [`run_panel`] | several symbols by a tile of bars | warmup, backfill, verification |
//! | [`reference`](mod@reference) | whole columns, row by row | the definition that both are tested against |
//!
//! Read in this order: `ops` (what each op computes, twice: plainly and for lanes), `program` (a plan as a flat
//! list of steps over one block of cells), `machine` (that block and its run), `cpu` (that run, compiled twice),
//! `warmth` (when a cell may be used), then the drivers.
//!
//! Pure: no clock, no input or output, no allocation per bar. What must stay true is that a cell is a function of the
//! bars and the row number only, never of how they were cut into runs or of the lanes beside it.

mod cpu;
mod engine;
mod error;
mod live;
mod machine;
mod ops;
mod panel;
mod predict;
mod program;
pub mod reference;
mod snapshot;
mod source;
mod together;
mod warmth;

pub use engine::Engine;
pub use error::{BarFault, EngineError, PredictError, SnapshotError};
pub use live::{Live, Outcome, RowSink};
pub use panel::{Columns, PanelInput, PanelOptions, PanelSink, PanelStats, run_panel};
pub use predict::{Predict, PredictFaults};
pub use together::{Together, Turn};
pub use warmth::{Warm, Warmth};
