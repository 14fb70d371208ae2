//! Speed of the drivers: nanoseconds per live event, and per symbol, bar and feature of a panel.
//!
//! Two feature sets on a generated panel: `seed` (momentum, RSI, rate of change of means, extremes) and `f24` (means,
//! EMA, MACD, RSI, deviations, extremes, momentum, slopes, ranks). Medians of several runs; `cargo bench -p
//! sigc-engine` prints them.

use sigc_engine::{Engine, Live, PanelInput, PanelOptions, PanelSink, RowSink, run_panel};
use sigc_market::{Bar, Field, Interval, Symbol, Ts};
use sigc_plan::*;
use std::hint::black_box;
use std::time::Instant;

const SYMBOLS: usize = 64;
const BARS: usize = 10_000;

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

type Build = fn(&mut Ops, [ValueId; 3]) -> Vec<ValueId>;

fn seed(o: &mut Ops, [high, low, close]: [ValueId; 3]) -> Vec<ValueId> {
    let mut all = vec![o.rocp(close, 20)];
    all.extend([6, 12, 14, 24].map(|n| rsi(o, close, n)));
    all.extend([5, 10, 20, 60].map(|n| ma_rocp(o, close, n)));
    all.extend([10, 20, 60].map(|n| o.window(WindowFn::Max, high, n)));
    all.extend([10, 20, 60].map(|n| o.window(WindowFn::Min, low, n)));
    all
}

fn f24(o: &mut Ops, [high, low, close]: [ValueId; 3]) -> Vec<ValueId> {
    let mut all: Vec<ValueId> = [20, 60].map(|n| o.mean(close, n)).into();
    let (fast, slow) = (o.ema(close, 12), o.ema(close, 26));
    all.extend([fast, slow, o.sub(fast, slow)]);
    all.extend([6, 14, 24].map(|n| rsi(o, close, n)));
    for n in [20, 60] {
        all.push(std(o, close, n));
        all.push(o.window(WindowFn::Max, high, n));
        all.push(o.window(WindowFn::Min, low, n));
        all.push(o.rocp(close, n));
        all.push(o.window(WindowFn::Slope, close, n));
        all.push(o.window(WindowFn::Rank, close, n));
    }
    all.extend([5, 10, 20, 60].map(|n| ma_rocp(o, close, n)));
    all
}

fn plan(build: Build, only: Option<usize>) -> Plan {
    let interval = Interval::parse("1m").expect("an interval");
    let frame = FrameId::new(0);
    let mut g = Graph::new();
    let inputs = [Field::High, Field::Low, Field::Close].map(|f| g.push(frame, Op::Input(f)));
    let mut values = build(&mut g.on(frame), inputs);
    if let Some(i) = only {
        values = vec![values[i]];
    }
    let column = |(i, &value): (usize, &ValueId)| Column { frame, name: format!("c{i}"), value, r#type: Type::Number };
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
            frame,
            using: "data.files".into(),
            symbols: vec![Symbol::new("A").expect("a symbol")],
            fields: Field::ALL.to_vec(),
        }],
        columns: values.iter().enumerate().map(column).collect(),
        nodes: g.nodes().copied().collect(),
        models: Vec::new(),
        emission: Emission { column: ColumnId::new(0), extra: (1..values.len()).map(ColumnId::new).collect() },
    }
}

fn bars(symbol: usize) -> Vec<Bar> {
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

/// Reads every cell and keeps none.
struct Drain(f64);

impl RowSink for Drain {
    fn row(&mut self, _: FrameId, _: Ts, cells: &[f64], _: bool) {
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
        _: &[bool],
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        self.0 += columns.iter().map(|c| c[0]).sum::<f64>();
        Ok(())
    }
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of[0]
}

/// Time this thread was on a processor, where the system tells it; else the time since `since`. A busy machine then
/// shows less in the figures.
fn nanos(since: Instant) -> f64 {
    std::thread::yield_now();
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let told = told.and_then(|t| t.split(' ').next()?.parse().ok());
    told.unwrap_or_else(|| since.elapsed().as_nanos() as f64)
}

/// Nanoseconds per event: all symbols in turn at every bar, or one after the other.
fn live(plan: &Plan, panel: &[Vec<Bar>], in_turn: bool) -> f64 {
    let outputs: Vec<ColumnId> = (0..plan.columns.len()).map(ColumnId::new).collect();
    let engine = Engine::new(plan, &outputs).expect("the bench's plan");
    let mut drain = Drain(0.0);
    let since = Instant::now();
    let runs = (0..3).map(|_| {
        let mut lanes: Vec<Live> = (0..SYMBOLS).map(|s| Live::new(&engine, s)).collect();
        let mut push = |lanes: &mut [Live], s: usize, k: usize| {
            let done = lanes[s].push(FrameId::new(0), &panel[s][k], &mut [], &mut drain);
            done.expect("bars in order");
        };
        let warm = BARS / 5;
        for k in 0..warm {
            for s in 0..SYMBOLS {
                push(&mut lanes, s, k);
            }
        }
        let before = nanos(since);
        if in_turn {
            (warm..BARS).for_each(|k| (0..SYMBOLS).for_each(|s| push(&mut lanes, s, k)));
        } else {
            (0..SYMBOLS).for_each(|s| (warm..BARS).for_each(|k| push(&mut lanes, s, k)));
        }
        (nanos(since) - before) / ((BARS - warm) * SYMBOLS) as f64
    });
    let ns = median(runs.collect());
    black_box(drain.0);
    ns
}

/// Nanoseconds per symbol, bar and feature.
fn panel(plan: &Plan, panel: &[Vec<Bar>]) -> f64 {
    let outputs: Vec<ColumnId> = (0..plan.columns.len()).map(ColumnId::new).collect();
    let engine = Engine::new(plan, &outputs).expect("the bench's plan");
    let bars: Vec<[(FrameId, &[Bar]); 1]> = panel.iter().map(|b| [(FrameId::new(0), b.as_slice())]).collect();
    let inputs: Vec<PanelInput> =
        bars.iter().enumerate().map(|(symbol_index, bars)| PanelInput { symbol_index, bars }).collect();
    let mut drain = Drain(0.0);
    let since = Instant::now();
    let runs = (0..15).map(|_| {
        let before = nanos(since);
        run_panel(&engine, &inputs, &Vec::new, PanelOptions::default(), &mut drain, &mut |_, _| {})
            .expect("bars in order");
        (nanos(since) - before) / (SYMBOLS * BARS * outputs.len()) as f64
    });
    let ns = median(runs.collect());
    black_box(drain.0);
    ns
}

#[expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
fn main() {
    let has = |flag: &str| std::env::args().any(|a| a == flag);
    let (with_live, with_panel) = (!has("--panel"), !has("--live"));
    let all: Vec<Vec<Bar>> = (0..SYMBOLS).map(bars).collect();
    let report = |name: &str, plan: &Plan| {
        print!("{name}: {} columns, {} ops", plan.columns.len(), plan.nodes.len());
        if with_live {
            print!(", live {:.0} ns an event", live(plan, &all, false));
            print!(", {:.0} with {SYMBOLS} symbols in turn", live(plan, &all, true));
        }
        if with_panel {
            print!(", panel {:.2} ns a symbol, bar and column", panel(plan, &all));
        }
        println!();
    };
    report("seed", &plan(seed, None));
    report("f24", &plan(f24, None));
    if has("--each") {
        for i in 0..plan(f24, None).columns.len() {
            let plan = plan(f24, Some(i));
            report(&format!("{}", plan.nodes[plan.columns[0].value.index()].op), &plan);
        }
    }
}
