//! `sigc backfill`: all columns for all rows of recorded bars, by the panel driver.

use crate::bars::{Recorded, read};
use crate::cli::Backfill;
use crate::failure::{Failure, Outcome};
use crate::load::load_sound;
use crate::manifest::{self, Stretch};
use crate::models::{load_model, load_models};
use crate::progress::Progress;
use crate::run_failure::{engine_failure, sink_failure};
use crate::terminal::Terminal;
use sigc_connectors::sinks::table::{ColumnKind, TableSpec, TableWriter};
use sigc_engine::{Engine, PanelOptions, PanelSink, Predict, run_panel};
use sigc_market::{Symbol, Ts};
use sigc_plan::{ColumnId, FrameId, Label, ModelId, Plan, Type};
use std::collections::HashSet;
use std::sync::Mutex;

/// Computes and writes the rows of one frame.
pub fn run(args: &Backfill, term: &mut Terminal) -> Outcome {
    let loaded = load_sound(&args.file, term)?;
    let Some(plan) = &loaded.compiled.plan else { return Err(Failure::reported()) };
    let frame = frame(plan, args.frame.as_deref())?;
    let name = args.out.to_string_lossy();
    if ![".parquet", ".csv", ".csv.gz"].iter().any(|ending| name.ends_with(ending)) {
        let message = format!("the ending of `{name}` does not say what kind of file to write");
        return Err(Failure::usage(message, "name it .parquet, .csv or .csv.gz"));
    }
    let target = manifest::target(args, plan, &loaded.compiled)?;
    // A table to train on has what is there without the model.
    let made_without = |c: ColumnId| target.as_ref().is_none_or(|t| !models_of(plan, c).contains(&t.model));
    let columns: Vec<ColumnId> = (0..plan.columns.len())
        .map(ColumnId::new)
        .filter(|&c| plan.column(c).frame == frame && made_without(c))
        .collect();
    let spec = TableSpec {
        columns: columns.iter().map(|&c| (plan.column(c).name.clone(), kind(plan.column(c).r#type))).collect(),
        metadata: vec![
            ("sigc.pipeline".into(), plan.name.clone()),
            ("sigc.fingerprint".into(), plan.fingerprint().to_string()),
            ("sigc.frame".into(), plan.frame(frame).name.clone()),
        ],
    };
    // The writer is made before the bars are read: what cannot be written is said at once.
    let writer = TableWriter::create(&args.out, &spec, args.overwrite).map_err(sink_failure)?;
    let recorded = read(plan, &args.bars, &args.recorded, term)?;
    let threads = args.threads.unwrap_or_else(cores).max(1);
    let asked: HashSet<ModelId> = columns.iter().flat_map(|&c| models_of(plan, c)).collect();
    let models =
        ModelPool::of(plan, &recorded.symbols, if asked.is_empty() { 0 } else { threads }, &asked, args.allow_process)?;
    let engine = Engine::new(plan, &columns).map_err(|e| engine_failure(e, &recorded.symbols, plan))?;
    let by_symbol = recorded.by_symbol();
    let inputs = Recorded::inputs(&by_symbol);
    let mut rows = Rows {
        plan,
        frame,
        symbols: &recorded.symbols,
        writer,
        n_rows: 0,
        settled: vec![Stretch::default(); recorded.symbols.len()],
    };
    let progress = Progress::start(term, "computing", recorded.n_bars());
    // Batch rows are features to train on as well: a model is asked as soon as its window is whole.
    let options = PanelOptions { threads, only_warm_models: false };
    let stats = run_panel(&engine, &inputs, &|| models.take(plan), options, &mut rows, &mut |done, total| {
        progress.of(total as u64);
        progress.at(done as u64);
    })
    .map_err(|e| engine_failure(e, &recorded.symbols, plan))?;
    drop(progress);
    rows.writer.finish().map_err(sink_failure)?;
    if let Some(target) = &target {
        let stretches: Vec<(Symbol, Stretch)> = recorded.symbols.iter().cloned().zip(rows.settled).collect();
        let path = manifest::write(target, plan, &loaded.compiled, &args.out, &stretches)?;
        if !term.quiet {
            term.note(&format!("{}: features, window, interval and fingerprint for the trainer", path.display()));
        }
    }
    if let Some(error) = stats.predict.last {
        term.note(&format!("warning[E0517]: the model failed on {} rows, the last time: {error}", stats.predict.count));
    }
    if !term.quiet {
        term.note(&format!(
            "{}: {} rows of {} columns, {} symbols, from {} bars ({} missing on the grid)",
            args.out.display(),
            rows.n_rows,
            columns.len(),
            recorded.symbols.len(),
            stats.bars,
            stats.gap_rows
        ));
    }
    Ok(0)
}

/// How many threads run at once here.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The frame asked for, or the one that all signals are of.
fn frame(plan: &Plan, wanted: Option<&str>) -> Result<FrameId, Failure> {
    let Some(name) = wanted else {
        let mut frames: Vec<FrameId> = plan.signals.iter().map(|s| plan.frame_of(s)).collect();
        frames.sort();
        frames.dedup();
        return match frames.as_slice() {
            [one] => Ok(*one),
            several => {
                let names: Vec<&str> = several.iter().map(|f| plan.frame(*f).name.as_str()).collect();
                let help = format!("choose one with `--frame`: {}", names.join(", "));
                Err(Failure::usage("the signals are of several frames, and a table holds the rows of one", help))
            }
        };
    };
    plan.frames.iter().position(|f| f.name == name).map(FrameId::new).ok_or_else(|| {
        let known: Vec<&str> = plan.frames.iter().map(|f| f.name.as_str()).collect();
        Failure::usage(format!("the plan has no frame `{name}`"), format!("frames: {}", known.join(", ")))
    })
}

fn kind(t: Type) -> ColumnKind {
    match t {
        Type::Number => ColumnKind::Number,
        Type::Bool => ColumnKind::Bool,
    }
}

/// The models that a column is computed from.
fn models_of(plan: &Plan, c: ColumnId) -> HashSet<ModelId> {
    let mut needed = vec![false; plan.nodes.len()];
    needed[plan.column(c).value.index()] = true;
    let mut found = HashSet::new();
    for i in (0..plan.nodes.len()).rev() {
        if !needed[i] {
            continue;
        }
        match plan.nodes[i].op {
            sigc_plan::Op::Model { model } => {
                found.insert(model);
                plan.models[model.index()].inputs.iter().for_each(|x| needed[x.index()] = true);
            }
            op => op.operands().for_each(|x| needed[x.index()] = true),
        }
    }
    found
}

/// Loaded models, one set per thread: loading fails here, before anything is computed.
pub struct ModelPool(Mutex<Vec<Vec<Box<dyn Predict>>>>);

impl ModelPool {
    /// Loads `n` sets; `may_spawn` if they may be child processes.
    ///
    /// # Errors
    /// If a model cannot be loaded.
    pub fn new(plan: &Plan, symbols: &[Symbol], n: usize, may_spawn: bool) -> Result<ModelPool, Failure> {
        let sets: Result<Vec<_>, Failure> = (0..n).map(|_| load_models(plan, symbols, may_spawn)).collect();
        Ok(ModelPool(Mutex::new(sets?)))
    }

    /// Loads `n` sets of these models; stand-ins for the others.
    ///
    /// # Errors
    /// If a model cannot be loaded.
    fn of(
        plan: &Plan,
        symbols: &[Symbol],
        n: usize,
        asked: &HashSet<ModelId>,
        may_spawn: bool,
    ) -> Result<ModelPool, Failure> {
        if asked.len() == plan.models.len() {
            return ModelPool::new(plan, symbols, n, may_spawn);
        }
        let one = |i: usize| -> Result<Box<dyn Predict>, Failure> {
            match asked.contains(&ModelId::new(i)) {
                true => load_model(&plan.models[i], symbols, may_spawn),
                false => Ok(Box::new(NoModel)),
            }
        };
        let sets: Result<Vec<_>, Failure> = (0..n).map(|_| (0..plan.models.len()).map(one).collect()).collect();
        Ok(ModelPool(Mutex::new(sets?)))
    }

    /// One set. Where none is left, stand-ins that give no prediction: only runs without model columns get there.
    pub fn take(&self, plan: &Plan) -> Vec<Box<dyn Predict>> {
        let left = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).pop();
        left.unwrap_or_else(|| plan.models.iter().map(|_| Box::new(NoModel) as Box<dyn Predict>).collect())
    }
}

struct NoModel;

impl Predict for NoModel {
    fn predict(&mut self, _: usize, _: &[f64]) -> Result<f64, sigc_engine::PredictError> {
        Err(sigc_engine::PredictError("no model was loaded".into()))
    }
}

/// Writes the rows of one frame.
struct Rows<'a> {
    plan: &'a Plan,
    frame: FrameId,
    symbols: &'a [Symbol],
    writer: TableWriter,
    n_rows: u64,
    /// Per symbol, the settled rows.
    settled: Vec<Stretch>,
}

impl PanelSink for Rows<'_> {
    fn block(
        &mut self,
        symbol: usize,
        frame: FrameId,
        first_row: i64,
        columns: &[&[f64]],
        warm_from: &[i64],
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        if frame != self.frame {
            return Ok(());
        }
        let f = self.plan.frame(frame);
        let n = columns.first().map_or(0, |c| c.len());
        let rows = first_row..first_row + n as i64;
        let open: Vec<Ts> = rows.clone().map(|k| f.interval.open_of(k)).collect();
        let ts: Vec<Ts> = match f.label {
            Label::Close => rows.map(|k| f.interval.close_of(k)).collect(),
            Label::Open => open.clone(),
        };
        self.n_rows += n as u64;
        // Settled are the rows in which every column is.
        let from = warm_from.iter().copied().max().unwrap_or(i64::MAX).max(first_row);
        let settled = &mut self.settled[symbol];
        for k in from..first_row + n as i64 {
            let at = f.interval.close_of(k);
            settled.rows += 1;
            settled.settled = Some((settled.settled.map_or(at, |(from, _)| from), at));
        }
        Ok(self.writer.write_rows(&self.symbols[symbol], &open, &ts, columns)?)
    }
}
