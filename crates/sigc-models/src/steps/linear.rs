//! `models.linear`: a weighted sum, for a baseline that needs no checkpoint.

use super::load::{LoadError, LoadedModel};
use super::{Kind, OUTPUT_COL};
use indexmap::IndexMap;
use sigc_catalog::{ArgProblem, Args, Host, Info, ModelFacts, ModelProblem, ModelStep, Param, WINDOW_SIZE};
use sigc_engine::{Predict, PredictError};
use sigc_market::Symbol;
use sigc_plan::ModelUse;

pub(super) const KIND: Kind = Kind { def: &LINEAR, load };

const WEIGHTS: Param<IndexMap<String, f64>> =
    Param::weights("weights", "the weight of each input column; they are the model's inputs, in this order");
const BIAS: Param<f64> = Param::number("bias", "what is added to the weighted sum").default(0.0);
const WINDOW: Param<u32> = WINDOW_SIZE.default(1);

static LINEAR: ModelStep = ModelStep {
    info: Info {
        name: "models.linear",
        capability: "middlefreq",
        summary: "weighted sum of the mean of each column over the window",
        doc: "`bias + sum of weight * mean(column, window_size)`, columns in the order of `weights`, rows oldest first. \
              Null while any cell of the window is null.",
        params: &[&WEIGHTS, &BIAS, &WINDOW, &OUTPUT_COL],
    },
    inputs_from: |args| Some(args.get(&WEIGHTS).into_keys().collect()),
    inspect,
    check,
};

/// The model is its parameters, which are in the plan: no file is asked for.
fn inspect(args: &Args, _: &dyn Host) -> Result<ModelFacts, ModelProblem> {
    let mut hash = blake3::Hasher::new();
    for (name, value) in args.iter() {
        hash.update(format!("{name}={value};").as_bytes());
    }
    Ok(ModelFacts {
        features: Some(args.get(&WEIGHTS).into_keys().collect()),
        window: None,
        symbols: None,
        dtype: "f64".into(),
        fingerprint: hash.finalize().to_hex().to_string(),
    })
}

fn check(args: &Args) -> Vec<ArgProblem> {
    if args.get(&WEIGHTS).is_empty() {
        let message = "`weights` is empty: the model would read nothing".into();
        return vec![ArgProblem {
            param: WEIGHTS.name(),
            message,
            help: Some("give each column its weight: `weights: {rsi_14: 0.01}`".into()),
        }];
    }
    Vec::new()
}

fn load(model: &ModelUse, _: &[Symbol]) -> Result<LoadedModel, LoadError> {
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
