//! `features.cov`: covariance of two columns over the window.
//!
//! ```text
//! cov = sum (x - mean x)(y - mean y) / (n - 1)
//! ```

use super::common::{VALUE, WINDOW_FROM_2, X_Y, rows_before};
use sigc_catalog::{Example, Feature, Info};
use sigc_plan::PairFn;

pub(super) static COV: Feature = Feature {
    info: Info {
        name: "features.cov",
        capability: "middlefreq",
        summary: "covariance of two columns over the window",
        doc: "\
`sum (x - mean x)(y - mean y) / (n - 1)` over the last n = `window` rows, in the product of the columns' units. \
Exactly 0 where all values of either column are equal.

**Nulls.** Null where any row of the window is null in either column.

**First value** at row `window` - 1. The same as pandas `rolling.cov`.",
        params: &[&WINDOW_FROM_2],
    },
    roles: X_Y,
    outputs: VALUE,
    build: |g, inputs, args| vec![g.pair(PairFn::Cov, inputs.get("x"), inputs.get("y"), args.get(&WINDOW_FROM_2))],
    lookback: rows_before,
    check: Feature::no_check,
    examples: &[Example {
        title: "rising together, less so, then flat",
        args: &[("window", "3")],
        input: &[("x", cells![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), ("y", cells![2.0, 4.0, 6.0, 5.0, 5.0, 5.0])],
        output: &[("value", cells![null, null, 2.0, 0.5, -0.5, 0.0])],
    }],
};
