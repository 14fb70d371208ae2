//! `features.std`: standard deviation over the window, the square root of [`super::var`].

use super::common::{
    COLUMN, DDOF, MIN_COUNT, VALUE, WINDOW_FROM_2, check_ddof_and_min_count, over_counted_window, rows_before,
};
use sigc_catalog::{Example, Feature, Info};
use sigc_plan::{Row1, WindowFn};

pub(super) static STD: Feature = Feature {
    info: Info {
        name: "features.std",
        capability: "middlefreq",
        summary: "standard deviation over the window",
        doc: "\
`sqrt(sum (x - mean)² / (n - ddof))` over the last n = `window` rows, in the column's unit. Exactly 0 where all \
values of the window are equal.

**Nulls.** Null where any row of the window is null. With `min_count: k` the non-null rows suffice if there are at \
least k of them, and more than `ddof`.

**First value** at row `window` - 1. `ddof: 1` is pandas' `std`, `ddof: 0` TA-Lib STDDEV.",
        params: &[&WINDOW_FROM_2, &DDOF, &MIN_COUNT],
    },
    roles: COLUMN,
    outputs: VALUE,
    build: |g, inputs, args| {
        let var = over_counted_window(g, inputs, args, WindowFn::Var { ddof: args.get(&DDOF) });
        vec![g.row1(Row1::Sqrt, var)]
    },
    lookback: rows_before,
    check: check_ddof_and_min_count,
    examples: &[
        Example {
            title: "one apart, then a flat window",
            args: &[("window", "3")],
            input: &[("column", cells![1.0, 2.0, 3.0, 3.0, 3.0])],
            // The second window is 2, 3, 3: mean 8/3, squares 4/9 + 1/9 + 1/9 = 2/3, over 2.
            output: &[("value", cells![null, null, 1.0, 0.577_350_269_189_625_8, 0.0])],
        },
        Example {
            title: "the deviation of the window itself",
            args: &[("window", "8"), ("ddof", "0")],
            input: &[("column", cells![2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0])],
            output: &[("value", cells![null, null, null, null, null, null, null, 2.0])],
        },
        Example {
            title: "three of four rows suffice",
            args: &[("window", "4"), ("min_count", "3")],
            input: &[("column", cells![1.0, 2.0, null, 3.0, null])],
            output: &[("value", cells![null, null, null, 1.0, null])],
        },
    ],
};
