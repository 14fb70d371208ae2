//! What a run says of itself while it goes on: log lines, metrics, and the view behind the status page.
//!
//! Called from the compute owner and the journal's and sinks' threads; everything here returns at once.

use crate::compute::Watcher;
use crate::net::link::EndKind;
use crate::net::observe::{Observe, RequestKind, RequestOutcome};
use crate::observe::metrics::{self, LinkEnd, Metrics};
use crate::observe::process::Usage;
use crate::observe::status::{Phase, SignalView, SinkView, SourceView, Status, StatusView, SymbolView};
use crate::run::{EVENTS, Observer};
use sigc_engine::Warmth;
use sigc_market::{Interval, Symbol, Ts};
use sigc_plan::FrameId;
use sigc_runtime::Record;
use sigc_runtime::live::barrier::{BarrierEvent, Why};
use sigc_runtime::live::conductor::{Conductor, Note};
use sigc_runtime::live::entry::{BarEntry, BarFate, OddityKind, RowEntry, RowFate};
use sigc_runtime::live::feed::FeedNote;
use sigc_runtime::live::outbox::OutboxState;
use sigc_runtime::live::poll::{Overrun, PollEvent};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often the view and the gauges are made anew.
const SHOWN_EVERY: Duration = Duration::from_secs(1);
/// Events between two looks at memory (requirement S165).
const EVENTS_PER_LOOK: u64 = 100;
/// Lines of one kind that would repeat are written once in so long.
const QUIET: Duration = Duration::from_secs(30);
/// A turn of the compute owner that took longer is worth a line.
const SLOW_TURN: Duration = Duration::from_secs(1);

/// Rows whose way to the first sink is timed at once; of a sink that is down for long the rest is not timed.
const MOST_COMPUTED: usize = 10_000;

/// Parts that beat, and how long they may be silent.
pub const PARTS: [(&str, Duration); 2] = [("compute", Duration::from_secs(10)), ("journal", Duration::from_secs(30))];
/// Queues that are measured.
pub const QUEUES: [&str; 2] = ["events", "unstored"];

/// What is known of a run before it begins.
#[derive(Debug, Clone)]
pub struct About {
    /// The first view: who runs what.
    pub view: StatusView,
    /// Names of the data steps, with their intervals.
    pub sources: Vec<(String, Interval)>,
    /// Names of the sinks.
    pub sinks: Vec<String>,
    /// The journal's file.
    pub journal: PathBuf,
    /// Names of the signals, their frames, and these frames' intervals.
    pub signals: Vec<(String, String, Interval)>,
}

impl About {
    /// When a row closed.
    fn close_of(&self, row: &Record) -> Ts {
        let interval = self.signals.get(usize::from(row.signal)).map(|(_, _, interval)| *interval);
        interval.map_or(row.ts, |interval| interval.close_of(interval.index_of(row.open_time)))
    }
}

/// The observer of a run.
pub struct Watch {
    about: About,
    metrics: Metrics,
    status: Arc<Status>,
    /// Why each sink and the journal failed last.
    errors: Arc<Mutex<HashMap<String, String>>>,
    computed: Computed,
}

/// When rows were computed that the first sink has not confirmed; see [`MOST_COMPUTED`].
type Computed = Arc<Mutex<HashMap<(u16, Symbol, Ts), Ts>>>;

impl Watch {
    /// Tells `metrics` and `status` of the run.
    pub fn new(about: About, metrics: Metrics, status: Arc<Status>) -> Watch {
        Watch { about, metrics, status, errors: Arc::default(), computed: Arc::default() }
    }
}

impl Observer for Watch {
    fn watcher(&self) -> Box<dyn Watcher> {
        let mut view = self.about.view.clone();
        let signal = |(name, frame, _): &(String, String, Interval)| SignalView {
            name: name.clone(),
            frame: frame.clone(),
            ..SignalView::default()
        };
        view.signals = self.about.signals.iter().map(signal).collect();
        Box::new(Owner {
            about: self.about.clone(),
            metrics: self.metrics.clone(),
            status: Arc::clone(&self.status),
            errors: Arc::clone(&self.errors),
            computed: Arc::clone(&self.computed),
            view,
            shown: None,
            bars: 0,
            emitted: 0,
            warming: None,
            given_up: HashMap::new(),
            quiet: HashMap::new(),
        })
    }

    fn link_opened(&self, source: usize) {
        self.metrics.link_opened(source);
    }

