//! What a run counts and measures, as OpenMetrics text.
//!
//! Every name begins with `sigc_` and ends with its unit. Sources, sinks, queues, parts and symbols are those of the
//! pipeline and known when the run starts: they go by position or by name, and one that is not in the list records
//! nothing, so no input can make a series. Only staleness is kept per symbol. Recording is an atomic or a short lock
//! and never panics; clones are cheap and share everything.

mod labels;
mod owners;
mod series;

pub use labels::{LinkEnd, Outcome, RequestKind};

use super::process::Usage;
use labels::{GapKind, Label};
use owners::{Sink, Source, each, sinks, sources};
use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use series::{Declare, Float, Shown, Single, latency, observe, steps};
use sigc_runtime::live::entry::{OddityKind, Origin, RowFate};
use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Once, PoisonError, RwLock};

/// Whose metrics there are, in the order that positions count in.
#[derive(Debug, Clone, Default)]
pub struct MetricsSpec {
    /// The data steps with their symbols.
    pub sources: Vec<SourceNames>,
    /// The signals.
    pub signals: Vec<String>,
    /// The sinks.
    pub sinks: Vec<String>,
    /// The queues between the tasks.
    pub queues: Vec<String>,
    /// The parts that beat.
    pub parts: Vec<String>,
}

/// A data step.
#[derive(Debug, Clone, Default)]
pub struct SourceNames {
    /// Its name.
    pub name: String,
    /// Its symbols.
    pub symbols: Vec<String>,
}

/// The metrics of a run.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: RwLock<Registry>,
    built: Once,
    sources: Vec<Source>,
    sinks: Vec<Sink>,
    queues: Vec<(String, Shown<Gauge>, Shown<Gauge>)>,
    parts: Vec<(String, Shown<Float>)>,
    /// Per signal, per fate.
    rows: Vec<Vec<Counter>>,
    emit_latency: Histogram,
    event_latency: Histogram,
    store_seconds: Histogram,
    store_bytes: Counter,
    store_entries: Counter,
    store_failures: Counter,
    symbols_ready: Single<Gauge>,
    symbols: Single<Gauge>,
    missing_bars: Single<Gauge>,
    step_seconds: Histogram,
    log_dropped: Counter,
    rss: Single<Gauge>,
    open_fds: Single<Gauge>,
    threads: Single<Gauge>,
    uptime: Single<Float>,
}

impl Metrics {
    /// All series of a run, with nothing recorded.
    pub fn new(spec: &MetricsSpec) -> Metrics {
        let mut registry = Registry::with_prefix("sigc");
        let mut d = Declare(&mut registry);
        let sources = sources(&mut d, &spec.sources);
        let sinks = sinks(&mut d, &spec.sinks);
        let depth = d.gauges("queue_depth", "Entries that wait in a queue", None);
        let capacity = d.gauges("queue_capacity", "Entries that a queue holds before its writer waits", None);
        let queue = |name: &String| {
            let labels = || series::labels([("queue", name)]);
            (name.clone(), Shown::new(&depth, labels()), Shown::new(&capacity, labels()))
        };
        let age = d.gauges("heartbeat_age", "Time since a loop last turned", Some(Unit::Seconds));
        let part = |name: &String| (name.clone(), Shown::new(&age, series::labels([("part", name)])));
        let rows = d.counters("rows", "Rows of a signal, by what became of them");
        let inner = Inner {
            built: Once::new(),
            sources,
            sinks,
            queues: spec.queues.iter().map(queue).collect(),
            parts: spec.parts.iter().map(part).collect(),
            rows: spec.signals.iter().map(|s| each::<&RowFate>(&rows, &[("signal", s.as_str())])).collect(),
            emit_latency: d.seconds("emit_latency", "From a bar's close to its computed row", latency()),
            event_latency: d.seconds(
                "event_latency",
                "From the event that completed a row until the first sink confirmed it",
                latency(),
            ),
            store_seconds: d.seconds("store", "One write to the journal", latency()),
            store_bytes: d.bytes_counter("store", "Written to the journal"),
            store_entries: d.counter("store_entries", "Entries written to the journal"),
            store_failures: d.counter("store_failures", "Writes to the journal that failed and are tried again"),
            symbols_ready: d.gauge("symbols_ready", "Symbols that are warm and lack no closed bar", None),
            symbols: d.gauge("symbols", "Symbols that rows are emitted for", None),
            missing_bars: d.gauge("missing_bars", "Closed bars that are not there yet, history included", None),
            step_seconds: d.seconds("step", "One step of the engine for one symbol", steps()),
            log_dropped: d.counter("log_lines_dropped", "Log lines that could not be written in time"),
            rss: d.gauge("rss", "Resident memory of the process", Some(Unit::Bytes)),
            open_fds: d.gauge("open_fds", "Open files and sockets of the process", None),
            threads: d.gauge("threads", "Threads of the process", None),
            uptime: d.gauge("uptime", "Time since the run started", Some(Unit::Seconds)),
            registry: RwLock::new(registry),
        };
        Metrics(Arc::new(inner))
    }

