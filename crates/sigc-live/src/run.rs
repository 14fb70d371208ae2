//! A run from its first request to its last row: starts every part, and ends them in order.
//!
//! Order of the end: sources stop (intake), what they brought is computed and stored, sinks get what is stored, then
//! the journal closes. Each part has a limit; one that does not keep it is given up and named in the [`Summary`].

use crate::compute::{Compute, Ended, Phase, Reached};
pub use crate::compute::{RunFailure, Watcher};
use crate::deliver::{self, Delivered, Wrote};
use crate::net::archive::Archives;
use crate::net::clock::VenueClock;
use crate::net::http::Http;
use crate::net::link::EndKind;
use crate::net::observe::Observe;
use crate::net::rest::FetchError;
use crate::pace::Pace;
use crate::source::{VenueSource, idle};
use crate::source_table::{TableSource, foresee};
use crate::spec::{RunSpec, SourceIo, SourceSpec};
use crate::store::{self, Job, Stored};
use sigc_journal::{JournalError, RunEntry};
use sigc_market::Ts;
use sigc_runtime::Record;
use sigc_runtime::live::conductor::{Conductor, Event, ResumeError, Setup};
use sigc_runtime::live::feed::FeedOrder;
use sigc_runtime::live::retry::{Retry, RetryPolicy};
use sigc_runtime::live::shutdown::{Order, Part, Report, Shutdown, Stage};
use sigc_runtime::venue::Refusal;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// Events that wait for the compute owner: every stream of a thousand symbols closing a bar four times over.
pub(crate) const EVENTS: usize = 4_096;
/// Orders to one data step that wait; see [`crate::source`].
const ORDERS: usize = 1_024;
/// Threads for sockets and requests.
const IO_THREADS: usize = 2;
/// A venue that does not tell its time for so long cannot be reached.
const REACH_LIMIT: Duration = Duration::from_secs(120);

/// How urgently a run is to end. Clone it to keep a handle.
#[derive(Debug, Clone)]
pub struct Stop(Arc<watch::Sender<u32>>);

impl Default for Stop {
    fn default() -> Stop {
        Stop(Arc::new(watch::channel(0).0))
    }
}

impl Stop {
    /// Asks for the end; every further call is more urgent than the one before.
    pub fn request(&self) {
        self.0.send_modify(|n| *n = n.saturating_add(1));
    }

    /// How often the end was asked for.
    pub fn requests(&self) -> u32 {
        *self.0.borrow()
    }
}

/// What is told of a run while it goes on.
pub trait Observer: Send + Sync + 'static {
    /// A watcher of the compute owner.
    fn watcher(&self) -> Box<dyn Watcher>;
    /// A connection of a data step stands.
    fn link_opened(&self, source: usize);
    /// A connection of a data step ended.
    fn link_ended(&self, source: usize, kind: EndKind);
    /// What is told of a data step's requests.
    fn requests(&self, source: usize) -> Arc<dyn Observe>;
    /// A batch of the journal.
    fn stored(&self, seconds: f64, entries: usize, works: bool);
    /// A sink has confirmed rows at `now`; its write took `seconds`.
    fn delivered(&self, sink: usize, rows: &[Record], now: Ts, seconds: f64);
}

/// What a run did.
#[derive(Debug)]
pub struct Summary {
    /// How the end went.
    pub end: Report,
    /// Why it came.
    pub why: Why,
    /// Rows that were emitted.
    pub rows: u64,
    /// The sinks.
    pub sinks: Vec<Delivered>,
    /// Rows that each sink has not confirmed; they are in the journal, and the next run delivers them.
    pub backlog: Vec<u64>,
    /// Entries that could not be stored; the next run fetches the bars again.
    pub unstored: usize,
    /// Real time from the start.
    pub took: Duration,
}

/// Why a run ended.
#[derive(Debug)]
pub enum Why {
    /// It was asked to.
    Asked,
    /// It had computed everything until the instant it was to end at.
    Until,
    /// Something failed that it cannot go on without.
    Failed(RunFailure),
}

/// Why a run did not begin.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The journal does not go with the plan.
    #[error(transparent)]
    Resume(#[from] ResumeError),
    /// The journal refused its first entry.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A venue does not tell its time.
    #[error("`{using}` cannot be reached: {reason}")]
    Unreachable {
        /// The data step.
        using: String,
        /// Of the last attempt.
        reason: String,
    },
    /// The system gives no thread.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] std::io::Error),
    /// It was asked to end before it had begun.
    #[error("stopped before the venue was reached")]
    Stopped,
}

