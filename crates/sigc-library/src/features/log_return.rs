//! `features.log_return`: logarithm of the change, `ln(x / x[n])`.

use super::common::{COLUMN, ROWS_BACK, VALUE, ratio, rows_back};
use sigc_catalog::{Example, Feature, Info};
use sigc_plan::Row1;
use std::f64::consts::LN_2;

pub(super) static LOG_RETURN: Feature = Feature {
    info: Info {
        name: "features.log_return",
        capability: "middlefreq",
        summary: "logarithm of the change over some rows",
        doc: "\
`ln(x / x[n])` with n = `window`, natural logarithm. Log returns of consecutive rows add up.

**Nulls.** Null where either row is null and where the ratio is not above 0.

**First value** at row `window`.",
        params: &[&ROWS_BACK],
    },
    roles: COLUMN,
    outputs: VALUE,
    build: |g, inputs, args| {
        let ratio = ratio(g, inputs.column(), args.get(&ROWS_BACK));
        vec![g.row1(Row1::Ln, ratio)]
    },
    lookback: rows_back,
    check: Feature::no_check,
    examples: &[
        Example {
            title: "doubled, then halved",
            args: &[],
            input: &[("column", cells![1.0, 2.0, 1.0])],
            output: &[("value", cells![null, LN_2, -LN_2])],
        },
        Example {
            title: "null unless the ratio is above zero",
            args: &[("window", "1")],
            input: &[("column", cells![1.0, 0.0, 3.0, -3.0, -6.0])],
            output: &[("value", cells![null, null, null, null, LN_2])],
        },
    ],
};
