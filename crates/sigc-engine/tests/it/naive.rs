//! The definitions against the textbook formula, written here anew without blocks, parts or runs.

use crate::world::*;
use sigc_engine::reference::{Ask, interpret};
use sigc_market::Field;
use sigc_plan::*;

fn mean(x: &[f64]) -> f64 {
    x.iter().sum::<f64>() / x.len() as f64
}

fn moment(x: &[f64], y: &[f64]) -> f64 {
    let (mx, my) = (mean(x), mean(y));
    x.iter().zip(y).map(|(x, y)| (x - mx) * (y - my)).sum()
}

fn positions(n: usize) -> Vec<f64> {
    (0..n).map(|i| i as f64).collect()
}

fn naive(f: WindowFn, w: &[f64]) -> f64 {
    let n = w.len() as f64;
    let newest = w[w.len() - 1];
    let mut sorted = w.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = |v: f64, last: bool| {
        let mut at = w.iter().enumerate().filter(|(_, x)| **x == v).map(|(i, _)| i as f64 + 1.0);
        if last { at.next_back() } else { at.next() }.expect("it is in the window")
    };
    match f {
        WindowFn::Sum => w.iter().sum(),
        WindowFn::Mean => mean(w),
        WindowFn::Min => sorted[0],
        WindowFn::Max => sorted[w.len() - 1],
        WindowFn::Var { ddof } => moment(w, w) / (n - f64::from(ddof)),
        WindowFn::ArgMin(t) => place(sorted[0], t == Ties::Last),
        WindowFn::ArgMax(t) => place(sorted[w.len() - 1], t == Ties::Last),
        WindowFn::Rank => {
            let ranks = sorted.iter().zip(1..).filter(|(x, _)| **x == newest).map(|(_, rank)| f64::from(rank));
            let ranks: Vec<f64> = ranks.collect();
            mean(&ranks) / n
        }
        WindowFn::Quantile { q } => {
            let h = q.0 * (n - 1.0);
            let above = sorted[(h.ceil() as usize).min(w.len() - 1)];
            sorted[h as usize] * (1.0 - h.fract()) + above * h.fract()
        }
        WindowFn::LinearMean => {
            let weighted: f64 = w.iter().zip(1..).map(|(x, k)| x * f64::from(k)).sum();
            weighted / (1..=w.len()).sum::<usize>() as f64
        }
        WindowFn::Slope => moment(&positions(w.len()), w) / moment(&positions(w.len()), &positions(w.len())),
        WindowFn::RSquare => {
            let p = positions(w.len());
            moment(&p, w).powi(2) / (moment(&p, &p) * moment(w, w))
        }
    }
}

#[test]
fn windows_follow_the_textbook() {
    let f = FrameId::new(0);
    let mut g = Graph::new();
    let (x, y) = (g.push(f, Op::Input(Field::Close)), g.push(f, Op::Input(Field::Volume)));
    let functions = [
        (WindowFn::Sum, 1e-12),
        (WindowFn::Mean, 1e-12),
        (WindowFn::Min, 0.0),
        (WindowFn::Max, 0.0),
        (WindowFn::Var { ddof: 1 }, 1e-9),
        (WindowFn::Var { ddof: 0 }, 1e-9),
        (WindowFn::ArgMin(Ties::First), 0.0),
        (WindowFn::ArgMax(Ties::Last), 0.0),
        (WindowFn::Rank, 1e-15),
        (WindowFn::Quantile { q: F64(0.2) }, 1e-14),
        (WindowFn::LinearMean, 1e-13),
        (WindowFn::Slope, 1e-9),
        (WindowFn::RSquare, 1e-9),
    ];
    let mut windows = Vec::new();
    let mut pairs = Vec::new();
    for n in [2u32, 3, 4, 5, 20, 61] {
        for (function, tolerance) in functions {
            windows.push((g.push(f, Op::Window { x, n, min_count: n, f: function }), function, n as usize, tolerance));
        }
        for function in [PairFn::Cov, PairFn::Corr] {
            pairs.push((g.push(f, Op::Pair { x, y, n, f: function }), function, n as usize));
        }
    }
    let last = windows[0].0;
    let plan = plan(vec![source("bars", "1m", Gap::Null)], &g, Vec::new(), &[last], 0.5);
    let mut dice = Dice::new(5);
    let mut bars = random_bars(&mut dice, plan.frames[0].interval, -130, 400, CALM);
    for bar in &mut bars {
        // No flat stretches: the textbook has no rule for them.
        bar.values[Field::Close.index()] += 0.3 * dice.unit();
    }
    let column = |field: Field| bars.iter().map(|b| b.get(field)).collect::<Vec<f64>>();
    let (xs, ys) = (column(Field::Close), column(Field::Volume));
    let r = interpret(&plan, 0, &[(f, &bars)], None, &mut [], Ask::All).expect("the test's plan");
    let close_to = |got: f64, want: f64, tolerance: f64, what: String| {
        assert!((got - want).abs() <= tolerance * want.abs().max(1e-3), "{what}: {got} instead of {want}");
    };
    for (v, function, n, tolerance) in windows {
        for (k, &got) in r.value(v).iter().enumerate() {
            if k + 1 < n {
                assert!(got.is_nan(), "{function:?} over {n} rows at row {k}");
            } else {
                let want = naive(function, &xs[k + 1 - n..=k]);
                close_to(got, want, tolerance, format!("{function:?} over {n} rows at row {k}"));
            }
        }
    }
    for (v, function, n) in pairs {
        for (k, &got) in r.value(v).iter().enumerate().skip(n - 1) {
            let (x, y) = (&xs[k + 1 - n..=k], &ys[k + 1 - n..=k]);
            let want = match function {
                PairFn::Cov => moment(x, y) / (n as f64 - 1.0),
                PairFn::Corr => moment(x, y) / (moment(x, x) * moment(y, y)).sqrt(),
            };
            let scale = if function == PairFn::Cov { (moment(x, x) * moment(y, y)).sqrt() } else { 1.0 };
            assert!((got - want).abs() <= 1e-10 * scale, "{function:?} over {n} rows at row {k}: {got}, {want}");
        }
    }
}
