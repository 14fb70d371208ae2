//! Loading the models of a plan, and trying each before the first row.

use crate::failure::Failure;
use crate::secrets::Secrets;
use crate::terminal::Terminal;
use sigc_catalog::{DEADLINE_MS, Value};
use sigc_compiler::typed::{TStep, Typed};
use sigc_engine::Predict;
use sigc_live::deadline::Deadlined;
use sigc_market::Symbol;
use sigc_models::ModelError;
use sigc_models::steps::{LoadError, load, starts_process};
use sigc_plan::{ModelId, ModelUse, Op, Plan, ValueId};
use std::time::{Duration, Instant};

/// All models of a plan for these symbols, in the order of their ids; `may_spawn` if they may be child processes.
///
/// # Errors
/// If a checkpoint is missing, damaged, or not the one the plan was made with; if a process may not be started, or
/// does not become ready.
pub fn load_models(plan: &Plan, symbols: &[Symbol], may_spawn: bool) -> Result<Vec<Box<dyn Predict>>, Failure> {
    plan.models.iter().map(|m| load_model(m, symbols, may_spawn)).collect()
}

/// One of them.
///
/// # Errors
/// As [`load_models`].
pub fn load_model(model: &ModelUse, symbols: &[Symbol], may_spawn: bool) -> Result<Box<dyn Predict>, Failure> {
    if starts_process(&model.using) {
        if !may_spawn {
            return Err(Failure::coded(
                "E0560",
                format!("`{}` is a child process, and the pipeline has no leave to start one", model.using),
                "`--allow-process` gives it; read the `command` first: it runs as this user",
            ));
        }
        hide_variables(model.params.get("env"))?;
    }
    load(model, symbols).map_err(failure)
}

/// [`load_models`], and each is asked once: what cannot predict stops the run before it begins, and the first row
/// waits for nothing.
///
/// # Errors
/// As [`load_models`], and E0517 if a model gives no number for a plausible window.
pub fn load_warm(
    plan: &Plan,
    symbols: &[Symbol],
    may_spawn: bool,
    term: &mut Terminal,
) -> Result<Vec<Box<dyn Predict>>, Failure> {
    let mut models = Vec::with_capacity(plan.models.len());
    for m in &plan.models {
        let begun = Instant::now();
        let mut model = load_model(m, symbols, may_spawn)?;
        let loaded = begun.elapsed();
        model.rehearse().map_err(|e| {
            let message = format!("`{}` cannot predict: asked for a plausible window it says: {e}", m.using);
            Failure::coded("E0517", message, "try the model outside of sigc, write it again, or name another one")
        })?;
        let first = begun.elapsed() - loaded;
        if !term.quiet {
            let ms = |d: Duration| d.as_secs_f64() * 1e3;
            let (load, ask) = (ms(loaded), ms(first));
            term.note(&format!("`{}`: loaded in {load:.1} ms, first answer in {ask:.2} ms", m.using));
        }
        models.push(model);
    }
    Ok(models)
}

/// Puts every model whose step has a `deadline_ms` behind it.
///
/// # Errors
/// If the system gives no thread.
pub fn with_deadlines(
    plan: &Plan,
    typed: &Typed,
    models: Vec<Box<dyn Predict>>,
) -> Result<Vec<Box<dyn Predict>>, Failure> {
    let limited = models.into_iter().enumerate().map(|(i, model)| {
        let args = step_of(plan, typed, ModelId::new(i)).and_then(|s| s.args.as_ref());
        let Some(Value::Int(ms)) = args.and_then(|a| a.value(DEADLINE_MS.name())) else { return Ok(model) };
        let limit = Duration::from_millis(ms.unsigned_abs());
        match Deadlined::start(model, limit) {
            Ok(model) => Ok(Box::new(model) as Box<dyn Predict>),
            Err(e) => Err(Failure::coded("E0533", e, "the system gives no more threads")),
        }
    });
    limited.collect()
}

/// The step that asks a model: the maker of a column that holds its output.
pub fn step_of<'t>(plan: &Plan, typed: &'t Typed, model: ModelId) -> Option<&'t TStep> {
    let column = plan.columns.iter().find(|c| model_behind(plan, c.value) == Some(model))?;
    let made = typed.columns.iter().find(|c| c.name == column.name && c.frame == column.frame)?;
    typed.steps.get(made.step)
}

/// The model whose output a value is, also where `on:` masks it.
fn model_behind(plan: &Plan, value: ValueId) -> Option<ModelId> {
    match plan.nodes[value.index()].op {
        Op::Model { model } => Some(model),
        Op::If(_, x, _) => model_behind(plan, x),
        _ => None,
    }
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
