//! Loading the models of a plan.

use crate::failure::Failure;
use crate::secrets::Secrets;
use sigc_engine::Predict;
use sigc_market::Symbol;
use sigc_models::ModelError;
use sigc_models::steps::{LoadError, load, starts_process};
use sigc_plan::Plan;

/// All models of a plan for these symbols, in the order of their ids; `may_spawn` if they may be child processes.
///
/// # Errors
/// If a checkpoint is missing, damaged, or not the one the plan was made with; if a process may not be started, or
/// does not become ready.
pub fn load_models(plan: &Plan, symbols: &[Symbol], may_spawn: bool) -> Result<Vec<Box<dyn Predict>>, Failure> {
    for model in plan.models.iter().filter(|m| starts_process(&m.using)) {
        if !may_spawn {
            return Err(Failure::coded(
                "E0560",
                format!("`{}` is a child process, and the pipeline has no leave to start one", model.using),
                "`--allow-process` gives it; read the `command` first: it runs as this user",
            ));
        }
        hide_variables(model.params.get("env"))?;
    }
    plan.models.iter().map(|m| load(m, symbols).map_err(failure)).collect()
}

/// What a process gets of the environment is a secret; this is also where a variable that is not set is noticed.
fn hide_variables(names: Option<&serde_json::Value>) -> Result<(), Failure> {
    let mut secrets = Secrets::new();
    for name in names.and_then(|n| n.as_array()).into_iter().flatten().filter_map(|n| n.as_str()) {
        secrets.variable(name)?;
    }
    Ok(())
}

fn failure(error: LoadError) -> Failure {
    match &error {
        LoadError::Model(ModelError::NotFound { .. }) => {
            Failure::coded("E0501", &error, "train or copy the checkpoint there; `check` and `plan` work without it")
        }
        LoadError::Model(ModelError::UnknownSymbol { .. }) => {
            Failure::coded("E0410", &error, "take the symbol out of the universe, or train the model with it")
        }
        LoadError::Process { source, .. } => Failure::coded("E0561", &error, source.help()),
        LoadError::Features { .. } => Failure::coded("E0407", &error, "make the features it was trained on"),
        _ => Failure::coded("E0409", &error, "write the checkpoint again, or name another one"),
    }
}
