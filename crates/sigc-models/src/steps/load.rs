//! From a model of the plan to something the engine can ask.

use super::MODELS;
use crate::{LaneId, ModelError, Predictor};
use serde_json::Value;
use sigc_engine::{Predict, PredictError};
use sigc_market::Symbol;
use sigc_plan::ModelUse;

/// A model that is ready to run for the symbols of a universe.
pub type LoadedModel = Box<dyn Predict>;

/// Why a model of the plan cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The catalog the plan was compiled with had a model that this program has not.
    #[error("this program has no model `{0}`")]
    UnknownModel(String),
    /// The files changed since the plan was made.
    #[error("the checkpoint of `{using}` is not the one that was checked: its files have changed")]
    Changed {
        /// The model step.
        using: String,
    },
    /// The columns of the plan are not those the model takes.
    #[error("`{using}` was trained on {trained}, and gets {given}")]
    Features {
        /// The model step.
        using: String,
        /// What the checkpoint says.
        trained: String,
        /// What the plan gives.
        given: String,
    },
    /// The child process cannot be started.
    #[error("`{using}`: {source}")]
    Process {
        /// The model step.
        using: String,
        /// Why.
        source: sigc_process::ProcessError,
    },
    /// The files cannot be used.
    #[error(transparent)]
    Model(#[from] ModelError),
}

/// Loads one model of a plan for the symbols of its universe, in their order.
///
/// # Errors
/// If the files are missing, damaged or not the ones the plan was made with, or a symbol has no scaler.
pub fn load(model: &ModelUse, symbols: &[Symbol]) -> Result<LoadedModel, LoadError> {
    let kind = MODELS.iter().find(|k| k.def.info.name == model.using);
    let kind = kind.ok_or_else(|| LoadError::UnknownModel(model.using.clone()))?;
    (kind.load)(model, symbols)
}

/// A predictor as the engine's model.
pub(super) fn from_predictor(
    predictor: Box<dyn Predictor>,
    model: &ModelUse,
    symbols: &[Symbol],
) -> Result<LoadedModel, LoadError> {
    let manifest = predictor.manifest();
    if model.checkpoint.as_deref().is_some_and(|checked| checked != manifest.fingerprint) {
        return Err(LoadError::Changed { using: model.using.clone() });
    }
    if manifest.features != model.input_names {
        return Err(LoadError::Features {
            using: model.using.clone(),
            trained: manifest.features.join(", "),
            given: model.input_names.join(", "),
        });
    }
    let lanes: Result<Vec<LaneId>, ModelError> = symbols.iter().map(|s| predictor.lane(s.as_str())).collect();
    Ok(Box::new(Checkpoint { lanes: lanes?, predictor, asked: Vec::new(), answers: Vec::new() }))
}

/// A text parameter of a model in the plan.
pub(super) fn text(model: &ModelUse, name: &str) -> Option<String> {
    model.params.get(name).and_then(Value::as_str).map(str::to_owned)
}

struct Checkpoint {
    predictor: Box<dyn Predictor>,
    lanes: Vec<LaneId>,
    asked: Vec<LaneId>,
    answers: Vec<Result<f64, ModelError>>,
}

impl Predict for Checkpoint {
    fn predict(&mut self, symbol: usize, window: &[f64]) -> Result<f64, PredictError> {
        let lane = *self.lanes.get(symbol).ok_or_else(|| PredictError("the model has no such symbol".into()))?;
        self.predictor.predict(lane, window).map_err(|e| PredictError(e.to_string()))
    }

    fn rehearse(&mut self) -> Result<(), PredictError> {
        self.predictor.rehearse().map_err(|e| PredictError(e.to_string()))
    }

    fn predict_many(&mut self, symbols: &[usize], windows: &[f64], answers: &mut Vec<Result<f64, PredictError>>) {
        self.asked.clear();
        self.asked.extend(symbols.iter().filter_map(|&s| self.lanes.get(s)));
        if self.asked.len() < symbols.len() {
            // Some symbol is unknown: one by one, so that it fails alone.
            let cells = (windows.len() / symbols.len().max(1)).max(1);
            answers.extend(symbols.iter().zip(windows.chunks_exact(cells)).map(|(&s, window)| self.predict(s, window)));
            return;
        }
        self.predictor.predict_many(&self.asked, windows, &mut self.answers);
        answers.extend(self.answers.drain(..).map(|y| y.map_err(|e| PredictError(e.to_string()))));
    }
}
