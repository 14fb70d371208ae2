//! From a compiled pipeline to a run that is ready to begin.

use crate::failure::Failure;
use crate::models::{load_warm, with_deadlines};
use crate::run_failure::engine_failure;
use crate::secrets::Secrets;
use crate::sinks::{Ways, open_sinks};
use crate::terminal::Terminal;
use sigc_catalog::{Args, Value};
use sigc_compiler::typed::{self, Typed, What};
use sigc_connectors::clickhouse::query::ROWS_PER_REQUEST;
use sigc_connectors::clickhouse::{Table, step};
use sigc_connectors::{TIMER, venue};
use sigc_diag::Span;
use sigc_engine::Engine;
use sigc_journal::{Identity, Journal, JournalError, Opened, Options};
use sigc_live::net::clickhouse::{Login, Tables};
use sigc_live::net::clock::VenueClock;
use sigc_live::net::gate::Gates;
use sigc_live::net::http::Http;
use sigc_live::net::rest::Rest;
use sigc_live::pace::Pace;
use sigc_live::spec::{Limits, RunSpec, SinkSpec, SourceIo, SourceSpec, VenueIo};
use sigc_market::{Interval, Symbol, Ts};
use sigc_plan::{FrameId, Plan};
use sigc_runtime::live::conductor::{CatchUp, SourceSetup};
use sigc_runtime::live::feed::Supply;
use sigc_runtime::live::splice::Terms;
use std::path::Path;
use std::sync::Arc;

/// `scheduling.buffer_minutes` where it is not written.
const BUFFER_MS: i64 = 60_000;
/// A hole is asked for so long before it is declared, for the sake of the bars behind it.
const REPAIR_MS: i64 = 600_000;
/// A table is asked so much later than its rows are final, so that a clock that is a little ahead asks not in vain.
const SETTLE_SLACK_MS: i64 = 250;
const DAY_MS: f64 = 86_400_000.0;

/// Addresses that take the place of those in the pipeline: the simulated exchange's.
#[derive(Debug, Clone)]
pub struct Addresses {
    /// By data step: REST, streams, archives.
    pub of: fn(&str, &str) -> Option<[String; 3]>,
    /// The exchange's host and port.
    pub host: String,
}

/// What a run needs beside the pipeline.
pub struct Wanted<'a> {
    /// Where the journal is.
    pub state: &'a Path,
    /// Its id.
    pub run_id: String,
    /// How fast time passes.
    pub pace: Pace,
    /// Where it ends.
    pub until: Option<Ts>,
    /// The simulated exchange, if that is to be used.
    pub simulated: Option<&'a Addresses>,
    /// The folder that files of sinks go to instead, so that nothing simulated gets into a real one.
    pub apart: Option<&'a Path>,
    /// Sinks that others read get simulated rows, too.
    pub shared_too: bool,
    /// Child processes may be started.
    pub may_spawn: bool,
}