    fn link_ended(&self, source: usize, kind: EndKind) {
        let reason = match kind {
            EndKind::Stopped => LinkEnd::Stopped,
            EndKind::NotConnected | EndKind::Denied(_) => LinkEnd::NotMade,
            EndKind::Closed => LinkEnd::Closed,
            EndKind::Lost | EndKind::Malformed | EndKind::Unheard => LinkEnd::Broken,
            EndKind::Silent => LinkEnd::Silent,
        };
        self.metrics.link_ended(source, reason);
    }

    fn requests(&self, source: usize) -> Arc<dyn Observe> {
        Arc::new(Requests { metrics: self.metrics.clone(), source })
    }

    fn stored(&self, seconds: f64, entries: usize, works: bool) {
        if let Some(part) = self.status.part("journal") {
            self.status.beat(part);
        }
        if works {
            self.metrics.store(seconds, entries as u64, 0);
            self.errors.lock().unwrap_or_else(PoisonError::into_inner).remove("journal");
        } else {
            self.metrics.store_failed();
        }
    }

    fn delivered(&self, sink: usize, rows: &[Record], now: Ts, seconds: f64) {
        let since = |at: Ts| (now.0 - at.0).max(0) as f64 / 1_000.0;
        for row in rows {
            self.metrics.delivered(sink, 1, since(self.about.close_of(row)), seconds);
        }
        if sink == 0 {
            let mut computed = self.computed.lock().unwrap_or_else(PoisonError::into_inner);
            for row in rows {
                if let Some(at) = computed.remove(&(row.signal, row.symbol.clone(), row.open_time)) {
                    self.metrics.event_latency(since(at));
                }
            }
        }
        if let Some(name) = self.about.sinks.get(sink) {
            self.errors.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
        }
    }
}

/// Requests of one data step.
struct Requests {
    metrics: Metrics,
    source: usize,
}

impl Observe for Requests {
    fn request(&self, kind: RequestKind, ms: f64, outcome: RequestOutcome) {
        let kind = match kind {
            RequestKind::Klines => metrics::RequestKind::Klines,
            RequestKind::Time => metrics::RequestKind::Time,
            RequestKind::Instruments => metrics::RequestKind::Instruments,
            RequestKind::Archive => metrics::RequestKind::Archive,
        };
        let outcome = match outcome {
            RequestOutcome::Ok => metrics::Outcome::Answered,
            RequestOutcome::Refused => metrics::Outcome::Refused,
            RequestOutcome::Unreadable => metrics::Outcome::Unreadable,
            RequestOutcome::Network => metrics::Outcome::Broken,
        };
        self.metrics.request(self.source, kind, ms / 1_000.0, outcome);
    }

    fn used_weight(&self, used: u32, limit: u32) {
        self.metrics.weight(self.source, u64::from(used), u64::from(limit));
    }
}

/// What the compute owner tells.
struct Owner {
    about: About,
    metrics: Metrics,
    status: Arc<Status>,
    errors: Arc<Mutex<HashMap<String, String>>>,
    computed: Computed,
    view: StatusView,
    shown: Option<Instant>,
    bars: u64,
    emitted: u64,
    /// Missing bars when the run began, and when that was.
    warming: Option<(i64, Instant)>,
    given_up: HashMap<(usize, u32), String>,
    /// When a line of a kind was written last.
    quiet: HashMap<&'static str, Instant>,
}

impl Owner {
    /// True if a line of that kind was not written for a while.
    fn speak(&mut self, kind: &'static str) -> bool {
        let now = Instant::now();
        let speaks = self.quiet.get(kind).is_none_or(|t| now.duration_since(*t) >= QUIET);
        if speaks {
            self.quiet.insert(kind, now);
        }
        speaks
    }

    fn remember(&mut self, at: Ts, text: String) {
        self.view.note(at, text);
    }

