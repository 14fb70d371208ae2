//! `features.var`: variance over the window.
//!
//! ```text
//! var = sum (x - mean)^2 / (n - ddof)      0 where the window is flat
//! ```

use super::common::{
    COLUMN, DDOF, MIN_COUNT, VALUE, WINDOW_FROM_2, check_ddof_and_min_count, over_counted_window, rows_before,
};
use sigc_catalog::{Example, Feature, Info};
use sigc_plan::WindowFn;

pub(super) static VAR: Feature = Feature {
    info: Info {
        name: "features.var",
        capability: "middlefreq",
        summary: "variance over the window",
        doc: "\
`sum (x - mean)² / (n - ddof)` over the last n = `window` rows, in the square of the column's unit. Exactly 0 where \
all values of the window are equal.

**Nulls.** Null where any row of the window is null. With `min_count: k` the non-null rows suffice if there are at \
least k of them, and more than `ddof`.

**First value** at row `window` - 1. `ddof: 1` is pandas' `var`, `ddof: 0` TA-Lib VAR.",
        params: &[&WINDOW_FROM_2, &DDOF, &MIN_COUNT],
    },
    roles: COLUMN,
    outputs: VALUE,
    build: |g, inputs, args| vec![over_counted_window(g, inputs, args, WindowFn::Var { ddof: args.get(&DDOF) })],
    lookback: rows_before,
    check: check_ddof_and_min_count,
    examples: &[
        Example {
            title: "one apart, then a flat window",
            args: &[("window", "3")],
            input: &[("column", cells![1.0, 2.0, 3.0, 3.0, 3.0])],
            output: &[("value", cells![null, null, 1.0, 1.0 / 3.0, 0.0])],
        },
        Example {
            title: "the variance of the window itself",
            args: &[("window", "3"), ("ddof", "0")],
            input: &[("column", cells![1.0, 2.0, 3.0, null])],
            output: &[("value", cells![null, null, 2.0 / 3.0, null])],
        },
        Example {
            title: "two of three rows suffice",
            args: &[("window", "3"), ("min_count", "2")],
            input: &[("column", cells![1.0, null, 3.0, null])],
            output: &[("value", cells![null, null, 2.0, null])],
        },
    ],
};
