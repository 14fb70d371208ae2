//! `models.onnx`: an ONNX graph.

use super::host::{HostFiles, facts};
use super::load::{LoadError, LoadedModel, from_predictor, text};
use super::{Kind, OUTPUT_COL};
use crate::OsFiles;
use sigc_catalog::{Args, Host, Info, ModelFacts, ModelProblem, ModelStep, Param, WINDOW_SIZE};
use sigc_market::Symbol;
use sigc_plan::ModelUse;
use std::path::Path;

pub(super) const KIND: Kind = Kind { def: &ONNX, load };

const PATH: Param<String> =
    Param::path("path", "the `.onnx` file; a `.json` of the same name beside it has features, window and scaler");

static ONNX: ModelStep = ModelStep {
    info: Info {
        name: "models.onnx",
        capability: "middlefreq",
        summary: "an ONNX graph over a window of feature rows",
        doc: "Input `window` of shape (1, window_size, features) in f32, and `symbol_id` if the graph asks for it; output \
              `prediction`. The JSON beside the graph has `features` in order, `window` and, per symbol, the scaler.",
        params: &[&PATH, &WINDOW_SIZE, &OUTPUT_COL],
    },
    inputs_from: |_| None,
    inspect,
    check: |_| Vec::new(),
};

fn inspect(args: &Args, host: &dyn Host) -> Result<ModelFacts, ModelProblem> {
    facts(crate::inspect_onnx(&HostFiles(host), Path::new(&args.get(&PATH))), PATH.name())
}

fn load(model: &ModelUse, symbols: &[Symbol]) -> Result<LoadedModel, LoadError> {
    let path = text(model, PATH.name()).unwrap_or_default();
    from_predictor(crate::load_onnx(&OsFiles, Path::new(&path))?, model, symbols)
}