    fn feed_note(&mut self, conductor: &Conductor, source: usize, note: &FeedNote) {
        let setup = &conductor.sources()[source];
        let name = self.about.sources[source].0.clone();
        let symbol = |s: u32| setup.symbols.get(s as usize).map_or("?", |s| s.as_str()).to_owned();
        match note {
            FeedNote::LinkEnded { link, reason, failures } => {
                tracing::warn!(source = %name, link, reason, failures, "a connection ended; another is made");
            }
            FeedNote::Silent { symbol: s } => {
                self.metrics.silent(source);
                tracing::warn!(source = %name, symbol = symbol(*s), "a stream is silent; its bars are asked for");
            }
            FeedNote::Quarantined { symbol: s, reason } => {
                self.given_up.insert((source, *s), reason.clone());
                let n = self.given_up.keys().filter(|(i, _)| *i == source).count();
                self.metrics.quarantined(source, n);
                tracing::error!(source = %name, symbol = symbol(*s), reason, total = n, "a symbol is not asked for any more");
            }
            FeedNote::RequestFailed { symbol: s, reason } => {
                if self.speak("request") {
                    tracing::warn!(source = %name, symbol = symbol(*s), reason, "a request failed; it is tried again");
                } else {
                    tracing::debug!(source = %name, symbol = symbol(*s), reason, "a request failed; it is tried again");
                }
            }
            FeedNote::Gap { symbol: s, row, unrepaired } => {
                self.metrics.gap(source, *unrepaired);
                let open_time = setup.terms.interval.open_of(*row);
                if *unrepaired {
                    tracing::error!(source = %name, symbol = symbol(*s), %open_time, "a bar could not be had in time: a gap");
                } else if self.status.view().0.phase == Phase::Live {
                    tracing::warn!(source = %name, symbol = symbol(*s), %open_time, "the venue has no such bar: a gap");
                }
            }
            FeedNote::Nonsense { symbol: s, n } => {
                self.metrics.nonsense(source, *n);
                if self.speak("nonsense") {
                    tracing::warn!(source = %name, symbol = symbol(*s), n, "bars that cannot be were skipped");
                }
            }
            FeedNote::Poll(event) => self.poll_event(source, &name, event, symbol),
        }
    }

    fn poll_event(&mut self, source: usize, name: &str, event: &PollEvent, symbol: impl Fn(u32) -> String) {
        match event {
            PollEvent::Overrun(Overrun { planned_ms, took_ms, symbols }) => {
                self.metrics.poll_overrun(source, *planned_ms as f64 / 1_000.0, *took_ms as f64 / 1_000.0);
                if self.speak("overrun") {
                    tracing::warn!(source = %name, planned_ms, took_ms, symbols, "a poll cycle was not over in time");
                }
            }
            PollEvent::Degraded { symbol: s, latency_ms, until } => {
                if self.speak("degraded") {
                    tracing::warn!(source = %name, symbol = symbol(*s), latency_ms, %until, "a symbol is slow and asked for less often");
                }
            }
            PollEvent::Recovered { symbol: s } => {
                tracing::debug!(source = %name, symbol = symbol(*s), "a symbol is asked for as often as before");
            }
            PollEvent::Moved { symbol: s, from, to } => {
                tracing::debug!(source = %name, symbol = symbol(*s), ?from, ?to, "a symbol is asked for at another pace");
            }
            PollEvent::Quarantined { .. } => {}
            PollEvent::QuarantineAlarm { total, of } => {
                tracing::error!(source = %name, total, of, "many symbols are not asked for any more");
            }
        }
    }

    fn barrier_note(&mut self, conductor: &Conductor, frame: FrameId, event: &BarrierEvent) {
        let name = |s: u32| conductor.symbols().get(s as usize).map_or("?", |s| s.as_str()).to_owned();
        let frame = conductor.frame_name(frame);
        match event {
            BarrierEvent::Release(r) if r.why == Why::Complete => {
                tracing::debug!(frame, close = %r.close, spread_ms = r.spread_ms, "every symbol has its row");
            }
            BarrierEvent::Release(r) => {
                let laggards: Vec<String> = r.laggards.iter().map(|&s| name(s)).collect();
                tracing::warn!(frame, close = %r.close, laggards = laggards.join(","), "symbols have no row within the buffer");
            }
            BarrierEvent::Late { close, symbol, after_ms } => {
                tracing::info!(frame, %close, symbol = name(*symbol), after_ms, "a row came after the buffer");
            }
        }
    }

