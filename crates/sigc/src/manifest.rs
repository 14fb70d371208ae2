//! The pipeline's side of a model's manifest, as `sigc backfill --manifest` writes it.
//!
//! Features in order, window, interval, and what computed them: the trainer adds `kind`, the scalers, the architecture
//! and the weights, and the folder is a model of the registry. A folder that holds a model is never written into
//! unless that is asked for.

use crate::cli::Backfill;
use crate::failure::Failure;
use crate::load::plain;
use crate::models::step_of;
use serde_json::{Map, Value, json};
use sigc_catalog::Value as Arg;
use sigc_compiler::Compiled;
use sigc_market::{Symbol, Ts};
use sigc_models::OsFiles;
use sigc_models::registry::{self, MANIFEST};
use sigc_models::steps::dtype_of;
use sigc_plan::{Label, ModelId, Op, Plan};
use std::path::{Path, PathBuf};

/// Keys that a backfill writes; any other is a trainer's.
const OURS: [&str; 7] = ["features", "window", "interval", "label", "dtype", "training", "notes"];

/// A manifest that is to be written.
pub struct Target {
    /// Its model.
    pub model: ModelId,
    path: PathBuf,
}

/// The rows of one symbol that a model may be trained on.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stretch {
    /// Close of the first and of the last settled row.
    pub settled: Option<(Ts, Ts)>,
    /// How many rows are settled.
    pub rows: u64,
}

/// Where the manifest goes, and of which model it is; `None` if none is asked for.
///
/// # Errors
/// If that is not clear, or the folder holds a model already.
pub fn target(args: &Backfill, plan: &Plan, compiled: &Compiled) -> Result<Option<Target>, Failure> {
    let Some(wanted) = &args.manifest else { return Ok(None) };
    let model = model(plan, args.model.as_deref())?;
    let folder = if wanted.is_empty() { registry_folder(plan, compiled, model)? } else { PathBuf::from(wanted) };
    let path = if folder.extension().is_some_and(|e| e == "json") { folder } else { folder.join(MANIFEST) };
    if !args.overwrite_manifest {
        vacant(&path)?;
    }
    Ok(Some(Target { model, path }))
}

/// The model of `--model FRAME.COLUMN`, or the only one.
fn model(plan: &Plan, wanted: Option<&str>) -> Result<ModelId, Failure> {
    let of = |c: &sigc_plan::Column| match plan.nodes[c.value.index()].op {
        Op::Model { model } => Some((format!("{}.{}", plan.frame(c.frame).name, c.name), model)),
        _ => None,
    };
    let known: Vec<(String, ModelId)> = plan.columns.iter().filter_map(of).collect();
    let names: Vec<&str> = known.iter().map(|(name, _)| name.as_str()).collect();
    let list = names.join(", ");
    match wanted {
        Some(wanted) => known.iter().find(|(name, _)| name == wanted).map(|(_, m)| *m).ok_or_else(|| {
            Failure::usage(format!("no model makes the column `{wanted}`"), format!("columns of models: {list}"))
        }),
        None if plan.models.len() == 1 => Ok(ModelId::new(0)),
        None => Err(Failure::usage(
            format!("the pipeline has {} models, and `--manifest` is of one", plan.models.len()),
            format!("say which with `--model FRAME.COLUMN`: {list}"),
        )),
    }
}

/// `CHECKPOINT_DIR/MODEL_REF` of the model's step.
fn registry_folder(plan: &Plan, compiled: &Compiled, model: ModelId) -> Result<PathBuf, Failure> {
    let args = compiled.typed.as_ref().and_then(|t| step_of(plan, t, model)).and_then(|s| s.args.as_ref());
    let text = |name: &str| match args.and_then(|a| a.value(name)) {
        Some(Arg::Text(text)) => Some(text.clone()),
        _ => None,
    };
    let (Some(dir), Some(model_ref)) = (text("checkpoint_dir"), text("model_ref")) else {
        let message =
            "the model's step names no `checkpoint_dir` with a `model_ref`, so it is not clear where the manifest goes";
        return Err(Failure::usage(message, "name the folder: `--manifest=FOLDER`"));
    };
    registry::folder(Path::new(&dir), &model_ref).map_err(|e| Failure::coded("E0409", e, ""))
}

