//! A small plan, sinks in memory, and an exchange.

use sigc_engine::Engine;
use sigc_journal::{Identity, Journal, Options};
use sigc_live::net::gate::Gates;
use sigc_live::net::http::Http;
use sigc_live::net::link::EndKind;
use sigc_live::net::observe::{Observe, Unobserved};
use sigc_live::net::rest::Rest;
use sigc_live::pace::Pace;
use sigc_live::run::{Observer, Stop, Summary, Watcher};
use sigc_live::spec::{Limits, RunSpec, SinkSpec, SourceIo, SourceSpec, VenueIo};
use sigc_market::{Field, Interval, Symbol, Ts};
use sigc_plan::{Column, ColumnId, F64, Frame, FrameId, Gap, Graph, Label, Op, Origin, Plan, Signal, Source, Type};
use sigc_runtime::live::conductor::{CatchUp, Conductor, Note, SourceSetup};
use sigc_runtime::live::entry::{BarEntry, RowEntry};
use sigc_runtime::live::feed::Supply;
use sigc_runtime::live::outbox::Batching;
use sigc_runtime::live::splice::Terms;
use sigc_runtime::{Record, Sink, SinkError, Subscription, Written};
use sigc_sim::{Config, Exchange, Running};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

pub const SPEED: f64 = 300.0;
pub const SYMBOLS: [&str; 2] = ["BTCUSDT", "ETHUSDT"];

/// An exchange with a little history, on a runtime of its own.
pub struct Venue {
    own: tokio::runtime::Runtime,
    exchange: Option<Running>,
}

impl Venue {
    pub fn open() -> Venue {
        let own =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let mut config = Config::with_symbols(SYMBOLS);
        config.speed = SPEED;
        config.history_from = Some(Ts(config.start.0 - 86_400_000));
        let exchange = own.block_on(Exchange::start(config)).expect("a free port");
        Venue { own, exchange: Some(exchange) }
    }

    pub fn exchange(&self) -> &Running {
        self.exchange.as_ref().expect("open")
    }
}

impl Drop for Venue {
    fn drop(&mut self) {
        if let Some(exchange) = self.exchange.take() {
            self.own.block_on(exchange.stop());
        }
    }
}

/// What a sink was given, and when.
pub type Shelf = Arc<Mutex<Vec<(Record, Instant)>>>;

/// Keeps its rows in memory.
#[derive(Default)]
pub struct Memory {
    pub shelf: Shelf,
    /// The first write takes so long.
    pub stall: Duration,
    /// Panics when it holds so many rows.
    pub breaks_at: Option<usize>,
}

impl Sink for Memory {
    fn write(&mut self, rows: &[Record]) -> Result<Written, SinkError> {
        std::thread::sleep(std::mem::take(&mut self.stall));
        let held = self.shelf.lock().expect("no panic holds it").len();
        if self.breaks_at.is_some_and(|n| held >= n) {
            // Without the hook, whose backtrace would count as memory of the test beside this one.
            std::panic::resume_unwind(Box::new("as the test wants it"));
        }
        let mut shelf = self.shelf.lock().expect("no panic holds it");
        let mut new = 0;
        for row in rows {
            if !shelf.iter().any(|(r, _)| r.symbol == row.symbol && r.ts == row.ts) {
                shelf.push((row.clone(), Instant::now()));
                new += 1;
            }
        }
        Ok(Written { new, duplicates: rows.len() - new, conflicts: 0 })
    }
    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
    fn close(self: Box<Self>) -> Result<(), SinkError> {
        Ok(())
    }
    fn describe(&self) -> String {
        "memory".into()
    }
}

