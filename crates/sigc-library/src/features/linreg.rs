//! `features.linreg`: least-squares line through the window.
//!
//! The rows of the window are 0, the oldest, to n - 1, the newest:
//!
//! ```text
//! slope = sum (k - mean k)(x - mean x) / sum (k - mean k)^2      0 where the window is flat
//! intercept = mean x - slope (n - 1) / 2     value = mean x + slope (n - 1) / 2     resid = x - value
//! ```
//!
//! Source: TA-Lib LINEARREG, LINEARREG_SLOPE, LINEARREG_INTERCEPT.

use super::common::{COLUMN, WINDOW_FROM_2, over_window};
use sigc_catalog::{Args, Example, Feature, Info, Inputs, Output};
use sigc_plan::{Ops, ValueId, WindowFn};

pub(super) static LINREG: Feature = Feature {
    info: Info {
        name: "features.linreg",
        capability: "middlefreq",
        summary: "least-squares line through the window",
        doc: "\
The line of least squares through the last n = `window` rows, numbered 0 for the oldest to n - 1 for the newest.

| output | value | unit |
| --- | --- | --- |
| `slope` | by how much the line rises per row; 0 where the window is flat | the column's per row |
| `intercept` | the line at the oldest row | the column's |
| `value` | the line at the newest row | the column's |
| `r2` | share of the variance that the line explains, 0 to 1 | none |
| `resid` | the newest value less the line there | the column's |

**Nulls.** Null where any row of the window is null; `r2` also where all values of the window are equal.

**First value** at row `window` - 1. The same as TA-Lib LINEARREG and its relatives.",
        params: &[&WINDOW_FROM_2],
    },
    roles: COLUMN,
    outputs: &[
        Output::number("slope"),
        Output::number("intercept"),
        Output::number("value"),
        Output::number("r2"),
        Output::number("resid"),
    ],
    build,
    lookback: |args| vec![args.get(&WINDOW_FROM_2) - 1; 5],
    check: Feature::no_check,
    examples: &[
        Example {
            title: "on the line, then above it",
            args: &[("window", "3")],
            // The second window 2, 3, 7 has mean 4 and deviations -2, -1, 3: slope (2 + 3) / 2.
            input: &[("column", cells![1.0, 2.0, 3.0, 7.0])],
            output: &[
                ("slope", cells![null, null, 1.0, 2.5]),
                ("intercept", cells![null, null, 1.0, 1.5]),
                ("value", cells![null, null, 3.0, 6.5]),
                ("r2", cells![null, null, 1.0, 25.0 / 28.0]),
                ("resid", cells![null, null, 0.0, 0.5]),
            ],
        },
        Example {
            title: "flat",
            args: &[("window", "2")],
            input: &[("column", cells![3.0, 3.0, null])],
            output: &[
                ("slope", cells![null, 0.0, null]),
                ("intercept", cells![null, 3.0, null]),
                ("value", cells![null, 3.0, null]),
                ("r2", cells![null, null, null]),
                ("resid", cells![null, 0.0, null]),
            ],
        },
    ],
};

fn build(g: &mut Ops<'_>, inputs: &Inputs, args: &Args) -> Vec<ValueId> {
    let mean = over_window(g, inputs, args, WindowFn::Mean);
    let slope = over_window(g, inputs, args, WindowFn::Slope);
    let r2 = over_window(g, inputs, args, WindowFn::RSquare);
    // The line passes through the mean in the middle of the window.
    let half = f64::from(args.get(&WINDOW_FROM_2) - 1) / 2.0;
    let rise = g.scale(half, slope);
    let intercept = g.sub(mean, rise);
    let value = g.add(mean, rise);
    let resid = g.sub(inputs.column(), value);
    vec![slope, intercept, value, r2, resid]
}
