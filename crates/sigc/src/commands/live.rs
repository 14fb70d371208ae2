//! `sigc run` against a venue, or against the simulated one.

use crate::cli::{LogFormat, Run};
use crate::failure::{Failure, Outcome};
use crate::live::{Addresses, Wanted, build};
use crate::load::plain;
use crate::progress::Progress;
use crate::run_failure::engine_failure;
use crate::secrets::Secrets;
use crate::simulate::{Simulated, addresses_of};
use crate::terminal::Terminal;
use sigc_compiler::typed::Typed;
use sigc_journal::default_state_dir;
use sigc_live::observe::log::{Format, LogGuard, LogSpec, init};
use sigc_live::observe::metrics::{Metrics, MetricsSpec, SourceNames};
use sigc_live::observe::server::{Exposed, Server};
use sigc_live::observe::status::{Phase, Status, StatusView};
use sigc_live::pace::Pace;
use sigc_live::run::{RunFailure, StartError, Stop, Summary, Why};
use sigc_live::spec::RunSpec;
use sigc_live::watch::{About, PARTS, QUEUES, Watch};
use sigc_plan::Plan;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Speed of a simulated run where none is asked for: an hour in a minute.
const SIMULATED_SPEED: f64 = 60.0;
/// Limit on the last answers of the status page, and on the last log lines.
const CLOSE_LIMIT: Duration = Duration::from_secs(2);

/// Runs until it is stopped.
pub fn run(args: &Run, plan: &Plan, typed: &Typed, term: &mut Terminal) -> Outcome {
    let speed = args.speed.unwrap_or(if args.simulate { SIMULATED_SPEED } else { 1.0 });
    if !args.simulate && args.exchange.is_none() && speed != 1.0 {
        let help = "`--speed` goes with `--simulate`, `--exchange` or `--replay`";
        return Err(Failure::usage("a venue's time passes at speed 1", help));
    }
    if !(speed.is_finite() && (1.0..=50_000.0).contains(&speed)) {
        return Err(Failure::usage(
            "`--speed` is a number from 1 to 50000",
            "an hour of the venue takes 3600 / speed seconds",
        ));
    }
    let until = args.until.as_deref().map(super::run::instant).transpose()?;
    let run_id = run_id();
    let simulated = if args.simulate { Some(Simulated::start(plan, speed, args, term)?) } else { None };
    let addresses = simulated
        .as_ref()
        .map(|s| s.host())
        .or_else(|| args.exchange.clone())
        .map(|host| Addresses { of: addresses_of, host });
    // What is simulated leaves the real run's journal and files alone.
    let apart = addresses.is_some().then(|| PathBuf::from("sigc-simulated"));
    let scratch = apart.as_ref().map(|_| tempfile_dir(&run_id));
    let state = match (&args.state, &scratch) {
        (Some(state), _) => state.clone(),
        (None, Some(scratch)) => scratch.clone(),
        (None, None) => default_state_dir(&plan.name),
    };
    std::fs::create_dir_all(&state).map_err(|e| {
        Failure::coded(
            "E0512",
            format!("`{}` cannot be made: {}", state.display(), plain(&e)),
            "name another folder with `--state`",
        )
    })?;
    let mut secrets = Secrets::new();
    let wanted = Wanted {
        state: &state,
        run_id: run_id.clone(),
        pace: Pace::new(speed),
        until,
        simulated: addresses.as_ref(),
        apart: apart.as_deref(),
        shared_too: args.to_real_sinks,
        may_spawn: args.allow_process,
    };
    let spec = build(plan, typed, &wanted, &mut secrets, term)?;
    let log = start_log(args, &run_id, &state, &secrets, term)?;
    let (status, metrics, about) = observation(plan, &spec, &state, &wanted);
    let exposed = Exposed {
        metrics: metrics.clone(),
        status: Arc::clone(&status),
        redactor: secrets.redactor(),
        log: Some(log.counts()),
    };
    let server = start_server(args, exposed, term);
    let stop = Stop::default();
    let signals = Signals::listen(stop.clone());
    if !term.quiet {
        term.note(&format!("run {run_id}: `{}`, state in {}; Ctrl+C stops it", plan.name, state.display()));
    }
    let progress = ShowProgress::start(term, Arc::clone(&status));
    let result = sigc_live::run::run(spec, &stop, Arc::new(Watch::new(about, metrics, Arc::clone(&status))));
    drop(progress);
    drop(signals);
    if let Some(server) = server {
        close_server(server);
    }
    drop(simulated);
    log.close(CLOSE_LIMIT);
    if args.state.is_none()
        && let Some(scratch) = scratch
    {
        std::fs::remove_dir_all(scratch).ok();
    }
    finish(result, plan, term)
}

