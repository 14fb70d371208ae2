//! `features.quantile`: quantile of the window.
//!
//! ```text
//! h = q (n - 1);   s[floor h] + (h - floor h) (s[floor h + 1] - s[floor h])      s = the window sorted
//! ```
//!
//! Source: pandas `rolling.quantile`, linear interpolation.

use super::common::{COLUMN, VALUE, WINDOW, over_window, rows_before};
use sigc_catalog::{Example, Feature, Info, Param};
use sigc_plan::{F64, WindowFn};

const Q: Param<f64> = Param::number("q", "which quantile: 0 is the least value, 1 the greatest").range(0.0, 1.0);

pub(super) static QUANTILE: Feature = Feature {
    info: Info {
        name: "features.quantile",
        capability: "middlefreq",
        summary: "quantile of the window",
        doc: "\
The value below which a share `q` of the last n = `window` rows lies, in the column's unit: linear interpolation \
between the sorted values at position `q (n - 1)`.

**Nulls.** Null where any row of the window is null.

**First value** at row `window` - 1. The same as pandas `rolling.quantile`.",
        params: &[&WINDOW, &Q],
    },
    roles: COLUMN,
    outputs: VALUE,
    build: |g, inputs, args| vec![over_window(g, inputs, args, WindowFn::Quantile { q: F64(args.get(&Q)) })],
    lookback: rows_before,
    check: Feature::no_check,
    examples: &[Example {
        title: "between the first and the second of four",
        args: &[("window", "4"), ("q", "0.25")],
        input: &[("column", cells![4.0, 2.0, 3.0, 1.0, 8.0, null])],
        output: &[("value", cells![null, null, null, 1.75, 1.75, null])],
    }],
};