/// Builds a run: models are loaded, sinks and the journal are open.
///
/// # Errors
/// Whatever would keep the run from working, before anything was connected.
pub fn build(
    plan: &Plan,
    typed: &Typed,
    wanted: &Wanted<'_>,
    secrets: &mut Secrets,
    term: &mut Terminal,
) -> Result<RunSpec, Failure> {
    let symbols = plan.symbols();
    let models = with_deadlines(plan, typed, load_warm(plan, &symbols, wanted.may_spawn, term)?)?;
    let engine = Engine::new(plan, &plan.signal_columns()).map_err(|e| engine_failure(e, &symbols, plan))?;
    let sources = sources(plan, typed, wanted, secrets)?;
    let identity = Identity::of(plan, typed.sinks.iter().map(sink_text).collect());
    let Opened { journal, restored, notes } =
        Journal::open(wanted.state, &identity, Options::default()).map_err(journal_failure)?;
    if !term.quiet {
        notes.iter().for_each(|note| term.note(&format!("note: {note}")));
    }
    let marks = typed.warmup.catch_up == typed::CatchUp::Mark;
    let ways = Ways {
        run_id: Some(&wanted.run_id),
        marks,
        apart: wanted.apart,
        shared_too: wanted.shared_too,
        may_spawn: wanted.may_spawn,
    };
    let sinks = open_sinks(plan, typed, ways, secrets, term)?
        .into_iter()
        .map(|s| SinkSpec {
            name: s.sink.describe(),
            sink: s.sink,
            subscriptions: s.subscriptions,
            batching: s.batching,
        })
        .collect();
    let buffer = typed.scheduling.as_ref().and_then(|s| s.buffer_minutes);
    Ok(RunSpec {
        pipeline: plan.name.clone(),
        run_id: wanted.run_id.clone(),
        engine,
        models,
        configuration: configuration(plan, wanted, &sources),
        sources,
        symbols,
        sinks,
        journal,
        restored,
        catch_up: match typed.warmup.catch_up {
            typed::CatchUp::Emit => CatchUp::Emit,
            typed::CatchUp::Mark => CatchUp::Mark,
            typed::CatchUp::Skip => CatchUp::Skip,
        },
        lookback_ms: typed.warmup.lookback_days.as_ref().map(|d| (d.value.0 * DAY_MS) as i64),
        buffer_ms: buffer.map_or(BUFFER_MS, |minutes| (minutes * 60_000.0) as i64),
        until: wanted.until,
        pace: wanted.pace,
        limits: Limits::default(),
    })
}

/// A sink's stable text in the journal: its step and its target.
fn sink_text(sink: &typed::TSink) -> String {
    let target = sink.args.value(sink.def.target).map(Value::to_string).unwrap_or_default();
    format!("{} {target}", sink.def.info.name)
}

fn sources(plan: &Plan, typed: &Typed, wanted: &Wanted<'_>, secrets: &mut Secrets) -> Result<Vec<SourceSpec>, Failure> {
    let gates = Gates::new();
    let http = Arc::new(Http::new(wanted.pace));
    let mut specs = Vec::new();
    for source in &plan.sources {
        let interval = plan.frame(source.frame).interval;
        let Some(args) = args_of(typed, source.frame) else {
            return Err(Failure::usage("the pipeline's data steps and its plan do not go together", ""));
        };
        let (supply, io, limits) = if source.using == TIMER {
            (Supply::Clock, SourceIo::Clock, None)
        } else if let Some(venue) = venue(&source.using) {
            let [rest_url, ws_url, bulk_url] = addresses(&source.using, args, wanted.simulated, secrets)?;
            let gate = gates.of(venue, &rest_url, wanted.pace);
            let rest = Rest::new(venue, &rest_url, Arc::clone(&http), gate);
            let archives = (!bulk_url.is_empty()).then(|| (bulk_url, wanted.state.join("archives")));
            let io = SourceIo::Venue(VenueIo { rest, ws_base: ws_url, archives });
            (Supply::Streams(*venue.limits()), io, Some(*venue.limits()))
        } else if source.using == step::CLICKHOUSE {
            let tables = tables(args, wanted, secrets, &http)?;
            (Supply::Poll, SourceIo::Table(tables), None)
        } else {
            return Err(Failure::coded(
                "E0518",
                format!("`{}` has no live source", source.using),
                "`--replay PATH` runs recorded bars through the same engine and sinks",
            ));
        };
        let archive = matches!(&io, SourceIo::Venue(v) if v.archives.is_some());
        specs.push(SourceSpec {
            setup: SourceSetup {
                frame: source.frame,
                symbols: source.symbols.clone(),
                terms: match &io {
                    SourceIo::Table(tables) => table_terms(tables.table(), terms(interval, None, false, wanted)),
                    _ => terms(interval, limits.as_ref(), archive, wanted),
                },
                supply,
            },
            using: source.using.clone(),
            io,
        });
    }
    Ok(specs)
}

