//! `sigc run`: a pipeline to its sinks. Recorded bars take the place of the live source.

use crate::bars::read;
use crate::cli::Run;
use crate::failure::{Failure, Outcome};
use crate::load::load_sound;
use crate::models::load_models;
use crate::progress::Progress;
use crate::run_failure::{engine_failure, replay_failure, sink_failure};
use crate::terminal::Terminal;
use sigc_compiler::typed::{TSink, Typed};
use sigc_connectors::sinks::csv_append::step::{CSV_APPEND, KEY, PATH};
use sigc_connectors::sinks::csv_append::{CsvAppend, DedupColumn};
use sigc_engine::Engine;
use sigc_market::Ts;
use sigc_plan::{ColumnId, Plan};
use sigc_runtime::replay::{Replay, SinkSlot, Summary, replay};
use sigc_runtime::{RecordSchema, Written};
use std::path::Path;
use std::time::{Duration, Instant};

/// Runs recorded bars through the live driver to the sinks.
pub fn run(args: &Run, term: &mut Terminal) -> Outcome {
    let loaded = load_sound(&args.file, term)?;
    let (Some(plan), Some(typed)) = (&loaded.compiled.plan, &loaded.compiled.typed) else {
        return Err(Failure::reported());
    };
    if args.replay.is_empty() {
        return Err(Failure::coded(
            "E0518",
            "live sources are not available in this version",
            "`--replay PATH` runs recorded bars through the same engine and sinks",
        ));
    }
    let until = args.until.as_deref().map(instant).transpose()?;
    if args.speed.is_some_and(|s| !(s.is_finite() && s > 0.0)) {
        return Err(Failure::usage("`--speed` is a number above 0", "leave it out to replay as fast as possible"));
    }
    let recorded = read(plan, &args.replay, &args.recorded, term)?;
    let mut models = load_models(plan, &recorded.symbols)?;
    let mut sinks = open_sinks(plan, typed, term)?;
    let outputs: Vec<ColumnId> =
        std::iter::once(plan.emission.column).chain(plan.emission.extra.iter().copied()).collect();
    let engine = Engine::new(plan, &outputs).map_err(|e| engine_failure(e, &recorded.symbols, plan))?;
    let feeds = recorded.feeds();
    let progress = Progress::start(term, "replaying", recorded.n_bars());
    let mut pace = Pace::new(args.speed);
    let what = Replay { plan, engine: &engine, symbols: &recorded.symbols, feeds: &feeds, until };
    let summary = replay(&what, &mut models, &mut sinks, &mut |at, bars| {
        progress.at(bars);
        pace.wait(at);
    })
    .map_err(|e| replay_failure(e, &recorded.symbols, plan))?;
    drop(progress);
    report(&summary, &sinks, term);
    for slot in sinks {
        slot.sink.close().map_err(sink_failure)?;
    }
    Ok(0)
}

fn instant(text: &str) -> Result<Ts, Failure> {
    Ts::parse_iso(text)
        .ok_or_else(|| Failure::usage(format!("`{text}` is not an instant"), "write it as 2025-06-01T00:00:00Z"))
}

/// Opens every sink of the pipeline, in order.
fn open_sinks(plan: &Plan, typed: &Typed, term: &mut Terminal) -> Result<Vec<SinkSlot>, Failure> {
    let name = |c: ColumnId| plan.column(c).name.clone();
    let mut slots = Vec::new();
    for sink in &typed.sinks {
        let schema = RecordSchema {
            dag_name: plan.name.clone(),
            frame: plan.frame(plan.emission_frame()).name.clone(),
            column: name(plan.emission.column),
            extra: sink.extra.iter().map(|&i| name(plan.emission.extra[i])).collect(),
            marks: false,
        };
        slots.push(SinkSlot {
            sink: open_sink(sink, &schema, term)?,
            extra: sink.extra.clone(),
            written: Written::default(),
        });
    }
    Ok(slots)
}

fn open_sink(sink: &TSink, schema: &RecordSchema, term: &mut Terminal) -> Result<Box<dyn sigc_runtime::Sink>, Failure> {
    if !std::ptr::eq(sink.def, &CSV_APPEND) {
        let message = format!("`{}` has no driver in this program", sink.def.info.name);
        return Err(Failure { code: None, message, help: None, exit: 1 });
    }
    let key = sink.args.get(&KEY).unwrap_or_else(|| vec!["ts".into(), "symbol".into()]);
    let key: Vec<DedupColumn> =
        key.iter().map(|k| if k == "ts" { DedupColumn::Ts } else { DedupColumn::Symbol }).collect();
    let csv = CsvAppend::open(Path::new(&sink.args.get(&PATH)), schema, &key).map_err(sink_failure)?;
    if let Some(repaired) = csv.repaired() {
        term.note(&format!("note: {repaired}"));
    }
    Ok(Box::new(csv))
}

fn report(summary: &Summary, sinks: &[SinkSlot], term: &mut Terminal) {
    if let Some(error) = &summary.predict.last {
        let count = summary.predict.count;
        term.note(&format!("warning[E0517]: the model failed on {count} rows, the last time: {error}"));
    }
    if term.quiet {
        return;
    }
    term.note(&format!(
        "{} rows from {} bars ({} missing on the grid); {} rows came before the history was long enough, {} had a null input",
        summary.rows,
        summary.bars,
        summary.gap_rows,
        summary.warming,
        summary.without_value
    ));
    if summary.rows == 0 {
        term.note("note: no row was emitted; `sigc plan` shows how many bars are needed before the first");
    }
    for slot in sinks {
        term.note(&format!(
            "  {}: {} new, {} were there already",
            slot.sink.describe(),
            slot.written.new,
            slot.written.duplicates
        ));
    }
}

/// Holds a replay to a multiple of real time.
struct Pace {
    speed: Option<f64>,
    started: Option<(Instant, Ts)>,
}

impl Pace {
    fn new(speed: Option<f64>) -> Pace {
        Pace { speed, started: None }
    }

    fn wait(&mut self, at: Ts) {
        let Some(speed) = self.speed else { return };
        let (start, first) = *self.started.get_or_insert((Instant::now(), at));
        let due = Duration::from_secs_f64(((at.0 - first.0) as f64 / 1_000.0 / speed).max(0.0));
        if let Some(rest) = due.checked_sub(start.elapsed()) {
            std::thread::sleep(rest);
        }
    }
}
