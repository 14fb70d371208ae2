//! `features.ema`: exponential moving average.
//!
//! ```text
//! ema = ema[1] + 2 / (n + 1) (x - ema[1])
//! ```
//!
//! Source: TA-Lib EMA; `seed: first` is pandas `ewm(span=n, adjust=False)`.

use super::common::{COLUMN, SEED, VALUE, WINDOW, rows_before_smoothed, smooth};
use sigc_catalog::{Example, Feature, Info};

pub(super) static EMA: Feature = Feature {
    info: Info {
        name: "features.ema",
        capability: "middlefreq",
        summary: "exponential moving average",
        doc: "\
`ema = ema[1] + a (x - ema[1])` with `a = 2 / (n + 1)` and n = `window`, in the column's unit. It starts at the mean \
of the first n values, with `seed: first` at the first value.

**Nulls.** A null row gives null and is passed over: on the other rows the average is what it is on those rows alone.

**First value** at row `window` - 1, with `seed: first` at row 0. From `ln tolerance / ln (1 - a)` rows later on it is \
within `warmup.tolerance` of what any longer history gives: about 10 (n + 1) rows at 1e-9.

Source: TA-Lib EMA; `seed: first` is pandas `ewm(span=n, adjust=False)`.",
        params: &[&WINDOW, &SEED],
    },
    roles: COLUMN,
    outputs: VALUE,
    build: |g, inputs, args| {
        let alpha = 2.0 / (f64::from(args.get(&WINDOW)) + 1.0);
        vec![smooth(g, inputs.column(), alpha, args)]
    },
    lookback: rows_before_smoothed,
    check: Feature::no_check,
    examples: &[
        Example {
            title: "a mean first, then half of each change; a null row is passed over",
            args: &[("window", "3")],
            input: &[("column", cells![1.0, 2.0, 3.0, null, 5.0])],
            output: &[("value", cells![null, null, 2.0, null, 3.5])],
        },
        Example {
            title: "from the first value on",
            args: &[("window", "3"), ("seed", "first")],
            input: &[("column", cells![2.0, 4.0, 4.0])],
            output: &[("value", cells![2.0, 3.0, 3.5])],
        },
    ],
};
