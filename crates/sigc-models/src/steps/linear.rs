//! `models.linear`: a weighted sum, written in the pipeline or kept in the registry.

use super::host::{HostFiles, facts};
use super::load::{LoadError, LoadedModel, from_predictor, text};
use super::{Kind, MODEL_REF, OUTPUT_COL};
use crate::OsFiles;
use indexmap::IndexMap;
use sigc_catalog::{
    ArgProblem, Args, DEADLINE_MS_IF_ASKED, Host, Info, ModelFacts, ModelProblem, ModelStep, Param, WINDOW_SIZE,
};
use sigc_engine::{Predict, PredictError};
use sigc_market::Symbol;
use sigc_plan::ModelUse;
use std::path::Path;

pub(super) const KIND: Kind = Kind { def: &LINEAR, load };

const WEIGHTS: Param<Option<IndexMap<String, f64>>> =
    Param::weights("weights", "the weight of each input column; they are the model's inputs, in this order").optional();
const CHECKPOINT_DIR: Param<Option<String>> =
    Param::path("checkpoint_dir", "in place of `weights`: the registry, with a folder `MODEL_REF`").optional();
const BIAS: Param<f64> = Param::number("bias", "what is added to the weighted sum").default(0.0);
const WINDOW: Param<u32> = WINDOW_SIZE.default(1);

static LINEAR: ModelStep = ModelStep {
    info: Info {
        name: "models.linear",
        capability: "middlefreq",
        summary: "weighted sum of the mean of each column over the window",
        doc: "`bias + sum of weight * mean(column, window_size)`, columns in the order of `weights`, rows oldest first. \
              Null while any cell of the window is null. With `checkpoint_dir` and `model_ref` in place of `weights`, \
              `CHECKPOINT_DIR/MODEL_REF/manifest.json` has features, weights, bias and scalers; see `docs/models.md`.",
        params: &[&WEIGHTS, &BIAS, &CHECKPOINT_DIR, &MODEL_REF, &WINDOW, &OUTPUT_COL, &DEADLINE_MS_IF_ASKED],
    },
    inputs_from: |args| Some(args.get(&WEIGHTS)?.into_keys().collect()),
    inspect,
    check,
};

/// With `weights` the model is its parameters, which are in the plan: no file is asked for.
fn inspect(args: &Args, host: &dyn Host) -> Result<ModelFacts, ModelProblem> {
    let Some(weights) = args.get(&WEIGHTS) else {
        let dir = args.get(&CHECKPOINT_DIR).unwrap_or_default();
        let model_ref = args.get(&MODEL_REF).unwrap_or_default();
        let found = crate::inspect_linear(&HostFiles(host), Path::new(&dir), &model_ref);
        return facts(found, CHECKPOINT_DIR.name());
    };
    let mut hash = blake3::Hasher::new();
    for (name, value) in args.iter().filter(|(name, _)| *name != DEADLINE_MS_IF_ASKED.name()) {
        hash.update(format!("{name}={value};").as_bytes());
    }
    Ok(ModelFacts {
        features: Some(weights.into_keys().collect()),
        window: None,
        symbols: None,
        dtype: "f64".into(),
        fingerprint: hash.finalize().to_hex().to_string(),
        trained: None,
    })
}

fn check(args: &Args) -> Vec<ArgProblem> {
    let problem =
        |param, message: &str, help: &str| vec![ArgProblem { param, message: message.into(), help: Some(help.into()) }];
    let help = "write `weights: {rsi_14: 0.01}`, or `checkpoint_dir: FOLDER` and `model_ref: name.strategy`";
    match (args.get(&WEIGHTS), args.get(&CHECKPOINT_DIR), args.get(&MODEL_REF)) {
        (Some(weights), None, None) if weights.is_empty() => problem(
            WEIGHTS.name(),
            "`weights` is empty: the model would read nothing",
            "give each column its weight: `weights: {rsi_14: 0.01}`",
        ),
        (Some(_), None, None) => Vec::new(),
        (Some(_), ..) => problem(WEIGHTS.name(), "`weights` and the registry exclude each other", help),
        (None, Some(_), Some(_)) if args.get(&BIAS) != 0.0 => {
            problem(BIAS.name(), "`bias` stands in the manifest of a model of the registry", "leave it out here")
        }
        (None, Some(_), Some(_)) => Vec::new(),
        (None, Some(_), None) => problem(CHECKPOINT_DIR.name(), "`checkpoint_dir` needs a `model_ref`", help),
        (None, None, _) => problem(WEIGHTS.name(), "the parameter `weights` is missing, and so is the registry", help),
    }
}

fn load(model: &ModelUse, symbols: &[Symbol]) -> Result<LoadedModel, LoadError> {
    if let Some(dir) = text(model, CHECKPOINT_DIR.name()) {
        let model_ref = text(model, MODEL_REF.name()).unwrap_or_default();
        return from_predictor(crate::load_linear(&OsFiles, Path::new(&dir), &model_ref)?, model, symbols);
    }
    let weights = model.params.get(WEIGHTS.name()).and_then(|w| w.as_object());
    let weight = |column: &String| weights.and_then(|w| w.get(column)?.as_f64()).unwrap_or(0.0);
    Ok(Box::new(Linear {
        weights: model.input_names.iter().map(weight).collect(),
        bias: model.params.get(BIAS.name()).and_then(serde_json::Value::as_f64).unwrap_or(0.0),
    }))
}

struct Linear {
    weights: Vec<f64>,
    bias: f64,
}

impl Predict for Linear {
    fn predict(&mut self, _: usize, window: &[f64]) -> Result<f64, PredictError> {
        let n = self.weights.len();
        let rows = (window.len() / n) as f64;
        let mut y = self.bias;
        for (i, weight) in self.weights.iter().enumerate() {
            let sum: f64 = window.iter().skip(i).step_by(n).sum();
            y += weight * (sum / rows);
        }
        Ok(y)
    }
}