    /// `sigc_bars_total{source,origin}` and `sigc_bar_latency_seconds{source,origin}`: a bar was taken, so long after
    /// its close. `None` for a bar of history, whose age says nothing.
    pub fn bar(&self, source: usize, origin: Origin, seconds_from_close: impl Into<Option<f64>>) {
        if let Some(s) = self.source(source) {
            inc(&s.bars, origin, 1);
            if let (Some(seconds), Some(h)) = (seconds_from_close.into(), s.bar_latency.get(origin.index())) {
                observe(h, seconds);
            }
        }
    }

    /// `sigc_gaps_total{source,kind}`: a bar that the venue does not have, or that could not be had in time.
    pub fn gap(&self, source: usize, unrepaired: bool) {
        if let Some(s) = self.source(source) {
            inc(&s.gaps, if unrepaired { GapKind::Unrepaired } else { GapKind::Absent }, 1);
        }
    }

    /// `sigc_oddities_total{source,kind}`: a bar that changed nothing.
    pub fn oddity(&self, source: usize, kind: OddityKind) {
        if let Some(s) = self.source(source) {
            inc(&s.oddities, kind, 1);
        }
    }

    /// `sigc_nonsense_frames_total{source}`: frames that cannot be.
    pub fn nonsense(&self, source: usize, n: u64) {
        if let Some(s) = self.source(source) {
            s.nonsense.inc_by(n);
        }
    }

    /// `sigc_links_opened_total{source}`: a connection stands.
    pub fn link_opened(&self, source: usize) {
        if let Some(s) = self.source(source) {
            s.links_opened.inc();
        }
    }

    /// `sigc_links_ended_total{source,reason}`: a connection ended or was not made.
    pub fn link_ended(&self, source: usize, reason: LinkEnd) {
        if let Some(s) = self.source(source) {
            inc(&s.links_ended, reason, 1);
        }
    }

    /// `sigc_links_open{source}` and `sigc_links{source}`: connections that stand, and that there are to be.
    pub fn links(&self, source: usize, open: usize, all: usize) {
        if let Some(s) = self.source(source) {
            s.links_open.set(open as u64);
            s.links.set(all as u64);
        }
    }

    /// `sigc_requests_total{source,kind,outcome}` and `sigc_request_seconds{source,kind}`.
    pub fn request(&self, source: usize, kind: RequestKind, seconds: f64, outcome: Outcome) {
        if let Some(s) = self.source(source) {
            if let Some(outcomes) = s.requests.get(kind.index()) {
                inc(outcomes, outcome, 1);
            }
            if let Some(h) = s.request_seconds.get(kind.index()) {
                observe(h, seconds);
            }
        }
    }