/// What a probe of one data step found.
pub struct SourceProbe {
    /// The step.
    pub name: String,
    /// Its place in the file.
    pub span: Span,
    /// What was looked at, or what is wrong.
    pub result: Result<Vec<String>, Failure>,
}

/// Asks every data step's venue or table whether it is there and knows the symbols, and changes nothing.
pub fn probe_sources(plan: &Plan, typed: &Typed, secrets: &mut Secrets) -> Vec<SourceProbe> {
    let http = Arc::new(Http::new(Pace::REAL));
    let mut probes = Vec::new();
    for source in &plan.sources {
        let step = typed.steps.iter().find(|s| s.makes_frame == Some(source.frame));
        let span = step.map(|s| s.using.span).unwrap_or_default();
        let result = match step.and_then(|s| s.args.as_ref()) {
            Some(args) => probe_source(source, args, secrets, &http),
            None => Ok(Vec::new()),
        };
        probes.push(SourceProbe { name: source.using.clone(), span, result });
    }
    probes
}

fn probe_source(
    source: &sigc_plan::Source,
    args: &Args,
    secrets: &mut Secrets,
    http: &Arc<Http>,
) -> Result<Vec<String>, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| {
        Failure::coded("E0533", format!("no runtime can be made: {e}"), "raise the limits of this process")
    })?;
    let unreachable = |what: &str, e: &dyn std::fmt::Display| {
        Failure::coded(
            "E0530",
            format!("{what} cannot be asked: {e}"),
            "check the address, and that this machine may reach it",
        )
    };
    if let Some(venue) = venue(&source.using) {
        let [rest_url, ..] = addresses(&source.using, args, None, secrets)?;
        let gate = Gates::new().of(venue, &rest_url, Pace::REAL);
        let rest = Rest::new(venue, &rest_url, Arc::clone(http), gate);
        let listing = runtime
            .block_on(async {
                rest.sync_clock().await?;
                rest.instruments().await
            })
            .map_err(|e| unreachable(venue.name(), &e))?;
        let trades = |s: &Symbol| listing.listed.iter().any(|i| i.symbol == *s && i.trading);
        let unknown: Vec<&str> = source.symbols.iter().filter(|s| !trades(s)).map(Symbol::as_str).collect();
        if !unknown.is_empty() {
            let message = format!("{} does not trade {}", venue.name(), unknown.join(", "));
            let help = "take the symbols out of the universe, or correct them; a run would leave them out".to_owned();
            return Err(Failure::coded("W0203", message, help));
        }
        return Ok(vec![format!("{} answers and trades all {} symbols", venue.name(), source.symbols.len())]);
    }
    if source.using == step::CLICKHOUSE {
        let tables = table_of(args, secrets, http, Pace::REAL)?;
        let took = runtime.block_on(tables.probe()).map_err(|e| unreachable("the table", &e))?;
        return Ok(vec![format!("the table and its columns are there ({} ms)", took.as_millis())]);
    }
    Ok(Vec::new())
}

/// The times of a source. What is waited for in real time has a floor, so that a fast clock does not outrun sockets.
fn terms(
    interval: Interval,
    limits: Option<&sigc_runtime::venue::Limits>,
    archive: bool,
    wanted: &Wanted<'_>,
) -> Terms {
    let at_least = |ms: i64, real_ms: u64| ms.max(wanted.pace.venue_ms(std::time::Duration::from_millis(real_ms)));
    let at_least = |ms, real_ms| if wanted.pace == Pace::REAL { ms } else { at_least(ms, real_ms) };
    Terms {
        interval,
        grace_ms: at_least(5_000, 20),
        settle_ms: at_least(limits.map_or(2_000, |l| l.settle_ms), 5),
        lonely_ms: at_least(60_000, 500),
        settled: false,
        repair_ms: at_least(REPAIR_MS, 10_000),
        first_frame_ms: at_least(30_000, 1_000),
        mute_ms: at_least(interval.max_millis().saturating_add(60_000), 1_000),
        rows_per_request: limits.map_or(1_000, |l| i64::from(l.rows_per_request)),
        archive,
        until: wanted.until.unwrap_or(Ts(i64::MAX)),
    }
}

