//! What a model is to the engine.

use crate::PredictError;
use sigc_plan::ModelId;

/// A model that the engine asks for one number.
pub trait Predict: Send {
    /// The prediction of one symbol.
    ///
    /// `symbol` is the position in the universe. `window` is row-major `[window][inputs]`, oldest row first, without
    /// nulls. A number that is not finite counts as an error; after an error the cell is null and the run goes on.
    fn predict(&mut self, symbol: usize, window: &[f64]) -> Result<f64, PredictError>;

    /// Predicts once for a made-up but plausible window, before the first row: what cannot predict says so now, and the
    /// first row does not wait for what is prepared on first use.
    ///
    /// # Errors
    /// As [`Predict::predict`].
    fn rehearse(&mut self) -> Result<(), PredictError> {
        Ok(())
    }
}

/// Calls a model and refuses what is not finite.
pub(crate) fn ask(model: &mut dyn Predict, symbol: usize, window: &[f64]) -> Result<f64, PredictError> {
    let y = model.predict(symbol, window)?;
    if y.is_finite() { Ok(y) } else { Err(PredictError("the model's output is not a finite number".to_owned())) }
}

/// Predictions that failed, and the last reason.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PredictFaults {
    /// How many failed.
    pub count: u64,
    /// Why the last one did.
    pub last: Option<PredictError>,
    /// The models that failed, each once.
    pub models: Vec<ModelId>,
}

impl PredictFaults {
    pub(crate) fn add(&mut self, model: ModelId, error: PredictError) {
        self.merge(PredictFaults { count: 1, last: Some(error), models: vec![model] });
    }

    /// Adds those of a later step.
    pub fn merge(&mut self, other: PredictFaults) {
        self.count += other.count;
        self.last = other.last.or(self.last.take());
        for model in other.models {
            if !self.models.contains(&model) {
                self.models.push(model);
            }
        }
    }
}
