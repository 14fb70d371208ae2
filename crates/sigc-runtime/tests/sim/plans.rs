//! Small plans whose every value is exact: one source, a resampled frame, two sources; then several signals, on two
//! frames of one source and on two sources of different universes; last two whose symbols are ranked against each other,
//! on both frames of one source and over sources of different universes.

use sigc_engine::Engine;
use sigc_market::{Field, Interval, Symbol};
use sigc_plan::{
    Aggregate, Column, ColumnId, CrossFn, F64, Frame, FrameId, Gap, Graph, Incomplete, Label, Op, Origin, Plan, Row2,
    Signal, SignalKind, Source, Type, ValueId, WindowFn,
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
pub const N_PLANS: usize = 7;

/// An engine of plan `i` over so many symbols.
pub fn engine(i: usize, n_symbols: usize) -> Engine {
    static ENGINES: OnceLock<Vec<Engine>> = OnceLock::new();
    let all = ENGINES.get_or_init(|| {
        let make = |i: usize, n: usize| {
            let plan = plan(i, n);
            Engine::new(&plan, &plan.signal_columns()).expect("the plan runs")
        };
        (0..N_PLANS).flat_map(|i| (1..=4).map(move |n| make(i, n))).collect()
    });
    all[i * 4 + n_symbols - 1].clone()
}

/// A signal in the making: its value, its condition, its further columns.
struct Made {
    event: bool,
    value: ValueId,
    when: Option<ValueId>,
    extra: Vec<ValueId>,
}

impl Made {
    fn prediction(value: ValueId) -> Made {
        Made { event: false, value, when: None, extra: Vec::new() }
    }
}

/// Where the close went up, by how much, with the close beside it.
fn rise(g: &mut Graph, frame: FrameId, close: ValueId) -> Made {
    let mut o = g.on(frame);
    let before = o.lag(close, 1);
    let change = o.sub(close, before);
    let up = o.row2(Row2::Lt, before, close);
    Made { event: true, value: change, when: Some(up), extra: vec![close] }
}

fn plan(i: usize, n_symbols: usize) -> Plan {
    let mut g = Graph::new();
    let (first, second) = (FrameId::new(0), FrameId::new(1));
    let frame = |name: &str, interval, origin| Frame { name: name.into(), interval, origin, label: Label::Close };
    let bars = |name: &str, n| frame(name, minutes(n), Origin::Source { gap: Gap::Null });
    let five = || frame("five", minutes(5), Origin::Resample { of: first });
    let last = |x| Op::Aggregate { x, how: Aggregate::Last, incomplete: Incomplete::Partial };
    let close = g.push(first, Op::Input(Field::Close));
    let (frames, made) = match i {
        0 => {
            let mut o = g.on(first);
            let mean = o.window_min(WindowFn::Sum, close, 4, 2);
            let value = o.add(mean, close);
            (vec![bars("bars", 1)], vec![Made::prediction(value)])
        }
        1 => {
            let last = g.push(second, last(close));
            let value = g.on(second).mean(last, 2);
            (vec![bars("bars", 1), five()], vec![Made::prediction(value)])
        }
        2 => {
            let slow = g.push(second, Op::Input(Field::Close));
            let joined = g.push(first, Op::AsOf { x: slow });
            let mut o = g.on(first);
            let sum = o.add(joined, close);
            let value = o.window_min(WindowFn::Sum, sum, 3, 1);
            (vec![bars("bars", 1), bars("slow", 3)], vec![Made::prediction(value)])
        }
        // A slow prediction first, then an event that is quick to be warm, then what joins both frames.
        3 => {
            let last = g.push(second, last(close));
            let slow = g.on(second).mean(last, 4);
            let event = rise(&mut g, first, close);
            let joined = g.push(first, Op::AsOf { x: slow });
            let gap = g.on(first).sub(close, joined);
            let both = Made { extra: vec![event.value, joined], ..Made::prediction(gap) };
            (vec![bars("bars", 1), five()], vec![Made::prediction(slow), event, both])
        }
        // Ranks of minutes, summed over some of them; ranks of five minutes, and those as the minutes see them.
        5 => {
            let mut o = g.on(first);
            let before = o.lag(close, 1);
            let change = o.sub(close, before);
            let (rank, order) = (o.cross(CrossFn::Rank, change), o.cross(CrossFn::Order, close));
            let sum = o.window_min(WindowFn::Sum, rank, 3, 2);
            let quick = Made { extra: vec![order], ..Made::prediction(sum) };
            let last = g.push(second, last(close));
            let mut o = g.on(second);
            let (mean, count) = (o.cross(CrossFn::Mean, last), o.cross(CrossFn::Count, last));
            let above = o.sub(last, mean);
            let joined = g.push(first, Op::AsOf { x: above });
            let both = g.on(first).add(joined, rank);
            let slow = Made { extra: vec![count], ..Made::prediction(above) };
            (vec![bars("bars", 1), five()], vec![quick, slow, Made::prediction(both)])
        }
        6 => {
            let slow = g.push(second, Op::Input(Field::Close));
            let mut o = g.on(second);
            let (mean, std) = (o.cross(CrossFn::Mean, slow), o.cross(CrossFn::Std, slow));
            let score = o.sub(slow, mean);
            let joined = g.push(first, Op::AsOf { x: mean });
            let mut o = g.on(first);
            let gap = o.sub(close, joined);
            let (order, sum) = (o.cross(CrossFn::Order, gap), o.cross(CrossFn::Sum, close));
            let made = vec![
                Made { extra: vec![std], ..Made::prediction(score) },
                Made { extra: vec![sum], ..Made::prediction(order) },
            ];
            (vec![bars("bars", 1), bars("slow", 3)], made)
        }
        _ => {
            let slow = g.push(second, Op::Input(Field::Close));
            let mean = g.on(first).mean(close, 3);
            let event = rise(&mut g, second, slow);
            let joined = g.push(second, Op::AsOf { x: mean });
            let gap = g.on(second).sub(slow, joined);
            let made = vec![event, Made::prediction(mean), Made::prediction(gap)];
            (vec![bars("bars", 1), bars("slow", 3)], made)
        }
    };
    let nodes: Vec<_> = g.nodes().copied().collect();
    let source = |frame: usize, n: usize| Source {
        frame: FrameId::new(frame),
        using: "data.test".into(),
        symbols: symbols(n),
        fields: Field::OHLCV.to_vec(),
    };
    let sources = match i {
        2 => vec![source(0, n_symbols), source(1, n_symbols)],
        // The second source lacks the last symbol.
        4 | 6 => vec![source(0, n_symbols), source(1, (n_symbols - 1).max(1))],
        _ => vec![source(0, n_symbols)],
    };
    let mut columns: Vec<Column> = Vec::new();
    let mut column = |value: ValueId| {
        let at = columns.iter().position(|c| c.value == value).unwrap_or_else(|| {
            let frame = nodes[value.index()].frame;
            columns.push(Column { frame, name: format!("y{}", columns.len()), value, r#type: Type::Number });
            columns.len() - 1
        });
        ColumnId::new(at)
    };
    let signals = made
        .into_iter()
        .map(|m| Signal {
            kind: if m.event { SignalKind::Event } else { SignalKind::Prediction },
            name: m.event.then(|| "rise".into()),
            when: m.when.map(&mut column),
            ..Signal::prediction(column(m.value), m.extra.into_iter().map(&mut column).collect())
        })
        .collect();
    let plan = Plan {
        name: "simulated".into(),
        tolerance: F64(1e-9),
        models: Vec::new(),
        sources,
        columns,
        signals,
        frames,
        nodes,
    };
    plan.verify().expect("well formed");
    plan
}
