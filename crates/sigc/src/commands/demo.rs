//! `sigc demo`: an example with bars and a model made from a seed, run to a CSV file with predictions.

use crate::cli::{Demo, Run};
use crate::failure::{Failure, Outcome};
use crate::load::{load, plain};
use crate::terminal::Terminal;
use sigc_catalog::Trained;
use sigc_connectors::generate::generate;
use sigc_connectors::sinks::table::{ColumnKind, TableSpec, TableWriter};
use sigc_engine::{Columns, Engine, PanelInput, PanelOptions, run_panel};
use sigc_market::{Bar, Field, Symbol, Ts};
use sigc_models::Scaler;
use sigc_models::fixture::{CheckpointSpec, write_checkpoint};
use sigc_plan::{ColumnId, FrameId, ModelId, Plan};
use std::path::Path;

/// The examples, embedded, so that the demo needs nothing but the program.
const EXAMPLES: [(&str, &str, &str); 2] = [
    ("minimal", "minimal_signal_generation.yaml", include_str!("../../../../examples/minimal_signal_generation.yaml")),
    ("bilstm", "bilstm_realtime_signal.yaml", include_str!("../../../../examples/bilstm_realtime_signal.yaml")),
];

/// Where the made bars begin.
const FIRST: Ts = Ts(1_735_689_600_000); // 2025-01-01T00:00:00Z
/// Rows of predictions that the made bars are long enough for, beyond the warmup.
const ROWS: i64 = 200;

/// Makes the example and replays it.
pub fn run(args: &Demo, term: &mut Terminal) -> Outcome {
    let Some((_, file, text)) = EXAMPLES.iter().find(|(name, _, _)| *name == args.example) else {
        return Err(Failure::usage(format!("there is no example `{}`", args.example), "examples: minimal, bilstm"));
    };
    let write = |what: &Path, result: std::io::Result<()>| {
        result.map_err(|e| {
            Failure::coded(
                "E0512",
                format!("`{}` cannot be made: {}", what.display(), plain(&e)),
                "choose another --dir",
            )
        })
    };
    write(&args.dir, std::fs::create_dir_all(&args.dir))?;
    // The examples name their files relative to the working folder.
    write(&args.dir, std::env::set_current_dir(&args.dir))?;
    write(Path::new(file), std::fs::write(file, text))?;
    let loaded = load(Path::new(file))?;
    let Some(plan) = &loaded.compiled.plan else { return Err(Failure::reported()) };
    let bars = make_bars(plan, args.seed, term)?;
    let trained = loaded.compiled.scheduled.as_ref().and_then(|s| sigc_compiler::trained::of_model(s, ModelId::new(0)));
    make_checkpoint(plan, &bars, args.seed, trained.unwrap_or_default(), term)?;
    let status = super::run::run(&Run::of_bars(file, "bars"), term)?;
    term.note(&format!("\nagain: cd {} && sigc run {file} --replay bars", args.dir.display()));
    Ok(status)
}

type Made = Vec<(Symbol, Vec<Bar>)>;

