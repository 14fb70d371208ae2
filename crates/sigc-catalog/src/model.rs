//! Models: predictions from a window of feature rows.

use crate::{ArgProblem, Args, Host, Info, Param};
use sigc_market::Interval;
use sigc_plan::Fingerprint;

/// Rows a model sees.
pub const WINDOW_SIZE: Param<u32> =
    Param::int("window_size", "rows the model sees, the current one included").max(10_000);

/// How long a live run waits for one prediction. Not part of a plan: it decides whether a row comes, not what is in it.
pub const DEADLINE_MS: Param<Option<u32>> = Param::int(
    "deadline_ms",
    "real milliseconds that a live run waits for one prediction; a row that takes longer is not emitted, and `null` waits as long as it takes",
)
.max(600_000)
.default(NETWORK_DEADLINE_MS)
.nullable();

/// [`DEADLINE_MS`] of models that are fast by themselves: no limit unless one is asked for.
pub const DEADLINE_MS_IF_ASKED: Param<Option<u32>> = Param::int(
    "deadline_ms",
    "real milliseconds that a live run waits for one prediction; a row that takes longer is not emitted; no limit when left out",
)
.max(600_000)
.optional();

/// A small network answers within a millisecond: one that takes a thousand times as long is stuck, not slow. And while
/// it is waited for no other symbol is computed, so more than a second would show in all of them.
const NETWORK_DEADLINE_MS: u32 = 1_000;

/// A model step: pure facts; the inference lives beside it in a driver.
#[derive(Debug)]
pub struct ModelStep {
    /// Name, docs, parameters; [`WINDOW_SIZE`] among them.
    pub info: Info,
    /// True if the input columns come from the parameters (`weights`), false if all feature columns of the frame.
    pub inputs_from: fn(&Args) -> Option<Vec<String>>,
    /// Reads what the checkpoint says about itself, without running it.
    pub inspect: fn(&Args, &dyn Host) -> Result<ModelFacts, ModelProblem>,
    /// Faults of the arguments together.
    pub check: fn(&Args) -> Vec<ArgProblem>,
}

/// What a checkpoint says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelFacts {
    /// The columns it was trained on, in order; `None` if it does not say.
    pub features: Option<Vec<String>>,
    /// Rows it was trained on; `None` if any.
    pub window: Option<u32>,
    /// Symbols it can scale; `None` if any.
    pub symbols: Option<Vec<String>>,
    /// Type of its weights: `f32`.
    pub dtype: String,
    /// Fingerprint of all that can change a prediction.
    pub fingerprint: String,
    /// What its manifest says of the data it was trained on; `None` where the model is written in the pipeline itself,
    /// or runs elsewhere.
    pub trained: Option<Trained>,
}

/// What a manifest says of the data a model was trained on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trained {
    /// Length of a row.
    pub interval: Option<Interval>,
    /// Fingerprint of what computed the inputs: [`sigc_plan::InputsPrint::whole`]. Older manifests have none.
    pub fingerprint: Option<Fingerprint>,
    /// The inputs one by one, in the model's order; may be empty.
    pub inputs: Vec<TrainedInput>,
}

impl Trained {
    /// As it stands in a manifest: `interval`, and `training` with `fingerprint` and `inputs`.
    pub fn to_manifest(&self) -> serde_json::Map<String, serde_json::Value> {
        let mut map = serde_json::Map::new();
        if let Some(interval) = self.interval {
            map.insert("interval".into(), interval.to_string().into());
        }
        if let Some(fingerprint) = self.fingerprint {
            let input = |i: &TrainedInput| {
                let fingerprint = i.fingerprint.to_string();
                serde_json::json!({"name": i.name, "definition": i.definition, "fingerprint": fingerprint})
            };
            let inputs: Vec<serde_json::Value> = self.inputs.iter().map(input).collect();
            map.insert(
                "training".into(),
                serde_json::json!({"fingerprint": fingerprint.to_string(), "inputs": inputs}),
            );
        }
        map
    }
}

/// One input of a model at its training.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrainedInput {
    /// Its name.
    pub name: String,
    /// What it was, in words: `rsi(close, 14) of 2h`.
    pub definition: String,
    /// Fingerprint of what computed it.
    pub fingerprint: Fingerprint,
}

/// Why a checkpoint cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelProblem {
    /// It is not there: a warning for `check` and `plan`, an error for `run`.
    Missing {
        /// What was looked for.
        path: String,
        /// The parameter that names it.
        param: &'static str,
    },
    /// It is there and no use.
    Bad {
        /// The parameter that names it.
        param: &'static str,
        /// The fact.
        message: String,
    },
    /// Its numbers are of a type that is not supported.
    Dtype {
        /// The parameter that names it.
        param: &'static str,
        /// The fact.
        message: String,
    },
}
