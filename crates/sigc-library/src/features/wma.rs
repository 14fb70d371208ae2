//! `features.wma`: moving average with weights that rise with time.
//!
//! ```text
//! wma = (n x + (n-1) x[1] + ... + 1 x[n-1]) / (n (n+1) / 2)
//! ```
//!
//! Source: TA-Lib WMA.

use super::common::{COLUMN, VALUE, WINDOW, over_window, rows_before};
use sigc_catalog::{Example, Feature, Info};
use sigc_plan::WindowFn;

pub(super) static WMA: Feature = Feature {
    info: Info {
        name: "features.wma",
        capability: "middlefreq",
        summary: "moving average with linearly rising weights",
        doc: "\
Mean of the last n = `window` rows with weight n for the newest down to 1 for the oldest, in the column's unit.

**Nulls.** Null where any row of the window is null.

**First value** at row `window` - 1. The same as TA-Lib WMA; formulas call it `decay_linear`.",
        params: &[&WINDOW],
    },
    roles: COLUMN,
    outputs: VALUE,
    build: |g, inputs, args| vec![over_window(g, inputs, args, WindowFn::LinearMean)],
    lookback: rows_before,
    check: Feature::no_check,
    examples: &[Example {
        title: "weights one, two, three",
        args: &[("window", "3")],
        input: &[("column", cells![1.0, 2.0, 3.0, 6.0, null])],
        output: &[("value", cells![null, null, 14.0 / 6.0, 26.0 / 6.0, null])],
    }],
};