/// A journal that nobody wants to keep.
fn tempfile_dir(run_id: &str) -> PathBuf {
    std::env::temp_dir().join(format!("sigc-{run_id}"))
}

/// Time and process: sorts by time, and two runs never share one.
fn run_id() -> String {
    let ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis());
    format!("{ms:x}-{:x}", std::process::id())
}

fn start_log(
    args: &Run,
    run_id: &str,
    state: &std::path::Path,
    secrets: &Secrets,
    term: &Terminal,
) -> Result<LogGuard, Failure> {
    let spec = LogSpec {
        folder: Some(args.log_folder.clone().unwrap_or_else(|| state.join("logs"))),
        filter: args.log_level.clone(),
        format: match args.log_format {
            LogFormat::Human => Format::Human,
            LogFormat::Json => Format::Json,
        },
        stderr: !term.quiet,
        redactor: secrets.redactor(),
        ..LogSpec::new(run_id)
    };
    init(&spec)
        .map_err(|e| Failure::coded("E0532", e, "`--log-folder` names another folder, `--log-level` another filter"))
}

fn start_server(args: &Run, exposed: Exposed, term: &mut Terminal) -> Option<Server> {
    let address: SocketAddr = args.listen?;
    match Server::start(address, exposed) {
        Ok(server) => {
            if !term.quiet {
                term.note(&format!("metrics and health: http://{}/metrics, /healthz, /readyz, /status", server.addr()));
            }
            Some(server)
        }
        Err(e) => {
            // A run without a status page is better than none.
            term.note(&format!("warning: {e}; the run goes on without metrics and health\n  help: `--listen ADDRESS` names another address"));
            None
        }
    }
}

fn close_server(server: Server) {
    if let Ok(own) = tokio::runtime::Builder::new_current_thread().enable_time().build() {
        own.block_on(server.stop(CLOSE_LIMIT));
    }
}

fn observation(
    plan: &Plan,
    spec: &RunSpec,
    state: &std::path::Path,
    wanted: &Wanted<'_>,
) -> (Arc<Status>, Metrics, About) {
    let name = |s: &sigc_live::spec::SourceSpec| format!("{} {}", s.using, plan.frame(s.setup.frame).name);
    let sources: Vec<_> = spec.sources.iter().map(|s| (name(s), s.setup.terms.interval)).collect();
    let view = StatusView {
        run: spec.run_id.clone(),
        version: env!("CARGO_PKG_VERSION").into(),
        pipeline: plan.name.clone(),
        fingerprint: plan.fingerprint().to_string(),
        started: SystemTime::now().duration_since(UNIX_EPOCH).ok().map(|d| sigc_market::Ts(d.as_millis() as i64)),
        speed: wanted.pace.speed(),
        ..StatusView::default()
    };
    let signal = |(s, name): (&sigc_plan::Signal, String)| {
        let frame = plan.frame(plan.frame_of(s));
        (name, frame.name.clone(), frame.interval)
    };
    let signals: Vec<_> = plan.signals.iter().zip(plan.signal_names()).map(signal).collect();
    let metrics = Metrics::new(&MetricsSpec {
        signals: signals.iter().map(|(name, ..)| name.clone()).collect(),
        sources: spec
            .sources
            .iter()
            .map(|s| SourceNames { name: name(s), symbols: s.setup.symbols.iter().map(ToString::to_string).collect() })
            .collect(),
        sinks: spec.sinks.iter().map(|s| s.name.clone()).collect(),
        queues: QUEUES.map(str::to_owned).to_vec(),
        parts: PARTS.map(|(name, _)| name.to_owned()).to_vec(),
    });
    metrics.build_info(env!("CARGO_PKG_VERSION"), &view.fingerprint, &spec.run_id);
    let about = About {
        view: view.clone(),
        sources,
        sinks: spec.sinks.iter().map(|s| s.name.clone()).collect(),
        journal: state.join("journal.redb"),
        signals,
    };
    (Arc::new(Status::new(&PARTS, view)), metrics, about)
}

/// Ctrl+C and SIGTERM, as requests to stop. The second is more urgent, the third ends the process.
struct Signals {
    ended: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Signals {
    /// Signals are heeded when this returns.
    fn listen(stop: Stop) -> Signals {
        let (ready, heeded) = std::sync::mpsc::channel();
        let (ended, over) = tokio::sync::oneshot::channel::<()>();
        let thread = std::thread::Builder::new().name("sigc-signals".into()).spawn(move || {
            let Ok(own) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
            own.block_on(async {
                tokio::select! {
                    () = heed(stop, ready) => {}
                    _ = over => {}
                }
            });
        });
        let _ = heeded.recv_timeout(CLOSE_LIMIT);
        Signals { ended: Some(ended), thread: thread.ok() }
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.ended.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(unix)]
async fn heed(stop: Stop, ready: std::sync::mpsc::Sender<()>) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut int), Ok(mut term)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) else {
        return std::future::pending().await;
    };
    let _ = ready.send(());
    loop {
        tokio::select! {
            _ = int.recv() => {}
            _ = term.recv() => {}
        }
        heard(&stop);
    }
}

