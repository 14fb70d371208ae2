//! Ops over the universe, and lanes that are stepped together, against the reference bit for bit.

use crate::world::*;
use sigc_engine::reference::{Ask, interpret};
use sigc_engine::{
    Columns, Engine, EngineError, Live, PanelInput, PanelOptions, Predict, PredictError, Together, Turn, run_panel,
};
use sigc_market::{Bar, Field, NULL, Ts};
use sigc_plan::*;

const SHAPE: Shape = Shape { nodes: 18, finite: false, strict: false, models: true, cross: true };

/// A plan over a universe and its bars: late listings, early ends, gaps; now and then a symbol without any bar.
fn random_universe(dice: &mut Dice, most: usize) -> (Plan, Vec<History>) {
    let n = 1 + dice.below(most);
    let plan = over(random_plan(dice, SHAPE), n);
    let histories = (0..n).map(|s| {
        // The same dice: histories begin near each other, and lie apart by up to a few hundred rows.
        let rows = 150 + 40 * (s as i64 % 4);
        let mut history = random_history(&mut Dice::new(7 + dice.below(3) as u64), &plan, rows, ROUGH);
        for (_, bars) in &mut history {
            for bar in bars.iter_mut() {
                // Few values, so that there are ties.
                let coarse = dice.below(4) as f64;
                bar.values[Field::Close.index()] += coarse - bar.values[Field::Close.index()] % 1.0;
            }
            bars.drain(..dice.below(bars.len() / 2 + 1));
            bars.truncate(bars.len() - dice.below(bars.len() / 2 + 1));
            if dice.chance(0.1) {
                bars.clear();
            }
        }
        history
    });
    let histories = histories.collect();
    (plan, histories)
}

#[test]
fn together_is_the_reference_bit_for_bit() {
    let (mut crossed, mut there) = (0, 0);
    for seed in 0..200 {
        let mut dice = Dice::new(60_000 + seed);
        let (plan, histories) = random_universe(&mut dice, 6);
        let outputs = all_columns(&plan);
        let engine = Engine::new(&plan, &outputs).expect("the test's plan");
        let want = run_reference_universe(&plan, &outputs, &histories, Ask::Warm);
        let got = run_together(&engine, &histories, || 1, || false);
        for (s, (got, want)) in got.iter().zip(&want).enumerate() {
            assert_same(got, want, &format!("together, seed {seed}, symbol {s}"), &plan);
        }
        crossed += usize::from(engine.is_over_universe());
        there += want.iter().flat_map(|t| t.values()).filter(|(c, _)| !f64::from_bits(c[0]).is_nan()).count();
    }
    assert!(crossed > 80 && there > 20_000, "worth running: {crossed} plans, {there} cells");
}

#[test]
fn any_split_and_restarts_of_a_universe_give_the_same_bits() {
    for seed in 0..80 {
        let mut dice = Dice::new(61_000 + seed);
        let (plan, histories) = random_universe(&mut dice, 5);
        let outputs = all_columns(&plan);
        let engine = Engine::new(&plan, &outputs).expect("the test's plan");
        let whole = run_together(&engine, &histories, || 1, || false);
        let (mut a, mut b) = (dice.clone(), dice.clone());
        let cut = run_together(&engine, &histories, || 1 + a.below(30), || b.chance(0.3));
        for (s, (cut, whole)) in cut.iter().zip(&whole).enumerate() {
            assert_same(cut, whole, &format!("split, seed {seed}, symbol {s}"), &plan);
        }
    }
}

#[test]
fn the_panel_of_a_universe_is_the_reference_bit_for_bit() {
    for seed in 0..80 {
        let mut dice = Dice::new(62_000 + seed);
        // Up to three groups of lanes.
        let (plan, histories) = random_universe(&mut dice, 20);
        let outputs = all_columns(&plan);
        let only_warm_models = dice.chance(0.5);
        let options = PanelOptions { threads: 1 + dice.below(3), only_warm_models };
        let ask = if only_warm_models { Ask::Warm } else { Ask::All };
        let want = run_reference_universe(&plan, &outputs, &histories, ask);
        let engine = Engine::new(&plan, &outputs).expect("the test's plan");
        if !engine.is_over_universe() {
            continue;
        }
        let histories: Vec<(usize, History)> = histories.into_iter().enumerate().collect();
        let got = run_panels_on(&engine, &histories, options);
        for (s, (got, want)) in got.iter().zip(&want).enumerate() {
            assert_same(got, want, &format!("panel, seed {seed}, symbol {s}"), &plan);
        }
    }
}

