//! `models.onnx`: an ONNX graph.

use super::host::{HostFiles, facts};
use super::load::{LoadError, LoadedModel, from_predictor, text};
use super::{Kind, MODEL_REF, OUTPUT_COL};
use crate::OsFiles;
use sigc_catalog::{
    ArgProblem, Args, DEADLINE_MS, Host, Info, ModelFacts, ModelProblem, ModelStep, Param, WINDOW_SIZE,
};
use sigc_market::Symbol;
use sigc_plan::ModelUse;
use std::path::Path;

pub(super) const KIND: Kind = Kind { def: &ONNX, load };

const PATH: Param<Option<String>> = Param::path(
    "path",
    "the `.onnx` file; a `.json` of the same name beside it, or a `manifest.json`, has features, window and scaler",
)
.optional();
const CHECKPOINT_DIR: Param<Option<String>> =
    Param::path("checkpoint_dir", "in place of `path`: the registry, with a folder `MODEL_REF`").optional();

static ONNX: ModelStep = ModelStep {
    info: Info {
        name: "models.onnx",
        capability: "middlefreq",
        summary: "an ONNX graph over a window of feature rows",
        doc: "Input `window` of shape (1, window_size, features) in f32, and `symbol_id` if the graph asks for it; output \
              `prediction`. The file is `path`, or `CHECKPOINT_DIR/MODEL_REF/model.onnx` with its `manifest.json`. The \
              JSON has `features` in order, `window` and, per symbol, the scaler; see `docs/models.md`.",
        params: &[&PATH, &CHECKPOINT_DIR, &MODEL_REF, &WINDOW_SIZE, &OUTPUT_COL, &DEADLINE_MS],
    },
    inputs_from: |_| None,
    inspect,
    check,
};

fn check(args: &Args) -> Vec<ArgProblem> {
    let (path, dir, model_ref) = (args.get(&PATH), args.get(&CHECKPOINT_DIR), args.get(&MODEL_REF));
    let problem = |param, message: &str| {
        let help = "write `path: FILE.onnx`, or `checkpoint_dir: FOLDER` and `model_ref: name.strategy`";
        vec![ArgProblem { param, message: message.into(), help: Some(help.into()) }]
    };
    match (path, dir, model_ref) {
        (Some(_), None, None) | (None, Some(_), Some(_)) => Vec::new(),
        (Some(_), ..) => problem(PATH.name(), "`path` and the registry exclude each other"),
        (None, Some(_), None) => problem(CHECKPOINT_DIR.name(), "`checkpoint_dir` needs a `model_ref`"),
        (None, None, _) => problem(PATH.name(), "neither `path` nor `checkpoint_dir` says where the model is"),
    }
}

fn inspect(args: &Args, host: &dyn Host) -> Result<ModelFacts, ModelProblem> {
    let files = HostFiles(host);
    match (args.get(&PATH), args.get(&CHECKPOINT_DIR), args.get(&MODEL_REF)) {
        (Some(path), ..) => facts(crate::inspect_onnx(&files, Path::new(&path)), PATH.name()),
        (None, dir, model_ref) => {
            let (dir, model_ref) = (dir.unwrap_or_default(), model_ref.unwrap_or_default());
            facts(crate::inspect_onnx_of(&files, Path::new(&dir), &model_ref), CHECKPOINT_DIR.name())
        }
    }
}

fn load(model: &ModelUse, symbols: &[Symbol]) -> Result<LoadedModel, LoadError> {
    let predictor = match text(model, PATH.name()) {
        Some(path) => crate::load_onnx(&OsFiles, Path::new(&path))?,
        None => {
            let dir = text(model, CHECKPOINT_DIR.name()).unwrap_or_default();
            let model_ref = text(model, MODEL_REF.name()).unwrap_or_default();
            crate::load_onnx_of(&OsFiles, Path::new(&dir), &model_ref)?
        }
    };
    from_predictor(predictor, model, symbols)
}
