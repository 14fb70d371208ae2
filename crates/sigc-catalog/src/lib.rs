//! What a step is: its name, parameters, inputs, outputs and docs, as data.
//!
//! A step definition is one `static` in the crate that implements it. The compiler is handed a [`Catalog`] of them
//! and knows none by name; docs, the JSON Schema and the checks all read the same definition. Adding a step is a new
//! file with its definition and one line in that crate's list.

mod args;
mod catalog;
mod data;
mod feature;
mod host;
mod model;
mod param;
mod record;
mod sink;
mod transform;

pub use args::{ArgProblem, Args, FromValue};
pub use catalog::{Catalog, Kind, Step};
pub use data::{DataStep, GAP, INTERVAL, LABEL, UNIVERSE};
pub use feature::{Example, Feature, Inputs, Known, Output, Role};
pub use host::{Host, NoFiles};
pub use model::{
    DEADLINE_MS, DEADLINE_MS_IF_ASKED, ModelFacts, ModelProblem, ModelStep, Trained, TrainedInput, WINDOW_SIZE,
};
pub use param::{AnyParam, Default, Param, ParamKind, Spec, Value};
pub use record::{FIELDS_BEFORE_COLUMNS, FieldKind, RECORD, RecordField};
pub use sink::{BATCH_DELAY_MS, BATCH_ROWS, DEDUP_KEY, Place, SinkStep, TIMEOUT_MS};
pub use transform::{INCOMPLETE, Shape, TARGET_FREQ, TransformStep};

/// What every step definition has.
#[derive(Debug)]
pub struct Info {
    /// The dotted name: `features.rsi`.
    pub name: &'static str,
    /// The pack it belongs to: `shared`, `middlefreq`.
    pub capability: &'static str,
    /// One line, lower case, without a full stop.
    pub summary: &'static str,
    /// Formula, null behaviour, where the formula comes from. Markdown.
    pub doc: &'static str,
    /// Its parameters, in the order the docs list them.
    pub params: &'static [&'static dyn AnyParam],
}

impl Info {
    /// The parameter of a name.
    pub fn param(&self, name: &str) -> Option<&'static Spec> {
        self.params.iter().map(|p| p.spec()).find(|s| s.name == name)
    }

    /// The parameters' specifications.
    pub fn specs(&self) -> impl Iterator<Item = &'static Spec> {
        self.params.iter().map(|p| p.spec())
    }
}