/// Runs until it is asked to stop, until its end, or until the engine refuses a bar.
///
/// # Errors
/// What keeps it from beginning.
pub fn run(spec: RunSpec, stop: &Stop, observer: Arc<dyn Observer>) -> Result<Summary, StartError> {
    crate::net::init();
    let io = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(IO_THREADS)
        .thread_name("sigc-io")
        .enable_all()
        .build()?;
    let result = io.block_on(conduct(spec, stop, observer));
    io.shutdown_timeout(Duration::from_secs(1));
    result
}

/// A source's tasks, seen from the coordinator.
struct SourceTask {
    name: String,
    stop: watch::Sender<bool>,
}

async fn conduct(mut spec: RunSpec, stop: &Stop, observer: Arc<dyn Observer>) -> Result<Summary, StartError> {
    let begun = Instant::now();
    let clock = process_clock(&spec);
    reach_venues(&spec.sources, spec.pace, stop).await?;
    let now = clock.now();

    let (events_in, events) = mpsc::channel::<Event>(EVENTS);
    let limits = spec.limits;
    let sinks: Vec<_> = std::mem::take(&mut spec.sinks);
    let sources: Vec<SourceSpec> = std::mem::take(&mut spec.sources);
    let setup = Setup {
        engine: spec.engine,
        models: spec.models,
        sources: sources.iter().map(|s| s.setup.clone()).collect(),
        symbols: spec.symbols,
        // An attempt takes real time, however fast the venue's passes.
        sinks: sinks.iter().map(|s| s.batching.at(spec.pace.speed())).collect(),
        catch_up: spec.catch_up,
        lookback_ms: spec.lookback_ms,
        buffer_ms: spec.buffer_ms,
        seed: now.0 as u64,
    };
    let is_new = spec.restored.as_ref().and_then(|r| r.emit_after).is_none();
    let conductor = Conductor::new(setup, spec.restored, now)?;
    if is_new {
        spec.journal.set_emit_after(conductor.emit_after())?;
    }
    // With the first bar of its history a run can be computed again to the bit.
    let history: Vec<String> = conductor.history_from().iter().map(Ts::to_string).collect();
    if let Some(configuration) = spec.configuration.as_object_mut() {
        configuration.insert("history_from".into(), history.into());
    }
    let started = RunEntryDraft { at: now, id: spec.run_id, configuration: spec.configuration };
    spec.journal.set_run(&started.entry(None, None))?;
    let reader = spec.journal.reader();

    // Threads: the journal, one per sink, the compute owner.
    let told = Arc::clone(&observer);
    let observe = move |s: Stored| told.stored(s.seconds, s.entries, s.works);
    let (jobs, journal_thread) = store::start(spec.journal, events_in.clone(), observe)?;
    let (mut sink_jobs, mut sink_threads, mut sink_names) = (Vec::new(), Vec::new(), Vec::new());
    for (number, sink) in sinks.into_iter().enumerate() {
        let (told, clock) = (Arc::clone(&observer), Arc::clone(&clock));
        let observe = move |w: Wrote<'_>| {
            told.delivered(number, w.rows, clock.now(), w.seconds);
        };
        sink_names.push(sink.name.clone());
        let (jobs, thread) = deliver::start(number, sink, reader.clone(), events_in.clone(), observe)?;
        sink_jobs.push(jobs);
        sink_threads.push(thread);
    }
    let (phase, phase_seen) = watch::channel(Phase::Run);
    let (reached_in, mut reached) = watch::channel(Reached::Running);
    let (mut feeds, mut source_tasks, mut tasks) = (Vec::new(), Vec::new(), JoinSet::new());
    for (number, source) in sources.into_iter().enumerate() {
        let (orders_in, orders) = mpsc::channel(ORDERS);
        let (stop, stopped) = watch::channel(false);
        source_tasks.push(SourceTask { name: format!("source {}", source.using), stop });
        start_source(number, source, spec.pace, &observer, (events_in.clone(), orders, stopped), &mut tasks);
        feeds.push(orders_in);
    }
    drop(events_in);
    let compute = Compute {
        conductor,
        events,
        feeds,
        journal: jobs,
        journal_thread,
        sinks: sink_jobs,
        sink_threads,
        clock: Arc::clone(&clock),
        pace: spec.pace,
        until: spec.until,
        phase: phase_seen,
        reached: reached_in,
        watcher: observer.watcher(),
        store_failures: 0,
    };
    let compute =
        std::thread::Builder::new().name("sigc-compute".into()).spawn(move || -> std::io::Result<Ended> {
            let own = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
            Ok(own.block_on(compute.run()))
        })?;

    // Parts in the order of their end.
    let ms = |d: Duration| d.as_millis() as i64;
    let n_sources = source_tasks.len();
    let mut parts: Vec<Part> = source_tasks
        .iter()
        .map(|s| Part { name: s.name.clone(), stage: Stage::Intake, limit_ms: ms(limits.intake) })
        .collect();
    parts.push(Part { name: "compute".into(), stage: Stage::Compute, limit_ms: ms(limits.compute) });
    parts.push(Part {
        name: format!("sinks {}", sink_names.join(", ")),
        stage: Stage::Sinks,
        limit_ms: ms(limits.sinks),
    });
    let mut shutdown = Shutdown::new(parts);
    let real = || Ts(begun.elapsed().as_millis() as i64);
    // A request that came while the parts were started counts.
    let mut asked = stop.0.subscribe();
    asked.mark_changed();
    let mut seen = 0;
    let mut until = false;
    loop {
        for order in shutdown.step(real()) {
            match order {
                Order::Stop(i) | Order::Abort(i) if i < n_sources => {
                    let _ = source_tasks[i].stop.send(true);
                    if matches!(order, Order::Abort(_)) {
                        tasks.abort_all();
                    }
                }
                Order::Stop(i) => {
                    let _ = phase.send(if i == n_sources { Phase::Drain } else { Phase::Deliver });
                }
                Order::Abort(i) => {
                    tracing::warn!(
                        part = if i == n_sources { "compute" } else { "sinks" },
                        "not done within its limit"
                    );
                    if i > n_sources {
                        let _ = phase.send(Phase::Abort);
                    }
                }
            }
        }
        if shutdown.done() {
            break;
        }
        let wake = shutdown
            .wake_at()
            .map_or(Duration::from_secs(3_600), |at| Duration::from_millis((at.0 - real().0).max(1) as u64));
        tokio::select! {
            changed = asked.changed() => {
                let wanted = *asked.borrow();
                if changed.is_err() || wanted > seen {
                    seen = wanted.max(seen);
                    shutdown.request(real());
                }
            }
            Some(done) = tasks.join_next(), if !tasks.is_empty() => match done {
                Ok(number) => shutdown.finished(number, real()),
                Err(e) => {
                    tracing::error!(error = %e, "a data step's task failed: the run ends");
                    stop.request();
                    if tasks.is_empty() {
                        (0..n_sources).for_each(|i| shutdown.finished(i, real()));
                    }
                }
            },
            changed = reached.changed() => {
                if changed.is_err() {
                    // The owner has ended, or failed.
                    shutdown.finished(n_sources, real());
                    shutdown.finished(n_sources + 1, real());
                    shutdown.request(real());
                    (0..n_sources).for_each(|i| { let _ = source_tasks[i].stop.send(true); });
                    continue;
                }
                let state = *reached.borrow_and_update();
                match state {
                    Reached::Running => {}
                    Reached::Until | Reached::Failed => {
                        until = state == Reached::Until;
                        shutdown.request(real());
                    }
                    Reached::Stored => shutdown.finished(n_sources, real()),
                    Reached::Delivered => {
                        shutdown.finished(n_sources, real());
                        shutdown.finished(n_sources + 1, real());
                    }
                }
            }
            () = tokio::time::sleep(wake) => {}
        }
    }
    let _ = phase.send(Phase::Abort);
    tasks.shutdown().await;
    let ended = match tokio::task::spawn_blocking(move || compute.join()).await {
        Ok(Ok(Ok(ended))) => ended,
        Ok(Ok(Err(e))) => return Err(StartError::Thread(e)),
        _ => return Err(StartError::Thread(std::io::Error::other("the compute thread panicked"))),
    };
    let why = match ended.failure {
        Some(e) => Why::Failed(e),
        None if until && seen == 0 => Why::Until,
        None => Why::Asked,
    };
    let mut end = shutdown.report();
    // Threads that hang in a write cannot be ended from outside: they are named, and end with the process.
    let mut delivered = Vec::new();
    for (thread, name) in ended.sinks.into_iter().zip(sink_names) {
        match join_within(thread, limits.connections) {
            Some(d) => delivered.push(d),
            None => {
                end.clean = false;
                end.left.push(format!("sink {name}"));
            }
        }
    }
    let reason = match &why {
        Why::Asked => "asked to stop",
        Why::Until => "reached its end",
        Why::Failed(RunFailure::Engine(_)) => "the engine refused a bar",
        Why::Failed(RunFailure::Journal(_)) => "the journal does not store",
    };
    let _ = ended.jobs.try_send(Job::Run(started.entry(Some(clock.now()), Some(reason))));
    drop(ended.jobs);
    if join_within(ended.journal, limits.connections).is_none() {
        end.clean = false;
        end.left.push("journal".into());
    }
    Ok(Summary {
        end,
        why,
        rows: ended.rows,
        sinks: delivered,
        backlog: ended.backlog,
        unstored: ended.unstored,
        took: begun.elapsed(),
    })
}

