//! `features.rocr`: ratio to an earlier value, `x / x[n]`.
//!
//! Source: TA-Lib ROCR.

use super::common::{COLUMN, ROWS_BACK, VALUE, ratio, rows_back};
use sigc_catalog::{Example, Feature, Info};

pub(super) static ROCR: Feature = Feature {
    info: Info {
        name: "features.rocr",
        capability: "middlefreq",
        summary: "ratio to an earlier value",
        doc: "\
`x / x[n]` with n = `window`. A ratio: 1 is no change.

**Nulls.** Null where either row is null or `x[n]` is 0.

**First value** at row `window`. The same as TA-Lib ROCR.",
        params: &[&ROWS_BACK],
    },
    roles: COLUMN,
    outputs: VALUE,
    build: |g, inputs, args| vec![ratio(g, inputs.column(), args.get(&ROWS_BACK))],
    lookback: rows_back,
    check: Feature::no_check,
    examples: &[
        Example {
            title: "up a tenth, down a tenth",
            args: &[],
            input: &[("column", cells![100.0, 110.0, 99.0])],
            output: &[("value", cells![null, 1.1, 0.9])],
        },
        Example {
            title: "null after a zero and around a missing bar",
            args: &[("window", "1")],
            input: &[("column", cells![0.0, 1.0, null, 2.0])],
            output: &[("value", cells![null, null, null, null])],
        },
    ],
};
