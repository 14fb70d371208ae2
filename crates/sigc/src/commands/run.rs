//! `sigc run`: a pipeline to its sinks, live or with recorded bars in place of the live source.

use crate::bars::read;
use crate::cli::Run;
use crate::failure::{Failure, Outcome};
use crate::load::load_sound;
use crate::models::load_warm;
use crate::progress::Progress;
use crate::run_failure::{engine_failure, replay_failure, sink_failure};
use crate::secrets::Secrets;
use crate::sinks::{Ways, open_sinks};
use crate::terminal::Terminal;
use sigc_engine::Engine;
use sigc_market::Ts;
use sigc_plan::Plan;
use sigc_runtime::Written;
use sigc_runtime::replay::{Fates, Replay, SinkSlot, Summary, replay};
use std::time::{Duration, Instant};

/// Runs recorded bars through the live driver to the sinks.
pub fn run(args: &Run, term: &mut Terminal) -> Outcome {
    let loaded = load_sound(&args.file, term)?;
    let (Some(plan), Some(typed)) = (&loaded.compiled.plan, &loaded.compiled.typed) else {
        return Err(Failure::reported());
    };
    if args.replay.is_empty() {
        return super::live::run(args, plan, typed, term);
    }
    let until = args.until.as_deref().map(instant).transpose()?;
    if args.speed.is_some_and(|s| !(s.is_finite() && s > 0.0)) {
        return Err(Failure::usage("`--speed` is a number above 0", "leave it out to replay as fast as possible"));
    }
    if args.simulate {
        return Err(Failure::usage("`--simulate` and `--replay` exclude each other", "leave one of them out"));
    }
    let recorded = read(plan, &args.replay, &args.recorded, term)?;
    let mut models = load_warm(plan, &recorded.symbols, args.allow_process, term)?;
    let ways = Ways { run_id: None, marks: false, apart: None, shared_too: true, may_spawn: args.allow_process };
    let mut sinks: Vec<SinkSlot> = open_sinks(plan, typed, ways, &mut Secrets::new(), term)?
        .into_iter()
        .map(|s| SinkSlot { sink: s.sink, subscriptions: s.subscriptions, written: Written::default() })
        .collect();
    let engine = Engine::new(plan, &plan.signal_columns()).map_err(|e| engine_failure(e, &recorded.symbols, plan))?;
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
    report(plan, &summary, &sinks, term);
    for slot in sinks {
        slot.sink.close().map_err(sink_failure)?;
    }
    Ok(0)
}

/// Reads an instant of the command line.
pub(super) fn instant(text: &str) -> Result<Ts, Failure> {
    Ts::parse_iso(text)
        .ok_or_else(|| Failure::usage(format!("`{text}` is not an instant"), "write it as 2025-06-01T00:00:00Z"))
}

fn report(plan: &Plan, summary: &Summary, sinks: &[SinkSlot], term: &mut Terminal) {
    if let Some(error) = &summary.predict.last {
        let count = summary.predict.count;
        term.note(&format!("warning[E0517]: the model failed on {count} rows, the last time: {error}"));
    }
    if term.quiet {
        return;
    }
    let (bars, gaps) = (summary.bars, summary.gap_rows);
    let fates = |s: &Fates| {
        let (warming, without) = (s.warming, s.without_value);
        let quiet = if s.quiet > 0 { format!(", in {} the condition was not true", s.quiet) } else { String::new() };
        format!("{warming} rows came before the history was long enough, {without} had a null input{quiet}")
    };
    match summary.signals.as_slice() {
        [one] => {
            let rows = one.emitted;
            term.note(&format!("{rows} rows from {bars} bars ({gaps} missing on the grid); {}", fates(one)));
        }
        several => {
            term.note(&format!("{} rows from {bars} bars ({gaps} missing on the grid)", summary.emitted()));
            for (name, s) in plan.signal_names().iter().zip(several) {
                term.note(&format!("  `{name}`: {} rows; {}", s.emitted, fates(s)));
            }
        }
    }
    if summary.emitted() == 0 {
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
