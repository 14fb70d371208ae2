//! `features.sum`: sum over the window.

use super::common::{COLUMN, MIN_COUNT, VALUE, WINDOW, check_min_count, over_counted_window, rows_before};
use sigc_catalog::{Example, Feature, Info};
use sigc_plan::WindowFn;

pub(super) static SUM: Feature = Feature {
    info: Info {
        name: "features.sum",
        capability: "middlefreq",
        summary: "sum over the window",
        doc: "\
Sum of the last `window` rows, in the column's unit.

**Nulls.** Null where any row of the window is null. With `min_count: k` the non-null rows suffice if there are at \
least k of them (pandas `min_periods`); rows before the history began are unknown, so it does not make the first \
value come earlier.

**First value** at row `window` - 1. The same as TA-Lib SUM.",
        params: &[&WINDOW, &MIN_COUNT],
    },
    roles: COLUMN,
    outputs: VALUE,
    build: |g, inputs, args| vec![over_counted_window(g, inputs, args, WindowFn::Sum)],
    lookback: rows_before,
    check: check_min_count,
    examples: &[
        Example {
            title: "three rows",
            args: &[("window", "3")],
            input: &[("column", cells![1.0, 2.0, 3.0, 4.0])],
            output: &[("value", cells![null, null, 6.0, 9.0])],
        },
        Example {
            title: "two of three rows suffice",
            args: &[("window", "3"), ("min_count", "2")],
            input: &[("column", cells![1.0, null, 3.0, 4.0, null, null])],
            output: &[("value", cells![null, null, 4.0, 7.0, 7.0, null])],
        },
    ],
};
