//! Speed of the drivers over two feature sets: `live/*` per event, `panel/*` per symbol, bar and column.
//!
//! `seed` (momentum, RSI, rate of change of means, extremes) and `f24` (means, EMA, MACD, RSI, deviations, extremes,
//! momentum, slopes, ranks), as plans built by hand. One element is one event, or one cell of a panel.
//!
//! | variable | what it does |
//! | --- | --- |
//! | `SIGC_BENCH_BARS` | reads the bars from this file instead of making some |
//! | `SIGC_BENCH_DUMP` | writes the cells of the last row to this file, a line each: set, symbol, column, value |
//!
//! The file of bars is little-endian: the number of bars and of symbols as `u64`, then open, high, low, close and
//! volume as `f64`, each bar by bar and within a bar symbol by symbol. `benches/peers.py` writes one and sets both.

use criterion::{BatchSize, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use sigc_engine::{Columns, Engine, Live, PanelInput, PanelOptions, PanelSink, RowSink, Warm, run_panel};
use sigc_market::{Bar, Field, Interval, Symbol, Ts};
use sigc_plan::*;
use std::fmt::Write;
use std::hint::black_box;
use std::time::Duration;

const SYMBOLS: usize = 32;
const BARS: usize = 4_000;
/// Bars of each symbol in one sample of the live driver; those before them warm it up.
const LIVE_BARS: usize = 200;
fn frame() -> FrameId {
    FrameId::new(0)
}

fn rsi(o: &mut Ops, x: ValueId, n: u32) -> ValueId {
    let zero = o.constant(0.0);
    let change = o.delta(x, 1);
    let fall = o.sub(zero, change);
    let (gain, loss) = (o.row2(Row2::Greatest, change, zero), o.row2(Row2::Greatest, fall, zero));
    let (gain, loss) = (o.wilder(gain, n), o.wilder(loss, n));
    let both = o.add(gain, loss);
    let share = o.div_or(gain, both, 0.0);
    o.scale(100.0, share)
}

fn ma_rocp(o: &mut Ops, x: ValueId, n: u32) -> ValueId {
    let mean = o.mean(x, n);
    o.rocp(mean, 1)
}

fn std(o: &mut Ops, x: ValueId, n: u32) -> ValueId {
    let var = o.window(WindowFn::Var { ddof: 1 }, x, n);
    o.row1(Row1::Sqrt, var)
}

type Named = Vec<(String, ValueId)>;
type Build = fn(&mut Ops, [ValueId; 3]) -> Named;

const SETS: [(&str, Build); 2] = [("seed", seed), ("f24", f24)];

fn named(name: &str, n: u32, value: ValueId) -> (String, ValueId) {
    (format!("{name}{n}"), value)
}

fn seed(o: &mut Ops, [high, low, close]: [ValueId; 3]) -> Named {
    let mut all = vec![named("mom", 20, o.rocp(close, 20))];
    all.extend([6, 12, 14, 24].map(|n| named("rsi", n, rsi(o, close, n))));
    all.extend([5, 10, 20, 60].map(|n| named("rocp", n, ma_rocp(o, close, n))));
    all.extend([10, 20, 60].map(|n| named("max", n, o.window(WindowFn::Max, high, n))));
    all.extend([10, 20, 60].map(|n| named("min", n, o.window(WindowFn::Min, low, n))));
    all
}

fn f24(o: &mut Ops, [high, low, close]: [ValueId; 3]) -> Named {
    let mut all: Named = [20, 60].map(|n| named("sma", n, o.mean(close, n))).into();
    let (fast, slow) = (o.ema(close, 12), o.ema(close, 26));
    all.extend([named("ema", 12, fast), named("ema", 26, slow), ("macd".into(), o.sub(fast, slow))]);
    all.extend([6, 14, 24].map(|n| named("rsi", n, rsi(o, close, n))));
    for n in [20, 60] {
        all.push(named("std", n, std(o, close, n)));
        all.push(named("max", n, o.window(WindowFn::Max, high, n)));
        all.push(named("min", n, o.window(WindowFn::Min, low, n)));
        all.push(named("mom", n, o.rocp(close, n)));
        all.push(named("slope", n, o.window(WindowFn::Slope, close, n)));
        all.push(named("rank", n, o.window(WindowFn::Rank, close, n)));
    }
    all.extend([5, 10, 20, 60].map(|n| named("rocp", n, ma_rocp(o, close, n))));
    all
}

fn plan(build: Build) -> Plan {
    let interval = Interval::parse("1m").expect("an interval");
    let mut g = Graph::new();
    let inputs = [Field::High, Field::Low, Field::Close].map(|f| g.push(frame(), Op::Input(f)));
    let values = build(&mut g.on(frame()), inputs);
    let extra = (1..values.len()).map(ColumnId::new).collect();
    let column = |(name, value): (String, ValueId)| Column { frame: frame(), name, value, r#type: Type::Number };
    Plan {
        name: "bench".into(),
        tolerance: F64(1e-9),
        frames: vec![Frame {
            name: "bars".into(),
            interval,
            origin: Origin::Source { gap: Gap::Null },
            label: Label::Close,
        }],
        sources: vec![Source {
            frame: frame(),
            using: "data.files".into(),
            symbols: vec![Symbol::new("A").expect("a symbol")],
            fields: Field::ALL.to_vec(),
        }],
        columns: values.into_iter().map(column).collect(),
        nodes: g.nodes().copied().collect(),
        models: Vec::new(),
        signals: vec![Signal::prediction(ColumnId::new(0), extra)],
    }
}

fn engine(plan: &Plan) -> Engine {
    let outputs: Vec<ColumnId> = (0..plan.columns.len()).map(ColumnId::new).collect();
    Engine::new(plan, &outputs).expect("the bench's plan")
}

/// The bars of each symbol, from the file or made.
fn bars() -> Vec<Vec<Bar>> {
    match std::env::var_os("SIGC_BENCH_BARS") {
        Some(path) => read_bars(&std::fs::read(path).expect("the file of bars")),
        None => (0..SYMBOLS).map(random_walk).collect(),
    }
}

fn read_bars(file: &[u8]) -> Vec<Vec<Bar>> {
    let (words, rest) = file.as_chunks::<8>();
    assert!(rest.is_empty() && words.len() >= 2, "a file of bars is whole words behind a header of two");
    let (n_bars, n_symbols) = (u64::from_le_bytes(words[0]) as usize, u64::from_le_bytes(words[1]) as usize);
    let cells = &words[2..];
    assert_eq!(cells.len(), 5 * n_bars * n_symbols, "five fields of {n_bars} bars of {n_symbols} symbols");
    assert!(n_bars > LIVE_BARS, "more than {LIVE_BARS} bars");
    let bar = |s: usize, k: usize| {
        let [open, high, low, close, volume] =
            std::array::from_fn(|f| f64::from_le_bytes(cells[(f * n_bars + k) * n_symbols + s]));
        Bar::ohlcv(Ts(k as i64 * 60_000), open, high, low, close, volume)
    };
    (0..n_symbols).map(|s| (0..n_bars).map(|k| bar(s, k)).collect()).collect()
}

fn random_walk(symbol: usize) -> Vec<Bar> {
    let mut state = symbol as u64 * 977 + 13;
    let mut unit = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    let mut price = 100.0;
    let mut bar = |k: usize| {
        price *= 1.0 + 0.002 * (unit() - 0.5);
        let (up, down) = (1.0 + 0.001 * unit(), 1.0 - 0.001 * unit());
        Bar::ohlcv(Ts(k as i64 * 60_000), price, price * up, price * down, price, unit())
    };
    (0..BARS).map(&mut bar).collect()
}

/// Reads a cell of every row or column and keeps none.
struct Drain(f64);

impl RowSink for Drain {
    fn row(&mut self, _: FrameId, _: Ts, cells: &[f64], _: Warm<'_>) {
        self.0 += cells[0];
    }
}

impl PanelSink for Drain {
    fn block(
        &mut self,
        _: usize,
        _: FrameId,
        _: i64,
        columns: &[&[f64]],
        _: &[i64],
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        self.0 += columns.iter().map(|c| c[0]).sum::<f64>();
        Ok(())
    }
}

/// Pushes the bars `range` of all symbols, all of them in turn at every instant.
fn push_all(lanes: &mut [Live], bars: &[Vec<Bar>], range: std::ops::Range<usize>, out: &mut dyn RowSink) {
    for k in range {
        for (lane, bars) in lanes.iter_mut().zip(bars) {
            lane.push(frame(), &bars[k], &mut [], out).expect("bars in order");
        }
    }
}

fn run(engine: &Engine, bars: &[Vec<Bar>], sink: &mut dyn PanelSink) {
    let bars: Vec<[(FrameId, &[Bar]); 1]> = bars.iter().map(|b| [(frame(), b.as_slice())]).collect();
    let inputs: Vec<PanelInput> =
        bars.iter().enumerate().map(|(symbol_index, bars)| PanelInput { symbol_index, bars }).collect();
    run_panel(engine, &inputs, &Vec::new, PanelOptions::default(), sink, &mut |_, _| {}).expect("bars in order");
}

/// The lines of one set: the last row of the panel, which must be that of the live driver.
fn last_rows(set: &str, plan: &Plan, bars: &[Vec<Bar>]) -> String {
    struct Last(Vec<f64>);
    impl RowSink for Last {
        fn row(&mut self, _: FrameId, _: Ts, cells: &[f64], _: Warm<'_>) {
            self.0 = cells.to_vec();
        }
    }
    let engine = engine(plan);
    let mut columns = Columns::new(&engine);
    run(&engine, bars, &mut columns);
    let mut lines = String::new();
    for (s, bars) in bars.iter().enumerate() {
        let mut last = Last(Vec::new());
        push_all(&mut [Live::new(&engine, s)], std::slice::from_ref(bars), 0..bars.len(), &mut last);
        for (c, column) in plan.columns.iter().enumerate() {
            let cell = *columns.column(s, ColumnId::new(c)).last().expect("a panel of bars has rows");
            assert_eq!(cell.to_bits(), last.0[c].to_bits(), "{set}, symbol {s}, {}", column.name);
            writeln!(lines, "{set} {s} {} {cell:?}", column.name).expect("a string takes everything");
        }
    }
    lines
}

fn drivers(c: &mut Criterion) {
    let bars = bars();
    let n_bars = bars[0].len();
    if let Some(path) = std::env::var_os("SIGC_BENCH_DUMP") {
        let lines: String = SETS.iter().map(|(name, build)| last_rows(name, &plan(*build), &bars)).collect();
        std::fs::write(path, lines).expect("the file of last rows");
    }
    let mut drain = Drain(0.0);
    let mut live = c.benchmark_group("live");
    live.sampling_mode(SamplingMode::Flat).throughput(Throughput::Elements((LIVE_BARS * bars.len()) as u64));
    for (name, build) in SETS {
        let engine = engine(&plan(build));
        let mut warm: Vec<Live> = (0..bars.len()).map(|s| Live::new(&engine, s)).collect();
        push_all(&mut warm, &bars, 0..n_bars - LIVE_BARS, &mut drain);
        live.bench_function(name, |b| {
            let last = n_bars - LIVE_BARS..n_bars;
            b.iter_batched_ref(
                || warm.clone(),
                |lanes| push_all(lanes, &bars, last.clone(), &mut drain),
                BatchSize::PerIteration,
            );
        });
    }
    live.finish();
    let mut panel = c.benchmark_group("panel");
    panel.sampling_mode(SamplingMode::Flat);
    for (name, build) in SETS {
        let plan = plan(build);
        let engine = engine(&plan);
        panel.throughput(Throughput::Elements((n_bars * bars.len() * plan.columns.len()) as u64));
        panel.bench_function(name, |b| b.iter(|| run(&engine, &bars, &mut drain)));
    }
    panel.finish();
    black_box(drain.0);
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(50)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(2));
    targets = drivers
}
criterion_main!(benches);