    /// The view and the gauges.
    fn make_view(&mut self, conductor: &Conductor, queued: usize, now: Ts) {
        let missing = conductor.missing(now);
        let n = conductor.symbols().len() as u32;
        let errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.view.venue_time = Some(now);
        self.view.symbols = (0..n).map(|s| self.symbol(conductor, s, now)).collect();
        let ready = self.view.symbols.iter().filter(|s| s.ready).count();
        let settled = self.view.symbols.iter().all(|s| s.ready || s.quarantined.is_some());
        if self.view.phase == Phase::Warmup && settled {
            self.view.phase = Phase::Live;
        }
        self.view.ready_in_seconds = self.time_left(missing);
        self.view.sources = (0..conductor.sources().len())
            .map(|i| {
                let (feed, (name, interval)) = (conductor.feed(i), &self.about.sources[i]);
                let (open, all) = feed.links_open();
                self.metrics.links(i, open, all);
                let of = (0..feed.n_symbols() as u32).map(|s| feed.splice(s)).filter(|s| !s.is_ended());
                let missing_bars = of.map(|s| s.missing(now)).sum();
                for s in 0..feed.n_symbols() as u32 {
                    self.metrics.staleness(i, s, feed.splice(s).behind_ms(now) as f64 / 1_000.0);
                }
                SourceView {
                    name: name.clone(),
                    interval: interval.to_string(),
                    links_open: open,
                    links: all,
                    missing_bars,
                    requests: feed.in_flight(),
                    cooling: false,
                    quarantined: self.given_up.keys().filter(|(source, _)| *source == i).count(),
                }
            })
            .collect();
        self.view.rows_emitted = self.emitted;
        self.view.sinks = conductor
            .outboxes()
            .iter()
            .zip(&self.about.sinks)
            .enumerate()
            .map(|(i, (outbox, name))| {
                self.metrics.sink_backlog(i, outbox.backlog());
                let state = match outbox.state() {
                    OutboxState::Idle => "idle",
                    OutboxState::Waiting => "waiting",
                    OutboxState::Writing { .. } => "writing",
                    OutboxState::Retrying { .. } => "retrying",
                    OutboxState::Stopped => "stopped",
                };
                SinkView {
                    name: name.clone(),
                    cursor: outbox.cursor(),
                    backlog: outbox.backlog(),
                    state: state.into(),
                    last_error: errors.get(name).cloned(),
                }
            })
            .collect();
        self.view.journal.unstored = conductor.unstored();
        self.view.journal.last_error = errors.get("journal").cloned();
        self.view.journal.bytes = std::fs::metadata(&self.about.journal).ok().map(|m| m.len());
        self.metrics.queue(QUEUES[0], queued, EVENTS);
        self.metrics.queue(QUEUES[1], conductor.unstored(), 0);
        self.metrics.ready(ready, n as usize);
        self.metrics.warmup(missing.max(0) as u64);
        self.metrics.process(&Usage::now());
        self.metrics.uptime(self.status.uptime().as_secs_f64());
        for beat in self.status.beats(Instant::now()) {
            self.metrics.heartbeat(&beat.part, beat.silent_seconds);
        }
        self.status.show(self.view.clone());
    }

    fn symbol(&self, conductor: &Conductor, s: u32, now: Ts) -> SymbolView {
        let symbol = &conductor.symbols()[s as usize];
        let given_up = || {
            let of = |(source, place): &(usize, u32)| {
                conductor.sources()[*source].symbols.get(*place as usize) == Some(symbol)
            };
            self.given_up.iter().find(|(key, _)| of(key)).map(|(_, reason)| reason.clone())
        };
        SymbolView {
            symbol: symbol.to_string(),
            ready: conductor.is_ready(s, now),
            bars_needed: match conductor.warmth(s) {
                Some(Warmth::Ready) => Some(0),
                Some(Warmth::Needs(n)) => u64::try_from(n).ok(),
                Some(Warmth::NotStarted) | None => None,
            },
            behind_ms: conductor.behind_ms(s, now),
            quarantined: conductor.is_quarantined(s).then(|| given_up().unwrap_or_default()),
        }
    }

    /// Until the history is there, from how fast it came so far.
    fn time_left(&mut self, missing: i64) -> Option<f64> {
        if self.view.phase != Phase::Warmup {
            return None;
        }
        let (first, since) = *self.warming.get_or_insert((missing, Instant::now()));
        let done = (first - missing).max(0) as f64;
        (done > 0.0).then(|| since.elapsed().as_secs_f64() * missing as f64 / done)
    }
}

