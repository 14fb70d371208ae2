//! `features.rocr100`: ratio to an earlier value in per cent, `100 x / x[n]`.
//!
//! Source: TA-Lib ROCR100.

use super::common::{COLUMN, ROWS_BACK, VALUE, ratio, rows_back};
use sigc_catalog::{Example, Feature, Info};

pub(super) static ROCR100: Feature = Feature {
    info: Info {
        name: "features.rocr100",
        capability: "middlefreq",
        summary: "ratio to an earlier value in per cent",
        doc: "\
`100 x / x[n]` with n = `window`. In per cent: 100 is no change.

**Nulls.** Null where either row is null or `x[n]` is 0.

**First value** at row `window`. The same as TA-Lib ROCR100.",
        params: &[&ROWS_BACK],
    },
    roles: COLUMN,
    outputs: VALUE,
    build: |g, inputs, args| {
        let share = ratio(g, inputs.column(), args.get(&ROWS_BACK));
        vec![g.scale(100.0, share)]
    },
    lookback: rows_back,
    check: Feature::no_check,
    examples: &[
        Example {
            title: "up a tenth, down a tenth",
            args: &[],
            input: &[("column", cells![100.0, 110.0, 99.0])],
            output: &[("value", cells![null, 110.0, 90.0])],
        },
        Example {
            title: "null after a zero and around a missing bar",
            args: &[("window", "1")],
            input: &[("column", cells![0.0, 1.0, null, 2.0])],
            output: &[("value", cells![null, null, null, null])],
        },
    ],
};
