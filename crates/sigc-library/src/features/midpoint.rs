//! `features.midpoint`: middle between the extremes of one column, `(max + min) / 2`.
//!
//! Source: TA-Lib MIDPOINT.

use super::common::{COLUMN, VALUE, WINDOW, middle, over_window, rows_before};
use sigc_catalog::{Example, Feature, Info};
use sigc_plan::WindowFn;

pub(super) static MIDPOINT: Feature = Feature {
    info: Info {
        name: "features.midpoint",
        capability: "middlefreq",
        summary: "middle between the greatest and the least value of the window",
        doc: "\
`(max + min) / 2` over the last `window` rows, in the column's unit.

**Nulls.** Null where any row of the window is null.

**First value** at row `window` - 1. The same as TA-Lib MIDPOINT.",
        params: &[&WINDOW],
    },
    roles: COLUMN,
    outputs: VALUE,
    build: |g, inputs, args| {
        let top = over_window(g, inputs, args, WindowFn::Max);
        let bottom = over_window(g, inputs, args, WindowFn::Min);
        vec![middle(g, top, bottom)]
    },
    lookback: rows_before,
    check: Feature::no_check,
    examples: &[Example {
        title: "two rows",
        args: &[("window", "2")],
        input: &[("column", cells![1.0, 5.0, 3.0, null])],
        output: &[("value", cells![null, 3.0, 4.0, null])],
    }],
};