    /// `sigc_request_weight_used{source}` and `sigc_request_weight_limit{source}`: the venue's budget in its window.
    pub fn weight(&self, source: usize, used: u64, limit: u64) {
        if let Some(s) = self.source(source) {
            s.weight_used.set(used);
            s.weight_limit.set(limit);
        }
    }

    /// `sigc_cooling{source}`: 1 while nothing is asked for because the venue wants a pause.
    pub fn cooling(&self, source: usize, cooling: bool) {
        if let Some(s) = self.source(source) {
            s.cooling.set(u64::from(cooling));
        }
    }

    /// `sigc_stream_silences_total{source}`: a subscribed stream showed no frame for too long.
    pub fn silent(&self, source: usize) {
        if let Some(s) = self.source(source) {
            s.silences.inc();
        }
    }

    /// `sigc_quarantined_symbols{source}`: symbols that are not asked for any more. Growth deserves an alert.
    pub fn quarantined(&self, source: usize, n: usize) {
        if let Some(s) = self.source(source) {
            s.quarantined.set(n as u64);
        }
    }

    /// `sigc_rows_total{signal,fate}`: a row, and what became of it for a signal. Why none came is read here.
    pub fn row(&self, signal: u16, fate: &RowFate) {
        if let Some(fates) = self.0.rows.get(usize::from(signal)) {
            inc(fates, fate, 1);
        }
    }

    /// `sigc_emit_latency_seconds`: from a bar's close to its computed row.
    pub fn emitted_latency(&self, seconds: f64) {
        observe(&self.0.emit_latency, seconds);
    }

    /// `sigc_event_latency_seconds`: from the event that completed a row until the first sink confirmed it.
    pub fn event_latency(&self, seconds: f64) {
        observe(&self.0.event_latency, seconds);
    }

    /// `sigc_sink_rows_total{sink}`, `sigc_sink_latency_seconds{sink}` from the close to the confirmation, and
    /// `sigc_sink_write_seconds{sink}` for the write alone.
    pub fn delivered(&self, sink: usize, rows: u64, seconds: f64, write_seconds: f64) {
        if let Some(s) = self.0.sinks.get(sink) {
            s.rows.inc_by(rows);
            observe(&s.latency, seconds);
            observe(&s.write_seconds, write_seconds);
        }
    }

    /// `sigc_sink_failures_total{sink}`: rows were not confirmed.
    pub fn sink_failed(&self, sink: usize) {
        if let Some(s) = self.0.sinks.get(sink) {
            s.failures.inc();
        }
    }

    /// `sigc_sink_backlog_rows{sink}`: rows in the journal that the sink has not confirmed.
    pub fn sink_backlog(&self, sink: usize, n: u64) {
        if let Some(s) = self.0.sinks.get(sink) {
            s.backlog.set(n);
        }
    }

    /// `sigc_sink_stalled{sink}`: 1 while the sink has not answered within its limit.
    pub fn sink_stalled(&self, sink: usize, stalled: bool) {
        if let Some(s) = self.0.sinks.get(sink) {
            s.stalled.set(u64::from(stalled));
        }
    }

    /// `sigc_store_seconds`, `sigc_store_entries_total`, `sigc_store_bytes_total`: a write to the journal.
    pub fn store(&self, seconds: f64, entries: u64, bytes: u64) {
        observe(&self.0.store_seconds, seconds);
        self.0.store_entries.inc_by(entries);
        self.0.store_bytes.inc_by(bytes);
    }

    /// `sigc_store_failures_total`: a write to the journal failed; it is tried again.
    pub fn store_failed(&self) {
        self.0.store_failures.inc();
    }

    /// `sigc_queue_depth{queue}` and `sigc_queue_capacity{queue}`.
    pub fn queue(&self, name: &str, depth: usize, capacity: usize) {
        if let Some((_, d, c)) = self.0.queues.iter().find(|q| q.0 == name) {
            d.set(depth as u64);
            c.set(capacity as u64);
        }
    }