impl Watcher for Owner {
    fn note(&mut self, conductor: &Conductor, note: &Note) {
        let at = self.view.venue_time.unwrap_or(Ts(0));
        match note {
            Note::Feed { source, note } => {
                self.feed_note(conductor, *source, note);
                let usual = match note {
                    FeedNote::Gap { unrepaired, .. } => !unrepaired,
                    FeedNote::Poll(event) => !matches!(event, PollEvent::QuarantineAlarm { .. }),
                    _ => false,
                };
                if !usual {
                    self.remember(at, format!("{}: {note:?}", self.about.sources[*source].0));
                }
            }
            Note::SymbolReady { symbol } => {
                tracing::info!(symbol = %conductor.symbols()[*symbol as usize], "ready");
            }
            Note::Ready => {
                tracing::info!(
                    symbols = conductor.symbols().len(),
                    "streaming: every symbol has its history and rows come"
                );
                self.remember(at, "every symbol is ready".into());
            }
            Note::Odd(odd) => {
                let source = usize::from(odd.id.source);
                self.metrics.oddity(source, odd.kind);
                let setup = &conductor.sources()[source];
                let open_time = setup.terms.interval.open_of(odd.id.row);
                let symbol = setup.symbols.get(odd.id.symbol as usize).map_or("?", |s| s.as_str());
                match odd.kind {
                    OddityKind::Duplicate => tracing::debug!(symbol, %open_time, "a bar came again"),
                    OddityKind::Revised => {
                        tracing::warn!(symbol, %open_time, "a bar came again with other values; rows are not changed");
                    }
                    OddityKind::Late => tracing::warn!(symbol, %open_time, "a bar came after its gap was declared"),
                }
            }
            Note::ModelFailed { symbol, reason } => {
                if self.speak("model") {
                    tracing::warn!(symbol = %conductor.symbols()[*symbol as usize], reason, "a model gave no number");
                }
            }
            Note::Barrier { frame, event } => self.barrier_note(conductor, *frame, event),
            Note::StoreFailed { reason } => {
                self.errors.lock().unwrap_or_else(PoisonError::into_inner).insert("journal".into(), reason.clone());
                tracing::error!(reason, "the journal does not store; rows wait and it is tried again");
                self.remember(at, format!("the journal does not store: {reason}"));
            }
            Note::SinkFailed { sink, reason, stopped } => {
                let name = self.about.sinks[*sink].clone();
                self.metrics.sink_failed(*sink);
                self.errors.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone(), reason.clone());
                if *stopped {
                    tracing::error!(sink = %name, reason, "a sink refuses its rows and gets no more; they stay in the journal");
                } else {
                    tracing::warn!(sink = %name, reason, "a sink did not take rows; they are offered again");
                }
                self.remember(at, format!("{name}: {reason}"));
            }
            Note::SinkStalled { sink } => {
                self.metrics.sink_stalled(*sink, true);
                tracing::error!(sink = %self.about.sinks[*sink], "a sink does not answer; its rows wait in the journal");
            }
        }
    }

    fn bar(&mut self, conductor: &Conductor, bar: &BarEntry) {
        let source = usize::from(bar.id.source);
        let setup = &conductor.sources()[source];
        if let BarFate::Taken { origin, .. } = bar.fate {
            let close = setup.terms.interval.close_of(bar.id.row);
            self.metrics.bar(source, origin, Some((bar.at.0 - close.0) as f64 / 1_000.0));
        }
        let symbol = setup.symbols.get(bar.id.symbol as usize).map_or("?", |s| s.as_str());
        tracing::debug!(symbol, open_time = %setup.terms.interval.open_of(bar.id.row), at = %bar.at, "bar");
        self.bars += 1;
        if self.bars.is_multiple_of(EVENTS_PER_LOOK) {
            let usage = Usage::now();
            tracing::debug!(rss_bytes = usage.rss_bytes, bars = self.bars, "memory");
            self.metrics.process(&usage);
        }
    }

    fn row(&mut self, row: &RowEntry, now: Ts) {
        self.metrics.row(row.signal, &row.fate);
        if let RowFate::Emitted { record, .. } = &row.fate {
            self.emitted += 1;
            if let Some(view) = self.view.signals.get_mut(usize::from(row.signal)) {
                view.rows_emitted += 1;
                view.newest = view.newest.max(Some(row.open_time));
            }
            let close = self.about.close_of(record);
            self.metrics.emitted_latency((now.0 - close.0).max(0) as f64 / 1_000.0);
            let mut computed = self.computed.lock().unwrap_or_else(PoisonError::into_inner);
            if computed.len() < MOST_COMPUTED {
                computed.insert((record.signal, record.symbol.clone(), record.open_time), now);
            }
        }
    }

    fn show(&mut self, conductor: &Conductor, queued: usize, now: Ts) {
        if let Some(part) = self.status.part("compute") {
            self.status.beat(part);
        }
        // The journal beats by what it stores; with nothing to store it owes nothing.
        if conductor.unstored() == 0
            && let Some(part) = self.status.part("journal")
        {
            self.status.beat(part);
        }
        if self.shown.is_none_or(|t| t.elapsed() >= SHOWN_EVERY) {
            self.shown = Some(Instant::now());
            self.make_view(conductor, queued, now);
        }
    }

    fn turn(&mut self, took: Duration) {
        self.metrics.step_seconds(took.as_secs_f64());
        if took >= SLOW_TURN {
            tracing::warn!(seconds = took.as_secs_f64(), "the compute owner was busy for long: events had to wait");
        }
    }
}
