//! `features.rocp`: rate of change as a share, `x / x[n] - 1`.
//!
//! Source: TA-Lib ROCP.

use super::common::{COLUMN, ROWS_BACK, VALUE, rows_back};
use sigc_catalog::{Example, Feature, Info};

pub(super) static ROCP: Feature = Feature {
    info: Info {
        name: "features.rocp",
        capability: "middlefreq",
        summary: "rate of change as a share",
        doc: "\
`x / x[n] - 1` with n = `window`. A share: 0.01 is one per cent.

**Nulls.** Null where either row is null or `x[n]` is 0.

**First value** at row `window`. The same as TA-Lib ROCP.",
        params: &[&ROWS_BACK],
    },
    roles: COLUMN,
    outputs: VALUE,
    build: |g, inputs, args| vec![g.rocp(inputs.column(), args.get(&ROWS_BACK))],
    lookback: rows_back,
    check: Feature::no_check,
    examples: &[
        Example {
            title: "up a tenth, down a tenth",
            args: &[],
            input: &[("column", cells![100.0, 110.0, 99.0])],
            output: &[("value", cells![null, 0.1, -0.1])],
        },
        Example {
            title: "null after a zero and around a missing bar",
            args: &[("window", "1")],
            input: &[("column", cells![0.0, 1.0, null, 2.0])],
            output: &[("value", cells![null, null, null, null])],
        },
    ],
};
