//! `features.rma`: Wilder's moving average.
//!
//! ```text
//! rma = rma[1] + 1 / n (x - rma[1])
//! ```
//!
//! Source: J. W. Wilder, *New Concepts in Technical Trading Systems*, 1978.

use super::common::{COLUMN, SEED, VALUE, WINDOW, rows_before_smoothed, smooth};
use sigc_catalog::{Example, Feature, Info};

pub(super) static RMA: Feature = Feature {
    info: Info {
        name: "features.rma",
        capability: "middlefreq",
        summary: "Wilder's moving average",
        doc: "\
`rma = rma[1] + (x - rma[1]) / n` with n = `window`, in the column's unit. It starts at the mean of the first n \
values, with `seed: first` at the first value.

**Nulls.** A null row gives null and is passed over: on the other rows the average is what it is on those rows alone.

**First value** at row `window` - 1, with `seed: first` at row 0. From `ln tolerance / ln (1 - 1 / n)` rows later on \
it is within `warmup.tolerance` of what any longer history gives: about 21 n rows at 1e-9.

Source: J. W. Wilder, *New Concepts in Technical Trading Systems*, 1978; elsewhere called SMMA.",
        params: &[&WINDOW, &SEED],
    },
    roles: COLUMN,
    outputs: VALUE,
    build: |g, inputs, args| {
        let alpha = 1.0 / f64::from(args.get(&WINDOW));
        vec![smooth(g, inputs.column(), alpha, args)]
    },
    lookback: rows_before_smoothed,
    check: Feature::no_check,
    examples: &[
        Example {
            title: "a mean first, then a quarter of each change; a null row is passed over",
            args: &[("window", "4")],
            input: &[("column", cells![1.0, 2.0, 3.0, 6.0, null, 7.0])],
            output: &[("value", cells![null, null, null, 3.0, null, 4.0])],
        },
        Example {
            title: "from the first value on",
            args: &[("window", "4"), ("seed", "first")],
            input: &[("column", cells![2.0, 6.0, 3.0])],
            output: &[("value", cells![2.0, 3.0, 3.0])],
        },
    ],
};
