//! `features.diff`: change over some rows, `x - x[n]`.
//!
//! Source: TA-Lib MOM.

use super::common::{COLUMN, ROWS_BACK, VALUE, rows_back};
use sigc_catalog::{Example, Feature, Info};

pub(super) static DIFF: Feature = Feature {
    info: Info {
        name: "features.diff",
        capability: "middlefreq",
        summary: "change over some rows",
        doc: "\
`x - x[n]` with n = `window`, in the column's unit.

**Nulls.** Null where either row is null. The change across a missing bar is unknown, not one bar's change.

**First value** at row `window`. The same as TA-Lib MOM.",
        params: &[&ROWS_BACK],
    },
    roles: COLUMN,
    outputs: VALUE,
    build: |g, inputs, args| vec![g.delta(inputs.column(), args.get(&ROWS_BACK))],
    lookback: rows_back,
    check: Feature::no_check,
    examples: &[
        Example {
            title: "up two, down one",
            args: &[],
            input: &[("column", cells![10.0, 12.0, 11.0])],
            output: &[("value", cells![null, 2.0, -1.0])],
        },
        Example {
            title: "the change across a missing bar is unknown",
            args: &[],
            input: &[("column", cells![10.0, null, 12.0, 13.0])],
            output: &[("value", cells![null, null, null, 1.0])],
        },
    ],
};
