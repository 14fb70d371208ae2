//! A whole run over a table that is being written.
//!
//! Bars of one second. The writer shows the first symbol's bars while they are open, is late with every other bar of
//! the second, late and repeating with those of the third, and never writes one bar of the fourth.

use crate::{Server, server, symbol};
use sigc_engine::Engine;
use sigc_journal::{Identity, Journal, Options};
use sigc_live::net::link::EndKind;
use sigc_live::net::observe::{Observe, RequestKind, RequestOutcome};
use sigc_live::pace::Pace;
use sigc_live::run::{Observer, Stop, Watcher, Why, run};
use sigc_live::spec::{Limits, RunSpec, SourceIo, SourceSpec};
use sigc_market::{Field, Interval, Symbol, Ts};
use sigc_plan::{Column, ColumnId, F64, Frame, FrameId, Gap, Graph, Label, Op, Origin, Plan, Signal, Source, Type};
use sigc_runtime::Record;
use sigc_runtime::live::conductor::{CatchUp, Conductor, Note, SourceSetup};
use sigc_runtime::live::entry::{self, BarEntry, BarFate, RowEntry, RowFate};
use sigc_runtime::live::feed::Supply;
use sigc_runtime::live::splice::Terms;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const TABLE: &str = "market.polled";
const SECOND: i64 = 1_000;
/// Bars that are written while the run goes on, and before it begins.
const BARS: i64 = 16;
const HISTORY: i64 = 90;
/// The fourth symbol's bar that is never written.
const NEVER: i64 = 7;
const SYMBOLS: [&str; 4] = ["OPEN", "ODD", "LATE", "GAP"];
/// What an open bar shows: nobody may ever see it.
const FORMING: f64 = 999_999.0;

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as i64
}

/// The close of a symbol's bar.
fn close(symbol: usize, row: i64) -> f64 {
    1_000.0 * (symbol + 1) as f64 + row.rem_euclid(500) as f64
}

/// A row of the table, as the writer writes it at some time.
fn line(symbol: usize, row: i64, close: f64, version: u32) -> String {
    let (name, open) = (SYMBOLS[symbol], row * SECOND);
    format!(
        "{{\"symbol\":\"{name}\",\"interval\":\"1s\",\"open_time\":\"{open}\",\"open\":{close},\"high\":{close},\
         \"low\":{close},\"close\":{close},\"volume\":1,\"version\":{version}}}\n"
    )
}

/// What is written when, for the bars from `first` on.
fn script(first: i64) -> Vec<(i64, String)> {
    let mut all = Vec::new();
    for row in first..first + BARS {
        let closes = (row + 1) * SECOND;
        let done = |symbol: usize| line(symbol, row, close(symbol, row), 2);
        all.push((closes - 700, line(0, row, FORMING, 1)));
        all.push((closes + 150, done(0)));
        all.push((closes + if row % 2 == 0 { 100 } else { 2_600 }, done(1)));
        all.extend([3_000, 3_400].map(|late| (closes + late, done(2))));
        if row != first + NEVER {
            all.push((closes + 100, done(3)));
        }
    }
    all.sort_by_key(|(at, _)| *at);
    all
}

async fn write(server: &Server, script: Vec<(i64, String)>) {
    let mut rest = script.into_iter().peekable();
    while let Some((at, _)) = rest.peek() {
        tokio::time::sleep(Duration::from_millis((at - now()).max(1) as u64)).await;
        let mut rows = String::new();
        while let Some((_, row)) = rest.next_if(|(at, _)| *at <= now()) {
            rows += &row;
        }
        if !rows.is_empty() {
            server.execute(format!("INSERT INTO {TABLE} FORMAT JSONEachRow\n{rows}")).await;
        }
    }
}

