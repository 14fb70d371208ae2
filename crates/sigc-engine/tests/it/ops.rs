//! Every op by both drivers against its definition, bit for bit, over hostile data.

use crate::world::*;
use sigc_engine::PanelOptions;
use sigc_engine::reference::Ask;
use sigc_market::{Bar, Field, Interval, NULL};
use sigc_plan::*;

const WINDOWS: [u32; 5] = [1, 2, 3, 20, 61];
const HARD: [f64; 12] =
    [1e300, -1e300, 1e-300, 5e-324, -5e-324, 1e-310, 0.0, -0.0, 1.0, -1.0, f64::MAX, 100.000_000_000_000_01];

/// Runs of ordinary, hostile, flat and null cells, in two columns.
fn hostile(dice: &mut Dice, every: Interval, from: i64, rows: i64) -> Vec<Bar> {
    let (mut kind, mut left, mut x, mut y) = (0, 0, 100.0, 50.0);
    let mut bars = Vec::new();
    for row in from..from + rows {
        if left == 0 {
            (kind, left) = (dice.below(6), 1 + dice.below(90));
        }
        left -= 1;
        match kind {
            0 => (x, y) = (dice.pick(&HARD), dice.pick(&HARD)),
            1 => {}
            2 => (x, y) = (dice.below(3) as f64, -(dice.below(2) as f64)),
            _ => (x, y) = (100.0 + dice.unit(), 1e6 * dice.unit()),
        }
        let mut bar = Bar::ohlcv(every.open_of(row), x, y, x, x, y);
        if kind != 3 && dice.chance(0.02) {
            bar.values[dice.pick(&[Field::Close, Field::High]).index()] = NULL;
        }
        bars.push(bar);
    }
    bars
}

/// All row-wise, window, pair and recursive ops over one source.
fn all_ops() -> Plan {
    let f = FrameId::new(0);
    let mut g = Graph::new();
    let (x, y) = (g.push(f, Op::Input(Field::Close)), g.push(f, Op::Input(Field::High)));
    let mut columns = Vec::new();
    for f1 in [Row1::Neg, Row1::Abs, Row1::Ln, Row1::Exp, Row1::Sqrt, Row1::Sign, Row1::Not] {
        columns.push(Op::Row1(f1, x));
    }
    use Row2::*;
    for f2 in [Add, Sub, Mul, Div, Greatest, Least, Pow, Lt, Le, Gt, Ge, Eq, Ne, And, Or, Fill] {
        columns.push(Op::Row2(f2, x, y));
    }
    columns.push(Op::If(y, x, y));
    for n in WINDOWS {
        let quantiles = [0.0, 0.25, 0.5, 1.0].map(|q| WindowFn::Quantile { q: F64(q) });
        let plain = [
            WindowFn::Sum,
            WindowFn::Mean,
            WindowFn::Min,
            WindowFn::Max,
            WindowFn::Var { ddof: 0 },
            WindowFn::Var { ddof: 1 },
            WindowFn::ArgMin(Ties::First),
            WindowFn::ArgMin(Ties::Last),
            WindowFn::ArgMax(Ties::First),
            WindowFn::ArgMax(Ties::Last),
            WindowFn::Rank,
            WindowFn::LinearMean,
            WindowFn::Slope,
            WindowFn::RSquare,
        ];
        columns.extend(plain.into_iter().chain(quantiles).map(|f| Op::Window { x, n, min_count: n, f }));
        for min_count in [1, n / 2, n - 1].into_iter().filter(|k| (1..n).contains(k)) {
            columns.extend(plain[..6].iter().map(|&f| Op::Window { x, n, min_count, f }));
        }
        if n > 1 {
            columns.extend([PairFn::Cov, PairFn::Corr].map(|f| Op::Pair { x, y, n, f }));
        }
        columns.push(Op::Lag { x, n });
        columns.push(Op::Skip { x, n });
        for alpha in [1.0, 0.3] {
            columns.extend([0, 3].map(|skip| Op::Smooth { x, alpha: F64(alpha), seed: n, skip }));
        }
    }
    let columns: Vec<ValueId> = columns.into_iter().map(|op| g.push(f, op)).collect();
    plan(vec![source("bars", "1m", Gap::Null)], &g, Vec::new(), &columns, 0.5)
}

/// All aggregates over two levels, and joins both ways.
fn all_buckets() -> Plan {
    let (fine, hour, day) = (FrameId::new(0), FrameId::new(1), FrameId::new(2));
    let frames = vec![source("m", "15m", Gap::Null), resample("h", "1h", 0), resample("d", "4h", 1)];
    let mut g = Graph::new();
    let x = g.push(fine, Op::Input(Field::Close));
    let mut columns = Vec::new();
    use Aggregate::*;
    for how in [First, Last, Min, Max, Sum, Count] {
        for incomplete in [Incomplete::Partial, Incomplete::Null] {
            let hourly = g.push(hour, Op::Aggregate { x, how, incomplete });
            let daily = g.push(day, Op::Aggregate { x: hourly, how, incomplete });
            let down = g.push(fine, Op::AsOf { x: daily });
            let up = g.push(day, Op::AsOf { x });
            let lagged = g.push(hour, Op::Lag { x: hourly, n: 3 });
            let late = g.push(fine, Op::AsOf { x: lagged });
            columns.extend([hourly, daily, down, up, late]);
        }
    }
    plan(frames, &g, Vec::new(), &columns, 0.5)
}

