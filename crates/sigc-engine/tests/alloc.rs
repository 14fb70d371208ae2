//! A warm lane allocates nothing per bar.
//!
//! Counting needs an allocator of its own, and that is unsafe by its interface: the one exception in this crate.
#![allow(unsafe_code, missing_docs)]

use sigc_engine::{Engine, Live, Predict, PredictError, RowSink, Warm, Warmth};
use sigc_market::{Bar, Field, Interval, Symbol, Ts};
use sigc_plan::*;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call goes to the system's allocator unchanged; the counter is a plain cell of the thread.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|n| n.set(n.get() + 1));
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

struct Sum;

impl Predict for Sum {
    fn predict(&mut self, _: usize, window: &[f64]) -> Result<f64, PredictError> {
        Ok(window.iter().sum())
    }
}

struct Count(u64);

impl RowSink for Count {
    fn row(&mut self, _: FrameId, _: Ts, _: &[f64], warm: Warm<'_>) {
        self.0 += u64::from(warm.has(0));
    }
}

/// Bars, their hours and a model over features of both.
fn plan() -> Plan {
    let (bars, hours) = (FrameId::new(0), FrameId::new(1));
    let mut g = Graph::new();
    let x = g.push(bars, Op::Input(Field::Close));
    let last = g.push(hours, Op::Aggregate { x, how: Aggregate::Last, incomplete: Incomplete::Partial });
    let ema = g.on(hours).ema(last, 5);
    let mut inputs = vec![g.push(bars, Op::AsOf { x: ema })];
    let mut o = g.on(bars);
    for f in [WindowFn::Mean, WindowFn::Max, WindowFn::Var { ddof: 1 }, WindowFn::Rank, WindowFn::Slope] {
        inputs.push(o.window(f, x, 20));
    }
    inputs.push(o.window(WindowFn::Quantile { q: F64(0.5) }, x, 20));
    inputs.push(o.window_min(WindowFn::Sum, x, 20, 5));
    inputs.push(o.pair(PairFn::Corr, x, inputs[1], 10));
    inputs.push(o.rocp(x, 7));
    let model = g.push(bars, Op::Model { model: ModelId::new(0) });
    let names = inputs.iter().map(ToString::to_string).collect();
    let frame = |name: &str, every: &str, origin| {
        let interval = Interval::parse(every).expect("an interval");
        Frame { name: name.into(), interval, origin, label: Label::Close }
    };
    Plan {
        name: "test".into(),
        tolerance: F64(1e-3),
        frames: vec![
            frame("bars", "15m", Origin::Source { gap: Gap::Carry }),
            frame("hours", "1h", Origin::Resample { of: bars }),
        ],
        sources: vec![Source {
            frame: bars,
            using: "data.files".into(),
            symbols: vec![Symbol::new("A").expect("a symbol")],
            fields: Field::ALL.to_vec(),
        }],
        nodes: g.nodes().copied().collect(),
        models: vec![ModelUse {
            using: "models.test".into(),
            inputs,
            input_names: names,
            window: 8,
            checkpoint: None,
            params: Default::default(),
        }],
        columns: vec![Column { frame: bars, name: "y".into(), value: model, r#type: Type::Number }],
        signals: vec![Signal::prediction(ColumnId::new(0), Vec::new())],
    }
}

#[test]
fn ten_thousand_live_steps_allocate_nothing() {
    let plan = plan();
    let engine = Engine::new(&plan, &[ColumnId::new(0)]).expect("the test's plan");
    let mut live = Live::new(&engine, 0);
    let mut models: Vec<Box<dyn Predict>> = vec![Box::new(Sum)];
    let mut count = Count(0);
    let mut push = |live: &mut Live, k: i64| {
        let x = 100.0 + ((k * 7_919) % 1_000) as f64 / 10.0;
        let bar = Bar::ohlcv(Ts(k * 900_000), x, x, x, x, 1.0);
        live.push(FrameId::new(0), &bar, &mut models, &mut count).expect("in order");
    };
    (0..1_000).for_each(|k| push(&mut live, k));
    assert_eq!(live.warmth(), Warmth::Ready);
    let before = ALLOCATIONS.get();
    // Every hundredth bar is missing.
    (1_000..11_000).filter(|k| k % 100 != 0).for_each(|k| push(&mut live, k));
    assert_eq!(ALLOCATIONS.get() - before, 0);
    assert!(count.0 > 10_000, "{} warm rows", count.0);
}