/// Refuses a place where a model lies.
fn vacant(path: &Path) -> Result<(), Failure> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let taken = |what: String| {
        let help = "name another folder, or replace its manifest with `--overwrite-manifest`; weights stay as they are";
        Err(Failure::coded("E0511", what, help))
    };
    let named = registry::EXTENSIONS.iter().map(|e| path.with_extension(e)).find(|p| p.exists());
    if let Some(weights) = registry::weights_in(&OsFiles, folder).or(named) {
        return taken(format!("`{}` has weights: the manifest beside them is theirs", weights.display()));
    }
    let Ok(text) = std::fs::read_to_string(path) else {
        // Nothing there, or nothing that a model could be read from.
        return if path.exists() { taken(format!("`{}` is there and is no manifest", path.display())) } else { Ok(()) };
    };
    let foreign = match serde_json::from_str::<Map<String, Value>>(&text) {
        Ok(map) => map.keys().find(|k| !OURS.contains(&k.as_str())).cloned(),
        Err(_) => return taken(format!("`{}` is there and is no manifest", path.display())),
    };
    match foreign {
        Some(key) => taken(format!("`{}` holds a model: a backfill did not write its `{key}`", path.display())),
        None => Ok(()),
    }
}

/// Writes the manifest; gives its path. The file appears whole or not at all.
///
/// # Errors
/// What hinders writing.
pub fn write(
    target: &Target,
    plan: &Plan,
    compiled: &Compiled,
    table: &Path,
    rows: &[(Symbol, Stretch)],
) -> Result<PathBuf, Failure> {
    let used = &plan.models[target.model.index()];
    let frame = plan.frame(plan.nodes[used.inputs[0].index()].frame);
    let trained = compiled.scheduled.as_ref().and_then(|s| sigc_compiler::trained::of_model(s, target.model));
    let mut map = Map::new();
    map.insert("features".into(), json!(used.input_names));
    map.insert("window".into(), json!(used.window));
    map.insert("label".into(), json!(if frame.label == Label::Close { "close" } else { "open" }));
    map.insert("dtype".into(), json!(dtype_of(&used.using)));
    map.extend(trained.unwrap_or_default().to_manifest());
    if let Some(training) = map.get_mut("training").and_then(Value::as_object_mut) {
        let stretch = |(symbol, s): &(Symbol, Stretch)| {
            let at = |ts: Option<Ts>| ts.map(|t| t.to_string());
            let (from, to) = (at(s.settled.map(|s| s.0)), at(s.settled.map(|s| s.1)));
            (symbol.to_string(), json!({"from": from, "to": to, "rows": s.rows}))
        };
        training.insert("pipeline".into(), json!(plan.name));
        training.insert("plan".into(), json!(plan.fingerprint().to_string()));
        training.insert("table".into(), json!(table.display().to_string()));
        training.insert("symbols".into(), rows.iter().map(stretch).collect::<Map<_, _>>().into());
    }
    let failed = |e: std::io::Error| {
        let message = format!("`{}` cannot be written: {}", target.path.display(), plain(&e));
        Failure::coded("E0512", message, "check the folder and the space on the disk")
    };
    let mut text = serde_json::to_string_pretty(&map).map_err(|e| failed(e.into()))?;
    text.push('\n');
    if let Some(folder) = target.path.parent().filter(|p| !p.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let part = target.path.with_extension("json.part");
    std::fs::write(&part, text).and_then(|()| std::fs::rename(&part, &target.path)).map_err(failed)?;
    Ok(target.path.clone())
}
