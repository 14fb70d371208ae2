//! Three small plans whose every value is exact: one source, a resampled frame, two sources.

use sigc_engine::Engine;
use sigc_market::{Field, Interval, Symbol};
use sigc_plan::{
    Aggregate, Column, ColumnId, F64, Frame, FrameId, Gap, Graph, Incomplete, Label, Op, Origin, Plan, Signal, Source,
    Type, WindowFn,
};
use std::sync::OnceLock;

/// Names of the symbols; a run takes the first few.
pub fn symbols(n: usize) -> Vec<Symbol> {
    ["BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT"][..n].iter().map(|s| Symbol::new(s).expect("a symbol")).collect()
}

fn minutes(n: u32) -> Interval {
    Interval::new(n, 'm').expect("divides the day")
}

/// How many plans there are.
pub const N_PLANS: usize = 3;

/// An engine of plan `i` over so many symbols.
pub fn engine(i: usize, n_symbols: usize) -> Engine {
    static ENGINES: OnceLock<Vec<Engine>> = OnceLock::new();
    let all = ENGINES.get_or_init(|| {
        let make = |i: usize, n: usize| {
            let plan = plan(i, n);
            Engine::new(&plan, &[plan.emission().column]).expect("the plan runs")
        };
        (0..N_PLANS).flat_map(|i| (1..=4).map(move |n| make(i, n))).collect()
    });
    all[i * 4 + n_symbols - 1].clone()
}

fn plan(i: usize, n_symbols: usize) -> Plan {
    let mut g = Graph::new();
    let first = FrameId::new(0);
    let frame = |name: &str, interval, origin| Frame { name: name.into(), interval, origin, label: Label::Close };
    let bars = |name: &str, n| frame(name, minutes(n), Origin::Source { gap: Gap::Null });
    let close = g.push(first, Op::Input(Field::Close));
    let (frames, value) = match i {
        0 => {
            let mut o = g.on(first);
            let mean = o.window_min(WindowFn::Sum, close, 4, 2);
            let value = o.add(mean, close);
            (vec![bars("bars", 1)], value)
        }
        1 => {
            let coarse = FrameId::new(1);
            let last =
                g.push(coarse, Op::Aggregate { x: close, how: Aggregate::Last, incomplete: Incomplete::Partial });
            let value = g.on(coarse).mean(last, 2);
            (vec![bars("bars", 1), frame("five", minutes(5), Origin::Resample { of: first })], value)
        }
        _ => {
            let other = FrameId::new(1);
            let slow = g.push(other, Op::Input(Field::Close));
            let joined = g.push(first, Op::AsOf { x: slow });
            let mut o = g.on(first);
            let sum = o.add(joined, close);
            let value = o.window_min(WindowFn::Sum, sum, 3, 1);
            (vec![bars("bars", 1), bars("slow", 3)], value)
        }
    };
    let nodes: Vec<_> = g.nodes().copied().collect();
    let source = |frame: usize| Source {
        frame: FrameId::new(frame),
        using: "data.test".into(),
        symbols: symbols(n_symbols),
        fields: Field::OHLCV.to_vec(),
    };
    let plan = Plan {
        name: "simulated".into(),
        tolerance: F64(1e-9),
        sources: if i == 2 { vec![source(0), source(1)] } else { vec![source(0)] },
        columns: vec![Column { frame: nodes[value.index()].frame, name: "y".into(), value, r#type: Type::Number }],
        models: Vec::new(),
        signals: vec![Signal::prediction(ColumnId::new(0), Vec::new())],
        frames,
        nodes,
    };
    plan.verify().expect("well formed");
    plan
}