/// A file of bars per symbol of the only source, long enough for the warmup and [`ROWS`] predictions.
fn make_bars(plan: &Plan, seed: u64, term: &mut Terminal) -> Result<Made, Failure> {
    let source = &plan.sources[0];
    let interval = plan.frame(source.frame).interval;
    let needs = plan.needs();
    let rows = |f: FrameId| needs.of(f).map_or(0, |n| n.rows);
    let frames = plan.signals.iter().map(|s| plan.frame_of(s));
    let coarse = frames.max_by_key(|f| plan.frame(*f).interval.max_millis()).unwrap_or(source.frame);
    let fine = source.frame;
    let per_row = plan.frame(coarse).interval.max_millis() / interval.max_millis();
    let n = rows(fine) + (ROWS + 1) * per_row;
    let spec = TableSpec {
        columns: Field::ALL.iter().map(|f| (f.name().to_owned(), ColumnKind::Number)).collect(),
        metadata: Vec::new(),
    };
    std::fs::create_dir_all("bars").map_err(|e| Failure::coded("E0512", plain(&e), ""))?;
    let mut made = Vec::new();
    for symbol in &source.symbols {
        let bars = generate(seed, symbol, interval, FIRST, n as usize);
        let path = format!("bars/{symbol}-{interval}.csv.gz");
        let sink = crate::run_failure::sink_failure;
        let mut table = TableWriter::create(Path::new(&path), &spec, true).map_err(sink)?;
        let open: Vec<Ts> = bars.iter().map(|b| b.open_time).collect();
        let ts: Vec<Ts> = open.iter().map(|&t| interval.close_of(interval.index_of(t))).collect();
        let columns: Vec<Vec<f64>> = Field::ALL.iter().map(|&f| bars.iter().map(|b| b.get(f)).collect()).collect();
        let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
        table.write_rows(symbol, &open, &ts, &columns).map_err(sink)?;
        table.finish().map_err(sink)?;
        made.push((symbol.clone(), bars));
    }
    if !term.quiet {
        term.note(&format!("made {n} bars of {interval} for each of {} symbols, seed {seed}", source.symbols.len()));
    }
    Ok(made)
}

/// A small BiLSTM with random weights, scaled to the features of the made bars.
fn make_checkpoint(plan: &Plan, bars: &Made, seed: u64, trained: Trained, term: &mut Terminal) -> Result<(), Failure> {
    let Some(model) = plan.models.first() else { return Ok(()) };
    let text = |name: &str| model.params.get(name).and_then(|v| v.as_str()).unwrap_or_default().to_owned();
    let columns: Vec<ColumnId> = model
        .inputs
        .iter()
        .zip(&model.input_names)
        .filter_map(|(value, name)| plan.find(&plan.frame(plan.nodes[value.index()].frame).name, name))
        .collect();
    let engine = Engine::new(plan, &columns).map_err(|e| Failure::usage(e.to_string(), ""))?;
    let frame = plan.sources[0].frame;
    let feeds: Vec<[(FrameId, &[Bar]); 1]> = bars.iter().map(|(_, b)| [(frame, b.as_slice())]).collect();
    let inputs: Vec<PanelInput<'_>> =
        feeds.iter().enumerate().map(|(symbol_index, bars)| PanelInput { symbol_index, bars }).collect();
    let mut rows = Columns::new(&engine);
    run_panel(&engine, &inputs, &Vec::new, PanelOptions::default(), &mut rows, &mut |_, _| {})
        .map_err(|e| Failure::usage(e.to_string(), ""))?;
    let symbols = bars.iter().enumerate().map(|(s, (symbol, _))| {
        let spread = columns.iter().map(|&c| mean_and_spread(rows.column(s, c)));
        let (feature_mean, feature_scale) = spread.unzip();
        let scaler = Scaler { feature_mean, feature_scale, target_mean: 0.0, target_scale: 0.01 };
        (symbol.to_string(), scaler)
    });
    let spec = CheckpointSpec {
        strategy: text("strategy"),
        features: model.input_names.clone(),
        window: model.window as usize,
        hidden: 8,
        layers: 2,
        symbols: symbols.collect(),
        seed,
        trained,
    };
    let dir = text("checkpoint_dir");
    write_checkpoint(Path::new(&dir), &spec)
        .map_err(|e| Failure::coded("E0512", format!("`{dir}`: {}", plain(&e)), "choose another --dir"))?;
    if !term.quiet {
        term.note(&format!("made a model with random weights in {dir}: its predictions mean nothing"));
    }
    Ok(())
}

/// Mean and standard deviation of the non-null cells; a spread of 0 counts as 1.
fn mean_and_spread(cells: &[f64]) -> (f64, f64) {
    let known: Vec<f64> = cells.iter().copied().filter(|x| !x.is_nan()).collect();
    let n = known.len().max(1) as f64;
    let mean = known.iter().sum::<f64>() / n;
    let variance = known.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n;
    (mean, if variance > 0.0 { variance.sqrt() } else { 1.0 })
}
