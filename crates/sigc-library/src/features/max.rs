//! `features.max`: greatest value of the window.

use super::common::{COLUMN, MIN_COUNT, VALUE, WINDOW, check_min_count, over_counted_window, rows_before};
use sigc_catalog::{Example, Feature, Info};
use sigc_plan::WindowFn;

pub(super) static MAX: Feature = Feature {
    info: Info {
        name: "features.max",
        capability: "middlefreq",
        summary: "greatest value of the window",
        doc: "\
Greatest of the last `window` rows, in the column's unit.

**Nulls.** Null where any row of the window is null. With `min_count: k` the non-null rows suffice if there are at \
least k of them (pandas `min_periods`); rows before the history began are unknown, so it does not make the first \
value come earlier.

**First value** at row `window` - 1. The same as TA-Lib MAX.",
        params: &[&WINDOW, &MIN_COUNT],
    },
    roles: COLUMN,
    outputs: VALUE,
    build: |g, inputs, args| vec![over_counted_window(g, inputs, args, WindowFn::Max)],
    lookback: rows_before,
    check: check_min_count,
    examples: &[
        Example {
            title: "three rows",
            args: &[("window", "3")],
            input: &[("column", cells![3.0, 1.0, 2.0, 4.0, 0.0])],
            output: &[("value", cells![null, null, 3.0, 4.0, 4.0])],
        },
        Example {
            title: "two of three rows suffice",
            args: &[("window", "3"), ("min_count", "2")],
            input: &[("column", cells![3.0, null, 2.0, 1.0])],
            output: &[("value", cells![null, null, 3.0, 2.0])],
        },
    ],
};