/// Without an op over the universe it changes nothing who is stepped beside whom.
#[test]
fn lanes_that_are_stepped_together_give_what_each_gives_alone() {
    for seed in 0..100 {
        let mut dice = Dice::new(63_000 + seed);
        let n = 1 + dice.below(5);
        let plan = over(random_plan(&mut dice, Shape { cross: false, ..SHAPE }), n);
        let outputs = all_columns(&plan);
        let engine = Engine::new(&plan, &outputs).expect("the test's plan");
        let from = dice.next();
        let histories: Vec<History> = (0..n)
            .map(|s| {
                // One beginning and one end, so that each alone is complete up to the same instant.
                let mut bars = random_history(&mut Dice::new(from), &plan, 200, CALM);
                bars.iter_mut().flat_map(|(_, b)| b).for_each(|b| b.values[3] += s as f64 * dice.unit());
                bars
            })
            .collect();
        let got = run_together(&engine, &histories, || 1, || false);
        for (s, (got, history)) in got.iter().zip(&histories).enumerate() {
            assert_same(got, &run_live_on(&engine, s, history), &format!("seed {seed}, symbol {s}"), &plan);
        }
    }
}

fn minutes(close: &[Option<f64>]) -> History {
    let bar = |(k, x): (i64, &Option<f64>)| x.map(|x| Bar::ohlcv(Ts(k * 60_000), x, x, x, x, 1.0));
    vec![(FrameId::new(0), (0..).zip(close).filter_map(bar).collect())]
}

/// Close and its functions over the universe.
fn ranks(gap: Gap, n: usize) -> Plan {
    let f = FrameId::new(0);
    let mut g = Graph::new();
    let x = g.push(f, Op::Input(Field::Close));
    let values: Vec<ValueId> =
        [CrossFn::Rank, CrossFn::Order, CrossFn::Count].map(|function| g.on(f).cross(function, x)).to_vec();
    over(plan(vec![source("bars", "1m", gap)], &g, Vec::new(), &values, 0.5), n)
}

fn cells(table: &Table) -> Vec<(i64, Vec<f64>)> {
    table.iter().map(|((_, row), (cells, _))| (*row, cells.iter().map(|b| f64::from_bits(*b)).collect())).collect()
}

/// By hand: a gap, a late listing and an end take no part; ties share their rank and keep the universe's order.
#[test]
fn who_has_no_bar_takes_no_part() {
    let histories = [
        minutes(&[Some(1.0), Some(2.0), Some(3.0), Some(4.0)]),
        minutes(&[Some(2.0), None, Some(3.0), Some(9.0)]),
        minutes(&[None, Some(1.0), Some(5.0)]),
    ];
    let plan = ranks(Gap::Null, 3);
    let engine = Engine::new(&plan, &all_columns(&plan)).expect("the test's plan");
    let got = run_together(&engine, &histories, || 1, || false);
    let show =
        |rows: &[(i64, [f64; 3])]| format!("{:?}", rows.iter().map(|(r, c)| (*r, c.to_vec())).collect::<Vec<_>>());
    let gap = [NULL; 3];
    let third = 1.0 / 3.0;
    let want = [
        show(&[(0, [0.5, 2.0, 2.0]), (1, [1.0, 1.0, 2.0]), (2, [1.5 / 3.0, 2.0, 3.0]), (3, [0.5, 2.0, 2.0])]),
        show(&[(0, [1.0, 1.0, 2.0]), (1, gap), (2, [1.5 / 3.0, 3.0, 3.0]), (3, [1.0, 1.0, 2.0])]),
        show(&[(1, [0.5, 2.0, 2.0]), (2, [1.0, 1.0, 3.0]), (3, gap)]),
    ];
    for (got, want) in got.iter().zip(want) {
        assert_eq!(format!("{:?}", cells(got)), want);
    }
    // A carried close takes part.
    let plan = ranks(Gap::Carry, 3);
    let engine = Engine::new(&plan, &all_columns(&plan)).expect("the test's plan");
    let got = run_together(&engine, &histories, || 1, || false);
    assert_eq!(cells(&got[1])[1], (1, vec![2.5 / 3.0, 2.0, 3.0]), "the tie of 2.0 with the first symbol");
    assert_eq!(cells(&got[2])[2], (3, vec![2.0 * third, 2.0, 3.0]), "5.0 carried between 4.0 and 9.0");
}

