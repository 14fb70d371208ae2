//! The drivers against the reference, over random plans and histories.

use crate::world::*;
use sigc_engine::reference::Ask;

const SHAPE: Shape = Shape { nodes: 18, finite: false, strict: false, models: true };

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
