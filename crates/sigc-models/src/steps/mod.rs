//! Model steps: one file each with its pure facts and how it is loaded.

mod host;
mod linear;
mod load;
mod onnx;
mod process;
mod pytorch_bilstm;

pub use load::{LoadError, LoadedModel, load};

use sigc_catalog::{ModelStep, Param, Step};
use sigc_market::Symbol;
use sigc_plan::ModelUse;

/// Where the prediction goes; the first column under `outputs` when left out.
const OUTPUT_COL: Param<Option<String>> = Param::text("output_col", "the column that holds the prediction").optional();

/// The model of a registry.
const MODEL_REF: Param<Option<String>> =
    Param::text("model_ref", "the model as `name.strategy`: a folder of that name below `checkpoint_dir`").optional();

/// Type of the numbers that a model step's manifest states.
pub fn dtype_of(using: &str) -> &'static str {
    if using == linear::KIND.def.info.name { "f64" } else { "f32" }
}

/// A model step and how it is loaded.
struct Kind {
    def: &'static ModelStep,
    load: fn(&ModelUse, &[Symbol]) -> Result<LoadedModel, LoadError>,
}

/// All model steps.
static MODELS: &[Kind] = &[linear::KIND, onnx::KIND, process::KIND, pytorch_bilstm::KIND];

/// All steps of this crate, for the catalog.
pub fn steps() -> impl Iterator<Item = Step> {
    MODELS.iter().map(|k| Step::Model(k.def))
}

/// True if loading a model of this step starts a child process: the caller must have leave for that.
pub fn starts_process(using: &str) -> bool {
    process::starts_process(using)
}