/// Waits for a thread, but not for ever.
fn join_within<T>(thread: std::thread::JoinHandle<T>, limit: Duration) -> Option<T> {
    let begun = Instant::now();
    while !thread.is_finished() {
        if begun.elapsed() > limit {
            return None;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    thread.join().ok()
}

/// The venue's clock counts; without a venue the system's.
fn process_clock(spec: &RunSpec) -> Arc<VenueClock> {
    let venue = spec.sources.iter().find_map(|s| match &s.io {
        SourceIo::Venue(io) => Some(Arc::clone(io.rest.gate().clock())),
        SourceIo::Table(tables) => Some(Arc::clone(tables.clock())),
        SourceIo::Clock => None,
    });
    venue.unwrap_or_else(|| Arc::new(VenueClock::new(spec.pace)))
}

/// Reads every venue's clock: what is closed is a question to it.
async fn reach_venues(sources: &[SourceSpec], pace: Pace, stop: &Stop) -> Result<(), StartError> {
    let begun = Instant::now();
    for source in sources {
        let mut retry = Retry::new(RetryPolicy::NETWORK, begun.elapsed().as_nanos() as u64);
        while let Err(e) = reach(source).await {
            if stop.requests() > 0 {
                return Err(StartError::Stopped);
            }
            // A table that is not there does not come by waiting.
            let lasts =
                matches!(source.io, SourceIo::Table(_)) && matches!(e, FetchError::Refused(Refusal::BadRequest { .. }));
            if lasts || begun.elapsed() > REACH_LIMIT {
                return Err(StartError::Unreachable { using: source.using.clone(), reason: e.to_string() });
            }
            let left = REACH_LIMIT.saturating_sub(begun.elapsed()).as_secs();
            tracing::warn!(source = %source.using, error = %e, "the venue is not reached yet, {left} s left");
            tokio::time::sleep(pace.wait(retry.failed())).await;
        }
    }
    Ok(())
}

/// One attempt to read a source's clock.
async fn reach(source: &SourceSpec) -> Result<(), FetchError> {
    match &source.io {
        SourceIo::Venue(io) => io.rest.sync_clock().await.map(drop),
        SourceIo::Table(tables) => {
            let round_trip = tables.probe().await?;
            let interval_ms = source.setup.terms.interval.max_millis();
            foresee(&source.using, source.setup.symbols.len(), interval_ms, round_trip);
            Ok(())
        }
        SourceIo::Clock => Ok(()),
    }
}

fn start_source(
    number: usize,
    source: SourceSpec,
    pace: Pace,
    observer: &Arc<dyn Observer>,
    (events, orders, stop): (mpsc::Sender<Event>, mpsc::Receiver<FeedOrder>, watch::Receiver<bool>),
    tasks: &mut JoinSet<usize>,
) {
    match source.io {
        SourceIo::Clock => {
            tasks.spawn(async move {
                idle(orders, stop).await;
                number
            });
        }
        SourceIo::Table(tables) => {
            let tables = tables.observed(observer.requests(number));
            let task = TableSource { number, symbols: Arc::new(source.setup.symbols), tables, events };
            tasks.spawn(async move {
                task.run(orders, stop).await;
                number
            });
        }
        SourceIo::Venue(io) => {
            let http = Arc::new(Http::new(pace));
            let told = observer.requests(number);
            let open = |(base, folder): (String, PathBuf)| {
                Arc::new(Archives::new(&base, &folder, http).observed(Arc::clone(&told)))
            };
            let archives = io.archives.map(open);
            let task = VenueSource {
                number,
                symbols: Arc::new(source.setup.symbols),
                interval: source.setup.terms.interval,
                rest: io.rest.observed(told),
                ws_base: io.ws_base,
                archives,
                pace,
                events,
                observer: Arc::clone(observer),
            };
            tasks.spawn(async move {
                task.look_at_listing(None).await;
                task.run(orders, stop).await;
                number
            });
        }
    }
}

/// The journal's entry of this run, at its start and at its end.
struct RunEntryDraft {
    at: Ts,
    id: String,
    configuration: serde_json::Value,
}

impl RunEntryDraft {
    fn entry(&self, stopped: Option<Ts>, end: Option<&str>) -> RunEntry {
        RunEntry {
            id: self.id.clone(),
            started: self.at,
            stopped,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            config: self.configuration.clone(),
            end: end.map(str::to_owned),
        }
    }
}