#[test]
fn kernels_are_their_definitions_bit_for_bit() {
    for (plan, rows) in [(all_ops(), 700), (all_buckets(), 700)] {
        let outputs = all_columns(&plan);
        let every = plan.frames[0].interval;
        for seed in 0..4 {
            let mut dice = Dice::new(77 + seed);
            // Starts on both sides of row 0 and all around block borders; ends differ as well.
            let histories: Vec<(usize, History)> = (0..11)
                .map(|s| {
                    let from = -350 + dice.below(140) as i64;
                    let bars = hostile(&mut dice, every, from, rows - 40 * (s as i64 % 3));
                    (s, vec![(FrameId::new(0), bars)])
                })
                .collect();
            let panels = run_panels(&plan, &outputs, &histories, PanelOptions::default());
            for ((symbol, history), panel) in histories.iter().zip(panels) {
                let want = run_reference(&plan, &outputs, *symbol, history, Ask::Warm);
                assert_same(&panel, &want, &format!("panel, seed {seed}, symbol {symbol}"), &plan);
                assert_same(&run_live(&plan, &outputs, *symbol, history), &want, "live", &plan);
            }
        }
    }
}

/// The rules where implementations differ, by hand: features.md section 2 and the docs of the ops.
#[test]
fn ties_flats_and_seeds() {
    let f = FrameId::new(0);
    let column = |op: &dyn Fn(ValueId, ValueId) -> Op, xs: &[f64], ys: &[f64]| -> Vec<f64> {
        let mut g = Graph::new();
        let (x, y) = (g.push(f, Op::Input(Field::Close)), g.push(f, Op::Input(Field::High)));
        let v = g.push(f, op(x, y));
        let plan = plan(vec![source("bars", "1m", Gap::Null)], &g, Vec::new(), &[v], 0.5);
        let every = plan.frames[0].interval;
        let bars = xs.iter().zip(ys).zip(0..).map(|((&x, &y), k)| Bar::ohlcv(every.open_of(k), x, y, x, x, y));
        let history = vec![(f, bars.collect())];
        let table = run_live(&plan, &all_columns(&plan), 0, &history);
        table.values().map(|(cells, _)| f64::from_bits(cells[0])).collect()
    };
    let window = |f: WindowFn, n: u32, xs: &[f64]| {
        let all = column(&|x, _| Op::Window { x, n, min_count: n, f }, xs, xs);
        all[all.len() - 1]
    };
    let ties = [1.0, 3.0, 1.0, 3.0, 2.0];
    assert_eq!(window(WindowFn::ArgMin(Ties::First), 5, &ties), 1.0);
    assert_eq!(window(WindowFn::ArgMin(Ties::Last), 5, &ties), 3.0);
    assert_eq!(window(WindowFn::ArgMax(Ties::First), 5, &ties), 2.0);
    assert_eq!(window(WindowFn::ArgMax(Ties::Last), 5, &ties), 4.0);
    // pandas: Series([2, 1, 2, 3, 2]).rank(pct=True) ends with 0.6.
    assert_eq!(window(WindowFn::Rank, 5, &[2.0, 1.0, 2.0, 3.0, 2.0]), 0.6);
    assert_eq!(window(WindowFn::Quantile { q: F64(0.25) }, 4, &[4.0, 1.0, 3.0, 2.0]), 1.75);
    assert_eq!(window(WindowFn::LinearMean, 3, &[1.0, 2.0, 4.0]), (1.0 + 4.0 + 12.0) / 6.0);
    assert_eq!(window(WindowFn::Slope, 4, &[1.0, 3.0, 5.0, 7.0]), 2.0);
    let flat = [0.1; 4];
    assert_eq!(window(WindowFn::Var { ddof: 1 }, 4, &flat), 0.0);
    assert_eq!(window(WindowFn::Slope, 4, &flat), 0.0);
    assert!(window(WindowFn::RSquare, 4, &flat).is_nan());
    assert!(window(WindowFn::Var { ddof: 1 }, 1, &[2.0]).is_nan(), "no freedom left");
    let pair = |f: PairFn, xs: &[f64], ys: &[f64]| {
        let all = column(&|x, y| Op::Pair { x, y, n: xs.len() as u32, f }, xs, ys);
        all[all.len() - 1]
    };
    assert_eq!(pair(PairFn::Corr, &[0.1, 0.3], &[7.3, 1.1]), -1.0, "two rows always correlate fully");
    assert_eq!(pair(PairFn::Cov, &flat, &[1.0, 2.0, 3.0, 4.0]), 0.0);
    assert!(pair(PairFn::Corr, &flat, &[1.0, 2.0, 3.0, 4.0]).is_nan());
    let smooth = |xs: &[f64], skip: u32| column(&|x, _| Op::Smooth { x, alpha: F64(0.5), seed: 2, skip }, xs, xs);
    let same = |got: Vec<f64>, want: &[f64]| assert_eq!(bits(&got), bits(want), "{got:?} instead of {want:?}");
    same(smooth(&[2.0, NULL, 4.0, 7.0, NULL, 5.0], 0), &[NULL, NULL, 3.0, 5.0, NULL, 5.0]);
    same(smooth(&[2.0, NULL, 4.0, 7.0, NULL, 5.0], 1), &[NULL, NULL, NULL, 5.5, NULL, 5.25]);
    // An update that overflows passes like a null row.
    let high = 3.0 + 0.5 * (1.7e308 - 3.0);
    let after = high + 0.5 * (5.0 - high);
    same(smooth(&[2.0, 4.0, 1.7e308, -1.7e308, 5.0], 0), &[NULL, 3.0, high, NULL, after]);
    same(column(&|x, _| Op::Skip { x, n: 1 }, &[NULL, 1.0, 2.0], &[0.0; 3]), &[NULL, NULL, 2.0]);
}
