//! `features.midprice`: middle of the range of the window, `(max high + min low) / 2`.
//!
//! Source: TA-Lib MIDPRICE.

use super::common::{HIGH_LOW, VALUE, WINDOW, extremes, middle, rows_before};
use sigc_catalog::{Example, Feature, Info};

pub(super) static MIDPRICE: Feature = Feature {
    info: Info {
        name: "features.midprice",
        capability: "middlefreq",
        summary: "middle between the greatest high and the least low of the window",
        doc: "\
`(max high + min low) / 2` over the last `window` rows, in the price's unit.

**Nulls.** Null where any row of the window is null in either column.

**First value** at row `window` - 1. The same as TA-Lib MIDPRICE.",
        params: &[&WINDOW],
    },
    roles: HIGH_LOW,
    outputs: VALUE,
    build: |g, inputs, args| {
        let (top, bottom) = extremes(g, inputs, args.get(&WINDOW));
        vec![middle(g, top, bottom)]
    },
    lookback: rows_before,
    check: Feature::no_check,
    examples: &[Example {
        title: "two rows",
        args: &[("window", "2")],
        input: &[("high", cells![3.0, 5.0, 4.0, null]), ("low", cells![1.0, 2.0, 0.0, 1.0])],
        output: &[("value", cells![null, 3.0, 2.5, null])],
    }],
};
