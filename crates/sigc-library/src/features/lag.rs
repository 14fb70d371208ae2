//! `features.lag`: the value some rows ago, `x[n]`.

use super::common::{COLUMN, ROWS_BACK, VALUE, rows_back};
use sigc_catalog::{Example, Feature, Info};

pub(super) static LAG: Feature = Feature {
    info: Info {
        name: "features.lag",
        capability: "middlefreq",
        summary: "the value some rows ago",
        doc: "\
`x[n]`: the column `window` rows back, in the column's unit.

**Nulls.** Null where that row is null. A missing bar counts as a row.

**First value** at row `window`. The same as pandas `shift`.",
        params: &[&ROWS_BACK],
    },
    roles: COLUMN,
    outputs: VALUE,
    build: |g, inputs, args| vec![g.lag(inputs.column(), args.get(&ROWS_BACK))],
    lookback: rows_back,
    check: Feature::no_check,
    examples: &[
        Example {
            title: "two rows back",
            args: &[("window", "2")],
            input: &[("column", cells![1.0, 2.0, 4.0, 8.0])],
            output: &[("value", cells![null, null, 1.0, 2.0])],
        },
        Example {
            title: "a missing bar is a row too",
            args: &[],
            input: &[("column", cells![1.0, null, 3.0, 4.0])],
            output: &[("value", cells![null, 1.0, null, 3.0])],
        },
    ],
};
