//! The drivers against the reference, over random plans and histories.

use crate::world::*;
use sigc_engine::reference::Ask;
use sigc_engine::{Engine, PanelOptions};

const SHAPE: Shape = Shape { nodes: 18, finite: false, strict: false, models: true, cross: false };

#[test]
fn live_is_the_reference_bit_for_bit() {
    for seed in 0..400 {
        let mut dice = Dice::new(seed);
        let plan = random_plan(&mut dice, SHAPE);
        let history = random_history(&mut dice, &plan, 300, if seed % 2 == 0 { ROUGH } else { CALM });
        let outputs = all_columns(&plan);
        let want = run_reference(&plan, &outputs, 3, &history, Ask::Warm);
        let got = run_live(&plan, &outputs, 3, &history);
        assert_same(&got, &want, &format!("live, seed {seed}"), &plan);
    }
}

/// The property above would hold for tables of nulls as well.
#[test]
fn the_random_plans_are_worth_running() {
    let (mut cells, mut there, mut rows, mut warm) = (0, 0, 0, 0);
    for seed in 0..100 {
        let mut dice = Dice::new(seed);
        let plan = random_plan(&mut dice, SHAPE);
        let history = random_history(&mut dice, &plan, 300, if seed % 2 == 0 { ROUGH } else { CALM });
        for (cells_of_row, is_warm) in run_live(&plan, &all_columns(&plan), 3, &history).values() {
            cells += cells_of_row.len();
            there += cells_of_row.iter().filter(|b| !f64::from_bits(**b).is_nan()).count();
            rows += is_warm.len();
            warm += is_warm.iter().filter(|w| **w).count();
        }
    }
    assert!(there * 4 > cells && warm * 4 > rows, "{there} of {cells} cells, {warm} of {rows} cells warm");
}

#[test]
fn panel_is_the_reference_bit_for_bit() {
    for seed in 0..120 {
        let mut dice = Dice::new(1_000 + seed);
        let plan = random_plan(&mut dice, SHAPE);
        let outputs = all_columns(&plan);
        // More symbols than lanes, each with its own start and end.
        let histories: Vec<(usize, History)> = (0..1 + dice.below(19))
            .map(|s| (s + 5, random_history(&mut dice, &plan, 200 + 30 * (s as i64 % 5), ROUGH)))
            .collect();
        let only_warm_models = dice.chance(0.5);
        let options = PanelOptions { threads: 1 + dice.below(3), only_warm_models };
        let ask = if only_warm_models { Ask::Warm } else { Ask::All };
        let got = run_panels(&plan, &outputs, &histories, options);
        for ((symbol, history), got) in histories.iter().zip(&got) {
            let want = run_reference(&plan, &outputs, *symbol, history, ask);
            assert_same(got, &want, &format!("panel, seed {seed}, symbol {symbol}"), &plan);
        }
    }
}

/// Where the CPU has nothing beyond the baseline both are the same code, and this holds trivially.
#[test]
fn the_baseline_gives_the_bits_of_this_cpu() {
    for seed in 0..100 {
        let mut dice = Dice::new(2_000 + seed);
        let plan = random_plan(&mut dice, SHAPE);
        let outputs = all_columns(&plan);
        let histories: Vec<(usize, History)> =
            (0..9).map(|s| (s, random_history(&mut dice, &plan, 250, if s % 2 == 0 { ROUGH } else { CALM }))).collect();
        let [wide, narrow] = [Engine::new, Engine::baseline].map(|new| new(&plan, &outputs).expect("the test's plan"));
        let [got, want] = [&wide, &narrow].map(|engine| run_panels_on(engine, &histories, PanelOptions::default()));
        for (s, (got, want)) in got.iter().zip(&want).enumerate() {
            assert_same(got, want, &format!("panel, seed {seed}, symbol {s}"), &plan);
        }
        let [got, want] = [&wide, &narrow].map(|engine| run_live_on(engine, 0, &histories[0].1));
        assert_same(&got, &want, &format!("live, seed {seed}"), &plan);
    }
}
