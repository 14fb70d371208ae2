//! `strategies.sign`: the side of a prediction, with a dead band.
//!
//! ```text
//! 1 where x > dead_band        -1 where x < -dead_band        else 0
//! ```

use sigc_catalog::{Args, Example, Feature, Info, Inputs, Output, Param, Role};
use sigc_plan::{Ops, Row2, ValueId};

const DEAD_BAND: Param<f64> =
    Param::number("dead_band", "a prediction that is no farther from 0 than this is no position")
        .range(0.0, f64::INFINITY)
        .default(0.0);

pub(super) static SIGN: Feature = Feature {
    info: Info {
        name: "strategies.sign",
        capability: "middlefreq",
        summary: "long, short or flat by the sign of a prediction",
        doc: "\
1 where the prediction is greater than `dead_band`, -1 where it is less than `-dead_band`, else 0.

**Nulls.** Null where the prediction is.

**First value** in the prediction's first row.",
        params: &[&DEAD_BAND],
    },
    roles: &[Role::COLUMN],
    outputs: &[Output::VALUE],
    build,
    lookback: |_| vec![0],
    check: Feature::no_check,
    // By hand.
    examples: &[
        Example {
            title: "both sides and nothing",
            args: &[],
            input: &[("column", cells![0.2, -0.1, 0.0, null])],
            output: &[("value", cells![1.0, -1.0, 0.0, null])],
        },
        Example {
            title: "the edge of the band is inside",
            args: &[("dead_band", "0.5")],
            input: &[("column", cells![0.5, 0.75, -0.5, -0.75])],
            output: &[("value", cells![0.0, 1.0, 0.0, -1.0])],
        },
    ],
};

fn build(g: &mut Ops<'_>, inputs: &Inputs, args: &Args) -> Vec<ValueId> {
    let band = args.get(&DEAD_BAND);
    let (above, below) = (g.constant(band), g.constant(-band));
    let long = g.row2(Row2::Gt, inputs.column(), above);
    let short = g.row2(Row2::Lt, inputs.column(), below);
    vec![g.sub(long, short)]
}
