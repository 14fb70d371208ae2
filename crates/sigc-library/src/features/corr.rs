//! `features.corr`: Pearson correlation of two columns over the window.
//!
//! ```text
//! corr = sum (x - mean x)(y - mean y) / sqrt(sum (x - mean x)^2 sum (y - mean y)^2)
//! ```

use super::common::{VALUE, WINDOW_FROM_2, X_Y, rows_before};
use sigc_catalog::{Example, Feature, Info};
use sigc_plan::PairFn;

pub(super) static CORR: Feature = Feature {
    info: Info {
        name: "features.corr",
        capability: "middlefreq",
        summary: "Pearson correlation of two columns over the window, -1 to 1",
        doc: "\
Pearson's correlation of `x` and `y` over the last `window` rows. It changes sign with either column; the order of \
the two does not matter.

**Nulls.** Null where any row of the window is null in either column, and where all values of either are equal.

**First value** at row `window` - 1.",
        params: &[&WINDOW_FROM_2],
    },
    roles: X_Y,
    outputs: VALUE,
    build: |g, inputs, args| vec![g.pair(PairFn::Corr, inputs.get("x"), inputs.get("y"), args.get(&WINDOW_FROM_2))],
    lookback: rows_before,
    check: Feature::no_check,
    examples: &[Example {
        title: "on a line, less so, then flat",
        args: &[("window", "3")],
        // The second window has deviations -1, 0, 1 and -1, 1, 0.
        input: &[("x", cells![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), ("y", cells![2.0, 4.0, 6.0, 5.0, 5.0, 5.0])],
        output: &[("value", cells![null, null, 1.0, 0.5, -0.866_025_403_784_438_6, null])],
    }],
};