/// The times of a table: its own instead of a venue's.
fn table_terms(table: &Table, terms: Terms) -> Terms {
    Terms {
        settle_ms: table.settle_ms() + SETTLE_SLACK_MS,
        lonely_ms: table.late_ms(),
        settled: true,
        repair_ms: terms.repair_ms.max(table.late_ms().saturating_add(REPAIR_MS)),
        rows_per_request: ROWS_PER_REQUEST,
        ..terms
    }
}

/// The table of a data step; nothing connects yet.
fn tables(args: &Args, wanted: &Wanted<'_>, secrets: &mut Secrets, http: &Arc<Http>) -> Result<Tables, Failure> {
    if wanted.simulated.is_some() {
        let message = format!("`{}` is not simulated", step::CLICKHOUSE);
        return Err(Failure::coded("E0518", message, "leave out `--simulate`, or use `--replay PATH`"));
    }
    table_of(args, secrets, http, wanted.pace)
}

fn table_of(args: &Args, secrets: &mut Secrets, http: &Arc<Http>, pace: Pace) -> Result<Tables, Failure> {
    let url = secrets.resolve(&args.get(&step::URL))?;
    let mut resolved = |text: Option<String>| text.map(|text| secrets.resolve(&text)).transpose();
    let login = Login { user: resolved(args.get(&step::USER))?, password: resolved(args.get(&step::PASSWORD))? };
    let clock = Arc::new(VenueClock::new(pace));
    Tables::new(Table::of(args), &url, &login, Arc::clone(http), clock).map_err(|e| {
        Failure::coded(
            "E0530",
            format!("`{}`: {e}", step::CLICKHOUSE),
            "`url` is an address such as `http://localhost:8123`",
        )
    })
}

fn args_of(typed: &Typed, frame: FrameId) -> Option<&Args> {
    let step = typed.steps.iter().find(|s| s.makes_frame == Some(frame) && matches!(s.what, Some(What::Data(_))))?;
    step.args.as_ref()
}

/// REST, streams and archives of a data step.
fn addresses(
    using: &str,
    args: &Args,
    simulated: Option<&Addresses>,
    secrets: &mut Secrets,
) -> Result<[String; 3], Failure> {
    if let Some(simulated) = simulated {
        return (simulated.of)(using, &simulated.host)
            .ok_or_else(|| Failure::coded("E0518", format!("`{using}` is not simulated"), "leave out `--simulate`"));
    }
    let mut url = |name: &str| match args.value(name) {
        Some(Value::Text(text)) => secrets.resolve(text),
        _ => Ok(String::new()),
    };
    Ok([url("rest_url")?, url("ws_url")?, url("bulk_url")?])
}

/// What the run was started with; addresses from the environment are not in it.
fn configuration(plan: &Plan, wanted: &Wanted<'_>, sources: &[SourceSpec]) -> serde_json::Value {
    let source = |s: &SourceSpec| {
        let t = &s.setup.terms;
        serde_json::json!({
            "using": s.using, "frame": plan.frame(s.setup.frame).name, "symbols": s.setup.symbols,
            "interval": t.interval, "grace_ms": t.grace_ms, "settle_ms": t.settle_ms, "lonely_ms": t.lonely_ms,
            "settled": t.settled, "repair_ms": t.repair_ms, "first_frame_ms": t.first_frame_ms, "mute_ms": t.mute_ms,
        })
    };
    serde_json::json!({
        "pipeline": plan.name, "fingerprint": plan.fingerprint().to_string(), "speed": wanted.pace.speed(),
        "simulated": wanted.simulated.is_some(), "until": wanted.until.map(|t| t.to_string()),
        "sources": sources.iter().map(source).collect::<Vec<_>>(),
    })
}

/// The journal's word.
pub fn journal_failure(error: JournalError) -> Failure {
    let (code, help) = (error.code(), error.help());
    Failure::coded(code, error, help)
}
