//! Models: predictions from a window of feature rows.

use crate::{ArgProblem, Args, Host, Info, Param};

/// Rows a model sees.
pub const WINDOW_SIZE: Param<u32> =
    Param::int("window_size", "rows the model sees, the current one included").max(10_000);

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