/// One frame of bars of a second; its close is emitted.
fn plan(symbols: &[Symbol]) -> Plan {
    let mut g = Graph::new();
    let frame = FrameId::new(0);
    let value = g.push(frame, Op::Input(Field::Close));
    let interval = Interval::parse("1s").expect("an interval");
    let plan = Plan {
        name: "polled".into(),
        tolerance: F64(1e-9),
        sources: vec![Source {
            frame,
            using: "data.clickhouse".into(),
            symbols: symbols.to_vec(),
            fields: Field::OHLCV.to_vec(),
        }],
        frames: vec![Frame {
            name: "bars".into(),
            interval,
            origin: Origin::Source { gap: Gap::Null },
            label: Label::Close,
        }],
        columns: vec![Column { frame, name: "close".into(), value, r#type: Type::Number }],
        models: Vec::new(),
        signals: vec![Signal::prediction(ColumnId::new(0), Vec::new())],
        nodes: g.nodes().copied().collect(),
    };
    plan.verify().expect("well formed");
    plan
}

/// What the run told.
#[derive(Default)]
struct Seen {
    bars: Vec<BarEntry>,
    rows: Vec<RowEntry>,
    notes: Vec<String>,
    requests: Vec<RequestOutcome>,
}

#[derive(Clone, Default)]
struct Spy(Arc<Mutex<Seen>>);

impl Watcher for Spy {
    fn note(&mut self, _: &Conductor, note: &Note) {
        self.0.lock().expect("no panic holds it").notes.push(format!("{note:?}"));
    }
    fn bar(&mut self, _: &Conductor, bar: &BarEntry) {
        self.0.lock().expect("no panic holds it").bars.push(*bar);
    }
    fn row(&mut self, row: &RowEntry, _: Ts) {
        self.0.lock().expect("no panic holds it").rows.push(row.clone());
    }
    fn show(&mut self, _: &Conductor, _: usize, _: Ts) {}
    fn turn(&mut self, _: Duration) {}
}

impl Observe for Spy {
    fn request(&self, _: RequestKind, _: f64, outcome: RequestOutcome) {
        self.0.lock().expect("no panic holds it").requests.push(outcome);
    }
}

impl Observer for Spy {
    fn watcher(&self) -> Box<dyn Watcher> {
        Box::new(self.clone())
    }
    fn link_opened(&self, _: usize) {}
    fn link_ended(&self, _: usize, _: EndKind) {}
    fn requests(&self, _: usize) -> Arc<dyn Observe> {
        Arc::new(self.clone())
    }
    fn stored(&self, _: f64, _: usize, _: bool) {}
    fn delivered(&self, _: usize, _: &[Record], _: Ts, _: f64) {}
}

fn spec(server: &Server, folder: &std::path::Path, until: Ts) -> RunSpec {
    let symbols: Vec<Symbol> = SYMBOLS.iter().map(|s| symbol(s)).collect();
    let plan = plan(&symbols);
    let tables = server.tables(TABLE, "1s", &[]);
    let opened = Journal::open(folder, &Identity::of(&plan, Vec::new()), Options::default()).expect("a new journal");
    let terms = Terms {
        interval: tables.table().interval(),
        grace_ms: 5_000,
        settle_ms: tables.table().settle_ms() + 250,
        lonely_ms: tables.table().late_ms(),
        settled: true,
        repair_ms: 600_000,
        first_frame_ms: 30_000,
        mute_ms: 60_000,
        rows_per_request: 20,
        archive: false,
        until,
    };
    let setup = SourceSetup { frame: FrameId::new(0), symbols: symbols.clone(), terms, supply: Supply::Poll };
    RunSpec {
        pipeline: plan.name.clone(),
        run_id: "test".into(),
        engine: Engine::new(&plan, &plan.signal_columns()).expect("the plan runs"),
        models: Vec::new(),
        sources: vec![SourceSpec { setup, using: "data.clickhouse".into(), io: SourceIo::Table(tables) }],
        symbols,
        sinks: Vec::new(),
        journal: opened.journal,
        restored: opened.restored,
        catch_up: CatchUp::Emit,
        lookback_ms: Some(60 * SECOND),
        buffer_ms: 60_000,
        until: Some(until),
        pace: Pace::REAL,
        limits: Limits::default(),
        configuration: serde_json::Value::Null,
    }
}

#[test]
fn every_bar_comes_once_and_in_order() {
    let Some(server) = server() else { return };
    let own = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let first = now() / SECOND + 3;
    own.block_on(async {
        server.make(TABLE, "").await;
        let history = |symbol: usize| (first - HISTORY..first).map(move |row| line(symbol, row, close(symbol, row), 1));
        // Newest first, and one bar of it missing.
        let mut rows: Vec<String> = (0..SYMBOLS.len()).flat_map(history).collect();
        rows.reverse();
        server.execute(format!("INSERT INTO {TABLE} FORMAT JSONEachRow\n{}", rows.concat())).await;
    });
    let until = Ts((first + BARS) * SECOND);
    let folder = tempfile::tempdir().expect("a scratch folder");
    let spec = spec(&server, folder.path(), until);
    let spy = Spy::default();
    let writer = std::thread::spawn(move || own.block_on(write(&server, script(first))));
    let summary = run(spec, &Stop::default(), Arc::new(spy.clone())).expect("it begins");
    writer.join().expect("the writer wrote everything");

    let seen = std::mem::take(&mut *spy.0.lock().expect("no panic holds it"));
    assert!(matches!(summary.why, Why::Until) && summary.end.clean, "{summary:?}");
    for s in 0..SYMBOLS.len() {
        let bars: Vec<&BarEntry> = seen.bars.iter().filter(|b| b.id.symbol == s as u32).collect();
        let begun = bars[0].id.row;
        assert!(begun <= first, "{}: begins with what closed first after the start", SYMBOLS[s]);
        let expected: Vec<i64> = (begun..first + BARS).collect();
        assert_eq!(bars.iter().map(|b| b.id.row).collect::<Vec<_>>(), expected, "{}: each once, in order", SYMBOLS[s]);
        for bar in bars {
            let row = bar.id.row;
            assert!(bar.at.0 >= (row + 1) * SECOND, "not before its close");
            match bar.fate {
                BarFate::Absent => assert_eq!((s, row), (3, first + NEVER), "only one bar is missing"),
                BarFate::Taken { bar, origin } => {
                    assert_eq!((bar.get(Field::Close), origin), (close(s, row), entry::Origin::Poll));
                }
                BarFate::Unrepaired => panic!("{} {row} could be had", SYMBOLS[s]),
            }
        }
        let emitted = |r: &&RowEntry| r.symbol == s as u32 && matches!(r.fate, RowFate::Emitted { .. });
        assert!(seen.rows.iter().filter(emitted).count() >= BARS as usize - 1);
    }
    assert!(seen.requests.iter().all(|r| *r == RequestOutcome::Ok), "{:?}", seen.notes);
    // Four symbols share their queries: fewer of them than bars.
    assert!(seen.requests.len() < 4 * BARS as usize + 20, "{} queries", seen.requests.len());
}
