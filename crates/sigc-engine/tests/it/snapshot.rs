//! Snapshots go on with the same bits, and nothing else is taken for one.

use crate::world::*;
use sigc_engine::{Engine, Live, SnapshotError};
use sigc_market::Field;
use sigc_plan::*;

const SHAPE: Shape = Shape { nodes: 18, finite: false, strict: false, models: true, cross: false };

#[test]
fn any_split_and_a_restart_anywhere_give_the_same_bits() {
    for seed in 0..150 {
        let mut dice = Dice::new(5_000 + seed);
        let plan = random_plan(&mut dice, SHAPE);
        let outputs = all_columns(&plan);
        let history = random_history(&mut dice, &plan, 250, ROUGH);
        let steps = instants(&plan, &history);
        let whole = run_live(&plan, &outputs, 3, &history);
        let engine = Engine::new(&plan, &outputs).expect("the test's plan");
        let mut rows = Rows { plan: &plan, table: Table::new() };
        let mut live = Live::new(&engine, 3);
        let mut rest = steps.as_slice();
        while !rest.is_empty() {
            let (now, later) = rest.split_at(1 + dice.below(rest.len()));
            feed(&mut live, &plan, now, || 1 + dice.below(9), &mut rows);
            let bytes = live.snapshot();
            live = Live::restore(&engine, &bytes).expect("an untouched snapshot");
            assert_eq!(live.snapshot(), bytes);
            rest = later;
        }
        assert_same(&rows.table, &whole, &format!("split, seed {seed}"), &plan);
    }
}

#[test]
fn damaged_and_foreign_snapshots_are_refused() {
    let mut dice = Dice::new(9);
    let plan = random_plan(&mut dice, SHAPE);
    let outputs = all_columns(&plan);
    let engine = Engine::new(&plan, &outputs).expect("the test's plan");
    let mut live = Live::new(&engine, 3);
    let steps = instants(&plan, &random_history(&mut dice, &plan, 100, ROUGH));
    feed(&mut live, &plan, &steps, || 1, &mut Nowhere);
    let bytes = live.snapshot();
    assert_eq!(Live::restore(&engine, &bytes).expect("untouched").symbol(), 3);
    for at in (0..bytes.len()).step_by(7).chain(bytes.len() - 40..bytes.len()) {
        let mut broken = bytes.clone();
        broken[at] ^= 1 << dice.below(8);
        assert!(Live::restore(&engine, &broken).is_err(), "byte {at}");
        assert!(Live::restore(&engine, &bytes[..at]).is_err(), "cut at {at}");
    }
    let refused = |engine: &Engine| Live::restore(engine, &bytes).expect_err("a foreign engine");
    let fewer = Engine::new(&plan, &outputs[1..]).expect("the test's plan");
    assert_eq!(refused(&fewer), SnapshotError::OtherPlan);
    let renamed = Engine::new(&Plan { name: "other".into(), ..plan }, &outputs).expect("the test's plan");
    assert_eq!(refused(&renamed), SnapshotError::OtherPlan);
    assert_eq!(Live::restore(&engine, b"sigc").expect_err("no snapshot"), SnapshotError::Form);
}

#[test]
fn plans_that_cannot_run_are_refused() {
    let f = FrameId::new(0);
    let refused = |op: &dyn Fn(ValueId) -> Op| {
        let mut g = Graph::new();
        let x = g.push(f, Op::Input(Field::Close));
        let v = g.push(f, op(x));
        let plan = plan(vec![source("bars", "1m", Gap::Null)], &g, Vec::new(), &[v], 0.5);
        Engine::new(&plan, &all_columns(&plan)).is_err()
    };
    assert!(!refused(&|x| Op::Lag { x, n: 5 }));
    assert!(refused(&|x| Op::Lag { x, n: u32::MAX }), "more rows than memory");
    assert!(refused(&|x| Op::Window { x, n: 4, min_count: 2, f: WindowFn::Rank }));
    assert!(refused(&|x| Op::Window { x, n: 4, min_count: 4, f: WindowFn::Quantile { q: F64(1.5) } }));
    let mut g = Graph::new();
    let x = g.push(f, Op::Input(Field::Close));
    let plan = plan(vec![source("bars", "1m", Gap::Null)], &g, Vec::new(), &[x], 0.5);
    assert!(Engine::new(&plan, &[ColumnId::new(3)]).is_err());
}
