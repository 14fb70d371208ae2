//! Loading the models of a plan.

use crate::failure::Failure;
use sigc_engine::Predict;
use sigc_market::Symbol;
use sigc_models::ModelError;
use sigc_models::steps::{LoadError, load};
use sigc_plan::Plan;

/// All models of a plan for these symbols, in the order of their ids.
///
/// # Errors
/// If a checkpoint is missing, damaged, or not the one the plan was made with.
pub fn load_models(plan: &Plan, symbols: &[Symbol]) -> Result<Vec<Box<dyn Predict>>, Failure> {
    plan.models.iter().map(|m| load(m, symbols).map_err(failure)).collect()
}

fn failure(error: LoadError) -> Failure {
    match &error {
        LoadError::Model(ModelError::NotFound { .. }) => {
            Failure::coded("E0501", &error, "train or copy the checkpoint there; `check` and `plan` work without it")
        }
        LoadError::Model(ModelError::UnknownSymbol { .. }) => {
            Failure::coded("E0410", &error, "take the symbol out of the universe, or train the model with it")
        }
        LoadError::Features { .. } => Failure::coded("E0407", &error, "make the features it was trained on"),
        _ => Failure::coded("E0409", &error, "write the checkpoint again, or name another one"),
    }
}