    /// `sigc_staleness_seconds{source,symbol}`: how far behind the venue's clock a symbol's newest bar is.
    pub fn staleness(&self, source: usize, symbol: u32, seconds: f64) {
        if let Some(gauge) = self.source(source).and_then(|s| s.staleness.get(symbol as usize)) {
            gauge.set(seconds);
        }
    }

    /// `sigc_symbols_ready` and `sigc_symbols`.
    pub fn ready(&self, ready_symbols: usize, all_symbols: usize) {
        self.0.symbols_ready.set(ready_symbols as u64);
        self.0.symbols.set(all_symbols as u64);
    }

    /// `sigc_missing_bars`: closed bars that are not there yet; while the run warms up, what is left of the history.
    pub fn warmup(&self, missing_bars: u64) {
        self.0.missing_bars.set(missing_bars);
    }

    /// `sigc_step_seconds`: one step of the engine for one symbol.
    pub fn step_seconds(&self, seconds: f64) {
        observe(&self.0.step_seconds, seconds);
    }

    /// `sigc_poll_overruns_total{source}` and `sigc_poll_overrun_seconds{source}`: a cycle took longer than planned,
    /// and by how much.
    pub fn poll_overrun(&self, source: usize, planned_seconds: f64, took_seconds: f64) {
        if let Some(s) = self.source(source) {
            s.overruns.inc();
            observe(&s.overrun_seconds, took_seconds - planned_seconds);
        }
    }

    /// `sigc_heartbeat_age_seconds{part}`: time since a loop last turned.
    pub fn heartbeat(&self, part: &str, seconds_since: f64) {
        if let Some((_, gauge)) = self.0.parts.iter().find(|p| p.0 == part) {
            gauge.set(seconds_since);
        }
    }

    /// `sigc_log_lines_dropped_total`: `n` lines were dropped since the log began.
    pub fn log_dropped(&self, n: u64) {
        self.0.log_dropped.inner().fetch_max(n, Ordering::Relaxed);
    }

    /// `sigc_rss_bytes`
    pub fn rss_bytes(&self, bytes: u64) {
        self.0.rss.set(bytes);
    }

    /// `sigc_open_fds`
    pub fn open_fds(&self, n: u64) {
        self.0.open_fds.set(n);
    }

    /// `sigc_threads`
    pub fn threads(&self, n: u64) {
        self.0.threads.set(n);
    }

    /// `sigc_uptime_seconds`
    pub fn uptime(&self, seconds: f64) {
        self.0.uptime.set(seconds);
    }

    /// What the process uses, as far as it is known.
    pub fn process(&self, usage: &Usage) {
        usage.rss_bytes.inspect(|n| self.rss_bytes(*n));
        usage.open_fds.inspect(|n| self.open_fds(*n));
        usage.threads.inspect(|n| self.threads(*n));
    }

    /// `sigc_build_info{version,fingerprint,run}`; what is said first counts.
    pub fn build_info(&self, version: &str, fingerprint: &str, run: &str) {
        self.0.built.call_once(|| {
            let info = Info::new(series::labels([("version", version), ("fingerprint", fingerprint), ("run", run)]));
            let mut registry = self.0.registry.write().unwrap_or_else(PoisonError::into_inner);
            registry.register("build", "What runs", info);
        });
    }

    /// Everything as OpenMetrics text.
    pub fn render(&self) -> String {
        let mut out = String::with_capacity(16 << 10);
        let registry = self.0.registry.read().unwrap_or_else(PoisonError::into_inner);
        // Writing to a string cannot fail; if it did, the text would lack its end and be refused as a whole.
        let _ = text::encode(&mut out, &registry);
        out
    }

    fn source(&self, source: usize) -> Option<&Source> {
        self.0.sources.get(source)
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics(..)")
    }
}

fn inc<L: Label>(counters: &[Counter], label: L, n: u64) {
    if let Some(counter) = counters.get(label.index()) {
        counter.inc_by(n);
    }
}
