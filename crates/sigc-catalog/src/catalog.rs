//! The catalog: all steps the compiler may use, by name.

use crate::{DataStep, Feature, Info, ModelStep, SinkStep, TransformStep};
use std::collections::BTreeMap;

/// A step definition.
#[derive(Debug, Clone, Copy)]
pub enum Step {
    /// Bars from a venue or files.
    Data(&'static DataStep),
    /// A frame from a frame.
    Transform(&'static TransformStep),
    /// Columns from columns.
    Feature(&'static Feature),
    /// Predictions from columns.
    Model(&'static ModelStep),
    /// Positions from predictions: composed of ops like a feature.
    Strategy(&'static Feature),
    /// Rows to somewhere.
    Sink(&'static SinkStep),
}

/// The kinds of step; in the pipeline a step is written under its kind's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `data:`
    Data,
    /// `transform:`
    Transform,
    /// `features:`
    Features,
    /// `model:`
    Model,
    /// `strategy:`
    Strategy,
    /// `event:`, which has a condition in place of a definition in the catalog.
    Event,
    /// Under `signal_generation`: `on_prediction`, `on_event`.
    Sink,
}

impl Kind {
    /// The kinds a `pipeline:` entry can have.
    pub const PIPELINE: [Kind; 6] =
        [Kind::Data, Kind::Transform, Kind::Features, Kind::Model, Kind::Strategy, Kind::Event];

    /// The key in the pipeline: `data`, `transform`, `features`, `model`, `strategy`, `event`.
    pub fn key(self) -> &'static str {
        match self {
            Kind::Data => "data",
            Kind::Transform => "transform",
            Kind::Features => "features",
            Kind::Model => "model",
            Kind::Strategy => "strategy",
            Kind::Event => "event",
            Kind::Sink => "on_prediction",
        }
    }
}

impl Step {
    /// Name, docs, parameters.
    pub fn info(&self) -> &'static Info {
        match self {
            Step::Data(s) => &s.info,
            Step::Transform(s) => &s.info,
            Step::Feature(s) | Step::Strategy(s) => &s.info,
            Step::Model(s) => &s.info,
            Step::Sink(s) => &s.info,
        }
    }

    /// The definition of a step that is composed of ops: a feature or a strategy.
    pub fn composed(&self) -> Option<&'static Feature> {
        match self {
            Step::Feature(def) | Step::Strategy(def) => Some(def),
            _ => None,
        }
    }

    /// Its kind.
    pub fn kind(&self) -> Kind {
        match self {
            Step::Data(_) => Kind::Data,
            Step::Transform(_) => Kind::Transform,
            Step::Feature(_) => Kind::Features,
            Step::Model(_) => Kind::Model,
            Step::Strategy(_) => Kind::Strategy,
            Step::Sink(_) => Kind::Sink,
        }
    }
}

/// All steps, by name.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    steps: BTreeMap<&'static str, Step>,
}

impl Catalog {
    /// No steps.
    pub fn new() -> Catalog {
        Catalog::default()
    }

    /// Adds steps.
    ///
    /// # Panics
    /// If two steps share a name or a step lists a parameter twice: a fault of the crate that defines them.
    #[must_use]
    pub fn with(mut self, steps: impl IntoIterator<Item = Step>) -> Catalog {
        for step in steps {
            let info = step.info();
            let mut names: Vec<&str> = info.specs().map(|s| s.name).collect();
            names.sort_unstable();
            assert!(names.windows(2).all(|w| w[0] != w[1]), "`{}` lists a parameter twice", info.name);
            let before = self.steps.insert(info.name, step);
            assert!(before.is_none(), "two steps are called `{}`", info.name);
        }
        self
    }

    /// The step of a name.
    pub fn get(&self, name: &str) -> Option<Step> {
        self.steps.get(name).copied()
    }

    /// All steps, by name.
    pub fn steps(&self) -> impl Iterator<Item = Step> + '_ {
        self.steps.values().copied()
    }

    /// The capability packs that steps belong to, sorted.
    pub fn capabilities(&self) -> Vec<&'static str> {
        let mut names: Vec<&str> = self.steps().map(|s| s.info().capability).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}