fn plan() -> Plan {
    let bars = FrameId::new(0);
    let mut g = Graph::new();
    let close = g.push(bars, Op::Input(Field::Close));
    let value = g.on(bars).mean(close, 5);
    Plan {
        name: "run".into(),
        tolerance: F64(1e-9),
        frames: vec![Frame {
            name: "bars".into(),
            interval: minute(),
            origin: Origin::Source { gap: Gap::Null },
            label: Label::Close,
        }],
        sources: vec![Source {
            frame: bars,
            using: "data.binance_futures".into(),
            symbols: symbols(),
            fields: Field::OHLCV.to_vec(),
        }],
        nodes: g.nodes().copied().collect(),
        models: Vec::new(),
        columns: vec![Column { frame: bars, name: "y".into(), value, r#type: Type::Number }],
        signals: vec![Signal::prediction(ColumnId::new(0), Vec::new())],
    }
}

fn minute() -> Interval {
    Interval::new(1, 'm').expect("a minute")
}

fn symbols() -> Vec<Symbol> {
    SYMBOLS.map(|s| Symbol::new(s).expect("a symbol")).to_vec()
}

/// A run of the plan against the exchange into these sinks.
pub fn spec(venue: &Venue, state: &Path, sinks: Vec<Memory>) -> RunSpec {
    let plan = plan();
    let pace = Pace::new(SPEED);
    let exchange = venue.exchange();
    let futures = sigc_connectors::venue("data.binance_futures").expect("it is there");
    let gate = Gates::new().of(futures, &exchange.futures_rest(), pace);
    let rest = Rest::new(futures, &exchange.futures_rest(), Arc::new(Http::new(pace)), gate);
    let names: Vec<String> = (0..sinks.len()).map(|i| format!("memory {i}")).collect();
    let opened = Journal::open(state, &Identity::of(&plan, names), Options::default()).expect("a journal");
    let engine = Engine::new(&plan, &[ColumnId::new(0)]).expect("the plan runs");
    let at_least = |ms: i64, real: u64| ms.max(pace.venue_ms(Duration::from_millis(real)));
    let terms = Terms {
        interval: minute(),
        grace_ms: at_least(5_000, 20),
        settle_ms: 2_000,
        lonely_ms: at_least(60_000, 500),
        settled: false,
        repair_ms: 600_000,
        first_frame_ms: at_least(30_000, 1_000),
        mute_ms: at_least(120_000, 1_000),
        rows_per_request: 499,
        archive: false,
        until: Ts(i64::MAX),
    };
    RunSpec {
        pipeline: plan.name.clone(),
        run_id: "test".into(),
        engine,
        models: Vec::new(),
        sources: vec![SourceSpec {
            setup: SourceSetup {
                frame: FrameId::new(0),
                symbols: symbols(),
                terms,
                supply: Supply::Streams(*futures.limits()),
            },
            using: "data.binance_futures".into(),
            io: SourceIo::Venue(VenueIo { rest, ws_base: exchange.futures_ws(), archives: None }),
        }],
        symbols: symbols(),
        sinks: sinks
            .into_iter()
            .enumerate()
            .map(|(i, sink)| SinkSpec {
                name: format!("memory {i}"),
                sink: Box::new(sink),
                subscriptions: vec![Subscription { signal: 0, extra: Vec::new() }],
                batching: Batching { most_rows: 100, delay_ms: 0, deadline_ms: 30_000 },
            })
            .collect(),
        journal: opened.journal,
        restored: opened.restored,
        catch_up: CatchUp::Emit,
        lookback_ms: None,
        buffer_ms: 60_000,
        until: None,
        pace,
        limits: Limits::default(),
        configuration: serde_json::Value::Null,
    }
}

/// Runs until `stop`, on a thread of its own.
pub fn run(spec: RunSpec, stop: &Stop) -> std::thread::JoinHandle<Summary> {
    let stop = stop.clone();
    std::thread::spawn(move || sigc_live::run::run(spec, &stop, Arc::new(Nobody)).expect("it starts"))
}

/// Tells nobody.
pub struct Nobody;

impl Observer for Nobody {
    fn watcher(&self) -> Box<dyn Watcher> {
        Box::new(Nobody)
    }
    fn link_opened(&self, _: usize) {}
    fn link_ended(&self, _: usize, _: EndKind) {}
    fn requests(&self, _: usize) -> Arc<dyn Observe> {
        Arc::new(Unobserved)
    }
    fn stored(&self, _: f64, _: usize, _: bool) {}
    fn delivered(&self, _: usize, _: &[Record], _: Ts, _: f64) {}
}

impl Watcher for Nobody {
    fn note(&mut self, _: &Conductor, _: &Note) {}
    fn bar(&mut self, _: &Conductor, _: &BarEntry) {}
    fn row(&mut self, _: &RowEntry, _: Ts) {}
    fn show(&mut self, _: &Conductor, _: usize, _: Ts) {}
    fn turn(&mut self, _: Duration) {}
}

/// Waits until it holds, for at most twenty seconds.
pub fn until(what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(20), "{what} did not come");
        std::thread::sleep(Duration::from_millis(5));
    }
}
