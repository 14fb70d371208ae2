//! `strategies.top_k` over universes: rows worked out by hand, and many against a plain second implementation.

use crate::args::{Draw, written};
use crate::run;
use sigc_catalog::Known;
use sigc_engine::reference::{Ask, interpret_universe};
use sigc_market::{Bar, Symbol};
use sigc_plan::FrameId;

/// The positions of the symbols; `x` holds the predictions of each, row by row.
fn positions(k: u32, bottom: u32, x: &[Vec<Option<f64>>]) -> Vec<Vec<Option<f64>>> {
    let feature = run::feature("strategies.top_k").expect("the library has it");
    let (k, bottom) = (k.to_string(), bottom.to_string());
    let args = written(feature, [("k", k.as_str()), ("bottom", bottom.as_str())]);
    let (graph, outputs) = run::build_alone(feature, &args);
    let mut plan = run::plan(vec![run::source(run::hour())], &graph, &outputs);
    let name = |s: usize| Symbol::new(&format!("S{s}")).expect("a symbol");
    plan.sources[0].symbols = (0..x.len()).map(name).collect();
    let bars: Vec<Vec<Bar>> = x.iter().map(|column| run::bars(&[column])).collect();
    let bars: Vec<[(FrameId, &[Bar]); 1]> = bars.iter().map(|b| [(FrameId::new(0), b.as_slice())]).collect();
    let bars: Vec<&[(FrameId, &[Bar])]> = bars.iter().map(|b| b.as_slice()).collect();
    let all = interpret_universe(&plan, &bars, None, &mut [], Ask::All).expect("test bars are well formed");
    let cells = |r: &sigc_engine::reference::Reference| {
        r.value(outputs[0]).iter().map(|&x| (!x.is_nan()).then_some(x)).collect()
    };
    all.iter().map(cells).collect()
}

/// One row of all symbols.
fn row(k: u32, bottom: u32, x: &[Option<f64>]) -> Vec<Option<f64>> {
    let columns: Vec<Vec<Option<f64>>> = x.iter().map(|x| vec![*x]).collect();
    positions(k, bottom, &columns).into_iter().map(|p| p[0]).collect()
}

/// By hand.
#[test]
fn rows_by_hand() {
    let [a, b, c, null] = [Some(1.0), Some(2.0), Some(3.0), None];
    let (long, flat, short) = (Some(1.0), Some(0.0), Some(-1.0));
    assert_eq!(row(1, 1, &[a, c, b, null]), [short, long, flat, null]);
    assert_eq!(row(2, 0, &[a, c, b, null]), [flat, long, long, null]);
    // Equal predictions: the earlier symbol is in, on either side.
    assert_eq!(row(1, 1, &[b, b, b, b]), [long, short, flat, flat]);
    assert_eq!(row(1, 1, &[c, a, b, a]), [long, short, flat, flat]);
    // Too few for both sides: long first.
    assert_eq!(row(2, 2, &[null, b, a, c]), [null, long, short, long]);
    assert_eq!(row(2, 2, &[null, b, null, null]), [null, long, null, null]);
    assert_eq!(row(1, 1, &[null, null]), [null, null]);
    // Zeros of both signs are equal.
    assert_eq!(row(1, 1, &[Some(-0.0), Some(0.0)]), [long, short]);
}

/// The strategy again, from the words of its docs: take the greatest `k` times, then the least of the rest.
fn again(k: u32, bottom: u32, x: &[Option<f64>]) -> Vec<Option<f64>> {
    let mut value: Vec<Option<f64>> = x.iter().map(|x| x.map(|_| 0.0)).collect();
    let mut left: Vec<usize> = (0..x.len()).filter(|&s| x[s].is_some()).collect();
    let mut take = |n: u32, side: f64, better: fn(f64, f64) -> bool| {
        for _ in 0..n {
            let mut best: Option<usize> = None;
            for &s in &left {
                if best.is_none_or(|b| better(x[s].unwrap_or(0.0), x[b].unwrap_or(0.0))) {
                    best = Some(s);
                }
            }
            let Some(best) = best else { return };
            left.retain(|&s| s != best);
            value[best] = Some(side);
        }
    };
    take(k, 1.0, |a, b| a > b);
    take(bottom, -1.0, |a, b| a < b);
    value
}

#[test]
fn many_rows_as_a_second_implementation_has_them() {
    let mut draw = Draw::for_name("top_k");
    let mut both = 0;
    for _ in 0..60 {
        let n = 1 + draw.below(7) as usize;
        let (k, bottom) = (1 + draw.below(4) as u32, draw.below(4) as u32);
        // Few values, so that many are equal.
        let mut cell = || [None, Some(-1.0), Some(0.0), Some(0.5), Some(2.0)][draw.below(5) as usize];
        let x: Vec<Vec<Option<f64>>> = (0..n).map(|_| (0..40).map(|_| cell()).collect()).collect();
        let got = positions(k, bottom, &x);
        for r in 0..40 {
            let given: Vec<Option<f64>> = x.iter().map(|column| column[r]).collect();
            let value: Vec<Option<f64>> = got.iter().map(|column| column[r]).collect();
            assert_eq!(value, again(k, bottom, &given), "k {k}, bottom {bottom}: {given:?}");
            both += usize::from(value.contains(&Some(1.0)) && value.contains(&Some(-1.0)));
        }
    }
    assert!(both > 300, "{both} rows with both sides");
}

#[test]
fn more_than_the_universe_holds_is_refused() {
    let feature = run::feature("strategies.top_k").expect("the library has it");
    let refused = |k: &str, bottom: &str, n: Option<usize>| {
        let args = written(feature, [("k", k), ("bottom", bottom)]);
        (feature.check)(&args, Known { n_symbols: n }).first().map(|p| (p.param, p.message.clone()))
    };
    assert_eq!(refused("2", "1", Some(3)), None);
    assert_eq!(refused("2", "1", None), None);
    let (param, message) = refused("2", "2", Some(3)).expect("one too many");
    assert_eq!((param, message.as_str()), ("bottom", "the universe has 3 symbols, and 2 + 2 of them are to be held"));
    assert_eq!(refused("4", "0", Some(3)).expect("one too many").0, "k");
}
