//! `features.median`: the middle value of the window, its quantile at 0.5.

use super::common::{COLUMN, VALUE, WINDOW, over_window, rows_before};
use sigc_catalog::{Example, Feature, Info};
use sigc_plan::{F64, WindowFn};

pub(super) static MEDIAN: Feature = Feature {
    info: Info {
        name: "features.median",
        capability: "middlefreq",
        summary: "median of the window",
        doc: "\
The middle of the last `window` values in order of size, in the column's unit; with an even `window` the mean of the \
two in the middle.

**Nulls.** Null where any row of the window is null.

**First value** at row `window` - 1. The same as pandas `rolling.median`.",
        params: &[&WINDOW],
    },
    roles: COLUMN,
    outputs: VALUE,
    build: |g, inputs, args| vec![over_window(g, inputs, args, WindowFn::Quantile { q: F64(0.5) })],
    lookback: rows_before,
    check: Feature::no_check,
    examples: &[
        Example {
            title: "odd",
            args: &[("window", "3")],
            input: &[("column", cells![5.0, 1.0, 3.0, 10.0, null])],
            output: &[("value", cells![null, null, 3.0, 3.0, null])],
        },
        Example {
            title: "even",
            args: &[("window", "4")],
            input: &[("column", cells![4.0, 1.0, 2.0, 3.0])],
            output: &[("value", cells![null, null, null, 2.5])],
        },
    ],
};
