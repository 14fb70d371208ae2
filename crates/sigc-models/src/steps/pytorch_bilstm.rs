//! `models.pytorch_bilstm_predictor`: a bidirectional LSTM from a PyTorch checkpoint.

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

pub(super) const KIND: Kind = Kind { def: &PYTORCH_BILSTM, load };

const CHECKPOINT_DIR: Param<String> = Param::path(
    "checkpoint_dir",
    "the registry, with a folder `MODEL_REF`; or a plain folder with `STRATEGY.json` and `STRATEGY.safetensors` or `STRATEGY.pt`",
);
const STRATEGY: Param<Option<String>> =
    Param::text("strategy", "which model of the folder; the part of `model_ref` behind the dot when left out")
        .optional();

static PYTORCH_BILSTM: ModelStep = ModelStep {
    info: Info {
        name: "models.pytorch_bilstm_predictor",
        capability: "middlefreq",
        summary: "a bidirectional LSTM from a PyTorch checkpoint folder",
        doc: "Reads the weights from `.safetensors`, or from a `.pt` without executing anything in it: \
              `CHECKPOINT_DIR/MODEL_REF/model.safetensors` with its `manifest.json`, or else \
              `CHECKPOINT_DIR/STRATEGY.safetensors` with its `STRATEGY.json`. The JSON has the architecture, `features` \
              in order, `window` and, per symbol, the scaler; see `docs/models.md`. A window with a null cell gives no \
              prediction.",
        params: &[&CHECKPOINT_DIR, &MODEL_REF, &STRATEGY, &WINDOW_SIZE, &OUTPUT_COL, &DEADLINE_MS],
    },
    inputs_from: |_| None,
    inspect,
    check,
};

/// The strategy that is asked for: named, or the part of `model_ref` behind the last dot.
fn strategy(named: Option<String>, model_ref: Option<String>) -> Option<String> {
    named.or_else(|| model_ref?.rsplit_once('.').map(|(_, s)| s.to_owned()))
}

fn inspect(args: &Args, host: &dyn Host) -> Result<ModelFacts, ModelProblem> {
    let model_ref = args.get(&MODEL_REF);
    let strategy = strategy(args.get(&STRATEGY), model_ref.clone()).unwrap_or_else(|| "model".into());
    let dir = args.get(&CHECKPOINT_DIR);
    let found = crate::inspect_bilstm_of(&HostFiles(host), Path::new(&dir), model_ref.as_deref(), &strategy);
    facts(found, CHECKPOINT_DIR.name())
}

fn check(args: &Args) -> Vec<ArgProblem> {
    let (named, model_ref) = (args.get(&STRATEGY), args.get(&MODEL_REF));
    let suffix = model_ref.as_deref().and_then(|r| r.rsplit_once('.')).map(|(_, s)| s);
    match (named.as_deref(), suffix) {
        (Some(named), Some(suffix)) if named != suffix => vec![ArgProblem {
            param: STRATEGY.name(),
            message: format!("`strategy` is `{named}`, and `model_ref` ends in `{suffix}`"),
            help: Some("write the same strategy in both, or leave `strategy` out".into()),
        }],
        (None, None) => vec![ArgProblem {
            param: MODEL_REF.name(),
            message: "neither `strategy` nor a `model_ref` of the form `name.strategy` says which model is meant"
                .into(),
            help: Some(
                "add `strategy: NAME`; the folder then has `NAME.json` and `NAME.safetensors` or `NAME.pt`".into(),
            ),
        }],
        _ => Vec::new(),
    }
}

fn load(model: &ModelUse, symbols: &[Symbol]) -> Result<LoadedModel, LoadError> {
    let model_ref = text(model, MODEL_REF.name());
    let strategy = strategy(text(model, STRATEGY.name()), model_ref.clone()).unwrap_or_else(|| "model".into());
    let dir = text(model, CHECKPOINT_DIR.name()).unwrap_or_default();
    let predictor = crate::load_bilstm_of(&OsFiles, Path::new(&dir), model_ref.as_deref(), &strategy)?;
    from_predictor(predictor, model, symbols)
}