#[test]
fn part_of_a_universe_is_refused() {
    let plan = ranks(Gap::Null, 2);
    let engine = Engine::new(&plan, &all_columns(&plan)).expect("the test's plan");
    let history = minutes(&[Some(1.0), Some(2.0)]);
    let bars = slices(&history);
    let refused = |r: Result<(), EngineError>| matches!(r, Err(EngineError::Universe { needed: 2, given: 1 }));
    let mut live = Live::new(&engine, 0);
    let bar = history[0].1[0];
    assert!(refused(live.push(FrameId::new(0), &bar, &mut [], &mut Nowhere).map(|_| ())));
    let inputs = [PanelInput { symbol_index: 0, bars: &bars }];
    let mut columns = Columns::new(&engine);
    let panel = run_panel(&engine, &inputs, &Vec::new, PanelOptions::default(), &mut columns, &mut |_, _| {});
    assert!(refused(panel.map(|_| ())));
    assert!(refused(interpret(&plan, 0, &bars, None, &mut [], Ask::All).map(|_| ())));
    let mut together = Together::new(&engine);
    let one = together.step(Ts(60_000), &mut [Turn::new(&mut live, &[], &mut Nowhere)], &mut []);
    assert!(refused(one));
    // Lanes in another order, and lanes that are apart.
    let mut other = Live::new(&engine, 1);
    let mut nowhere = (Nowhere, Nowhere);
    let mut turns = [Turn::new(&mut other, &[], &mut nowhere.0), Turn::new(&mut live, &[], &mut nowhere.1)];
    assert!(matches!(together.step(Ts(60_000), &mut turns, &mut []), Err(EngineError::Universe { .. })));
    let mut turns = [Turn::new(&mut live, &[], &mut nowhere.0), Turn::new(&mut other, &[], &mut nowhere.1)];
    together.step(Ts(60_000), &mut turns, &mut []).expect("a step of both");
    let mut fresh = Live::new(&engine, 1);
    let mut turns = [Turn::new(&mut live, &[], &mut nowhere.0), Turn::new(&mut fresh, &[], &mut nowhere.1)];
    assert!(matches!(together.step(Ts(120_000), &mut turns, &mut []), Err(EngineError::Apart { .. })));
    // Columns that no such op has a part in need no universe.
    let mut g = Graph::new();
    let f = FrameId::new(0);
    let x = g.push(f, Op::Input(Field::Close));
    let rank = g.on(f).cross(CrossFn::Rank, x);
    let both = over(crate::world::plan(vec![source("bars", "1m", Gap::Null)], &g, Vec::new(), &[x, rank], 0.5), 2);
    let engine = Engine::new(&both, &[ColumnId::new(0)]).expect("the test's plan");
    Live::new(&engine, 0).push(f, &bar, &mut [], &mut Nowhere).expect("one symbol is enough");
}

/// Counts how many windows each call brought.
struct Counting(std::sync::Arc<std::sync::Mutex<Vec<usize>>>);

impl Predict for Counting {
    fn predict(&mut self, _: usize, window: &[f64]) -> Result<f64, PredictError> {
        self.0.lock().expect("one thread").push(1);
        Ok(window[0])
    }
    fn predict_many(&mut self, symbols: &[usize], windows: &[f64], answers: &mut Vec<Result<f64, PredictError>>) {
        self.0.lock().expect("one thread").push(symbols.len());
        // The last answer is left out: the engine counts it as a failure.
        answers.extend(windows[..symbols.len() - 1].iter().map(|x| Ok(*x)));
    }
}

#[test]
fn a_model_is_asked_once_about_all_that_close_together() {
    let f = FrameId::new(0);
    let mut g = Graph::new();
    let x = g.push(f, Op::Input(Field::Close));
    let model = ModelUse {
        using: "models.test".into(),
        inputs: vec![x],
        input_names: vec!["x".into()],
        window: 1,
        checkpoint: None,
        params: Default::default(),
    };
    let y = g.push(f, Op::Model { model: ModelId::new(0) });
    let plan = over(crate::world::plan(vec![source("bars", "1m", Gap::Null)], &g, vec![model], &[y], 0.5), 3);
    let engine = Engine::new(&plan, &all_columns(&plan)).expect("the test's plan");
    let calls = std::sync::Arc::default();
    let mut models: Vec<Box<dyn Predict>> = vec![Box::new(Counting(std::sync::Arc::clone(&calls)))];
    let mut lanes: Vec<Live> = (0..3).map(|s| Live::new(&engine, s)).collect();
    let mut together = Together::new(&engine);
    let bars: Vec<_> = (0..3).map(|s| vec![(f, Bar::ohlcv(Ts(0), 1.0, 1.0, 1.0, f64::from(s), 1.0))]).collect();
    let mut rows: Vec<Rows<'_>> = (0..3).map(|_| Rows { plan: &plan, table: Table::new() }).collect();
    let parts = lanes.iter_mut().zip(&bars).zip(&mut rows);
    let mut turns: Vec<Turn<'_>> = parts.map(|((live, bars), rows)| Turn::new(live, bars, rows)).collect();
    together.step(Ts(60_000), &mut turns, &mut models).expect("in order");
    assert_eq!(*calls.lock().expect("one thread"), [3]);
    let failed: Vec<u64> = turns.iter().map(|t| t.outcome.predict.count).collect();
    assert_eq!(failed, [0, 0, 1]);
    let cells: Vec<f64> = rows.iter().map(|r| cells(&r.table)[0].1[0]).collect();
    assert_eq!(bits(&cells), bits(&[0.0, 1.0, NULL]));
}