#[cfg(not(unix))]
async fn heed(stop: Stop, ready: std::sync::mpsc::Sender<()>) {
    let _ = ready.send(());
    while tokio::signal::ctrl_c().await.is_ok() {
        heard(&stop);
    }
}

fn heard(stop: &Stop) {
    match stop.requests() {
        0 => tracing::info!("stopping: intake ends, what is there is computed, stored and delivered; again to hurry"),
        1 => tracing::warn!("hurrying: parts get two seconds; again to end at once"),
        _ => {
            tracing::error!("ending at once; what is stored is delivered by the next run");
            std::process::exit(130);
        }
    }
    stop.request();
}

/// Shows on a terminal how far the history has come.
struct ShowProgress {
    over: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl ShowProgress {
    fn start(term: &Terminal, status: Arc<Status>) -> ShowProgress {
        let over = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&over);
        let shown = term.live && !term.quiet;
        let progress = shown.then(|| Progress::start(term, "loading history", 1));
        let thread = progress.and_then(|progress| {
            std::thread::Builder::new()
                .name("sigc-progress".into())
                .spawn(move || {
                    let mut total = 0;
                    while !ended.load(Ordering::Relaxed) {
                        let (view, _) = status.view();
                        let missing: i64 = view.sources.iter().map(|s| s.missing_bars).sum();
                        if view.phase != Phase::Warmup {
                            break;
                        }
                        total = total.max(missing as u64);
                        progress.of(total.max(1));
                        progress.at(total - missing.max(0) as u64);
                        std::thread::sleep(Duration::from_millis(100));
                    }
                })
                .ok()
        });
        ShowProgress { over, thread }
    }
}

impl Drop for ShowProgress {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn finish(result: Result<Summary, StartError>, plan: &Plan, term: &mut Terminal) -> Outcome {
    let summary = match result {
        Ok(summary) => summary,
        Err(StartError::Stopped) => return Ok(0),
        Err(StartError::Journal(e)) => return Err(crate::live::journal_failure(e)),
        Err(e @ StartError::Unreachable { .. }) => {
            let help = "check the address, the network and the venue's status page; `--simulate` needs neither";
            return Err(Failure::coded("E0530", e, help));
        }
        Err(StartError::Resume(e)) => {
            return Err(Failure::coded(
                "E0521",
                e,
                "move the state folder away to begin anew, with its history fetched again",
            ));
        }
        Err(e @ StartError::Thread(_)) => return Err(Failure::coded("E0533", e, "the system gives no more threads")),
    };
    report(&summary, term);
    match summary.why {
        Why::Failed(RunFailure::Engine(e)) => Err(engine_failure(e, &plan.symbols(), plan)),
        Why::Failed(e @ RunFailure::Journal(_)) => {
            let help = "make room on the disk or mend it, and start again: what was stored goes on from there, what was not is fetched";
            Err(Failure::coded("E0526", e, help))
        }
        Why::Asked | Why::Until => Ok(u8::from(!summary.end.clean || summary.unstored > 0)),
    }
}

fn report(summary: &Summary, term: &mut Terminal) {
    if !summary.end.clean {
        let left: Vec<&str> = summary.end.left.iter().chain(&summary.end.aborted).map(String::as_str).collect();
        term.note(&format!("warning: these parts did not end within their limit: {}", left.join(", ")));
    }
    if term.quiet {
        return;
    }
    let why = match summary.why {
        Why::Asked => "stopped",
        Why::Until => "reached its end",
        Why::Failed(_) => "failed",
    };
    term.note(&format!(
        "{why} after {:.1} s: {} rows emitted in this run; the end took {} ms, nothing is left running",
        summary.took.as_secs_f64(),
        summary.rows,
        summary.end.took_ms
    ));
    for (sink, backlog) in summary.sinks.iter().zip(&summary.backlog) {
        let waits =
            if *backlog > 0 { format!(", {backlog} wait in the journal for the next run") } else { String::new() };
        term.note(&format!(
            "  {}: {} new, {} were there already{waits}",
            sink.name, sink.written.new, sink.written.duplicates
        ));
        if let Some(error) = &sink.close_error {
            term.note(&format!("warning: {}: {error}", sink.name));
        }
    }
}
