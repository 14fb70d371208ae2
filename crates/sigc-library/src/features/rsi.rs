//! `features.rsi`: relative strength index.
//!
//! With `d = x - x[1]`, `u = max(d, 0)`, `v = max(-d, 0)` and W the Wilder mean:
//!
//! ```text
//! rsi = 100 W(u) / (W(u) + W(v))      `flat` where nothing moved
//! ```
//!
//! Source: J. W. Wilder, *New Concepts in Technical Trading Systems*, 1978; TA-Lib RSI.

use super::common::{COLUMN, VALUE};
use sigc_catalog::{Args, Example, Feature, Info, Inputs, Param};
use sigc_plan::{Ops, Row1, Row2, ValueId};

const WINDOW: Param<u32> = Param::int("window", "changes in the mean").default(14);
const SMOOTHING: Param<String> = Param::choice(
    "smoothing",
    "the mean of gains and losses: Wilder's, the plain mean of the window, or the exponential one",
    &["wilder", "sma", "ema"],
)
.default("wilder");
const FLAT: Param<Option<f64>> = Param::number("flat", "what it is where nothing moved, 0 to 100, or null")
    .range(0.0, 100.0)
    .default(0.0)
    .nullable();

pub(super) static RSI: Feature = Feature {
    info: Info {
        name: "features.rsi",
        capability: "middlefreq",
        summary: "relative strength index, 0 to 100",
        doc: "\
`100 G / (G + L)`: G and L are Wilder's means of the gains `max(x - x[1], 0)` and losses `max(x[1] - x, 0)` over \
n = `window` changes, each seeded by the plain mean of the first n. 100 when all changes were gains, 0 when all were \
losses. Where neither happened it is `flat`: 0 as in TA-Lib, often 50, or null.

`smoothing: sma` takes the plain mean of the last n changes (Cutler's RSI), `ema` the exponential one with weight \
2 / (n + 1).

**Nulls.** Null in a null row and in the row after it, since the change across a gap is unknown; Wilder's and the \
exponential mean pass over both rows. With `smoothing: sma` null where any change of the window is.

**First value** at row `window`. Wilder's means are within `warmup.tolerance` of what any longer history gives about \
21 n rows later at 1e-9, the exponential ones about 10 (n + 1); the plain ones at once.

Source: J. W. Wilder, *New Concepts in Technical Trading Systems*, 1978. The same as TA-Lib RSI.",
        params: &[&WINDOW, &SMOOTHING, &FLAT],
    },
    roles: COLUMN,
    outputs: VALUE,
    build,
    lookback: |args| vec![args.get(&WINDOW)],
    check: Feature::no_check,
    examples: &[
        Example {
            title: "one step up, one down, then two up",
            args: &[("window", "2")],
            // Means 1/2 and 1/2, then 5/4 and 1/4.
            input: &[("column", cells![10.0, 11.0, 10.0, 12.0])],
            output: &[("value", cells![null, null, 50.0, 100.0 * 5.0 / 6.0])],
        },
        Example {
            title: "the plain mean of the last changes",
            args: &[("window", "2"), ("smoothing", "sma")],
            // Gain 2 and loss 1.
            input: &[("column", cells![10.0, 11.0, 10.0, 12.0])],
            output: &[("value", cells![null, null, 50.0, 100.0 * 2.0 / 3.0])],
        },
        Example {
            title: "the exponential mean",
            args: &[("window", "2"), ("smoothing", "ema")],
            // Means 1/2 + 2/3 (2 - 1/2) = 3/2 and 1/2 - 2/3 (1/2) = 1/6.
            input: &[("column", cells![10.0, 11.0, 10.0, 12.0])],
            output: &[("value", cells![null, null, 50.0, 90.0])],
        },
        Example {
            title: "nothing moved",
            args: &[("window", "2")],
            input: &[("column", cells![10.0, 10.0, 10.0])],
            output: &[("value", cells![null, null, 0.0])],
        },
        Example {
            title: "nothing moved, shown as fifty",
            args: &[("window", "2"), ("flat", "50")],
            input: &[("column", cells![10.0, 10.0, 10.0])],
            output: &[("value", cells![null, null, 50.0])],
        },
        Example {
            title: "nothing moved, shown as null",
            args: &[("window", "2"), ("flat", "null")],
            input: &[("column", cells![10.0, 10.0, 10.0, 11.0])],
            output: &[("value", cells![null, null, null, 100.0])],
        },
        Example {
            title: "a missing bar: the change across it is unknown, the means wait",
            args: &[("window", "2")],
            input: &[("column", cells![10.0, 11.0, 10.0, null, 10.0, 12.0])],
            output: &[("value", cells![null, null, 50.0, null, null, 100.0 * 5.0 / 6.0])],
        },
    ],
};

fn build(g: &mut Ops<'_>, inputs: &Inputs, args: &Args) -> Vec<ValueId> {
    let zero = g.constant(0.0);
    let change = g.delta(inputs.column(), 1);
    let fall = g.row1(Row1::Neg, change);
    let gain = g.row2(Row2::Greatest, change, zero);
    let loss = g.row2(Row2::Greatest, fall, zero);
    let (up, down) = (mean(g, gain, args), mean(g, loss, args));
    let both = g.add(up, down);
    let up = g.scale(100.0, up);
    vec![match args.get(&FLAT) {
        Some(flat) => g.div_or(up, both, flat),
        None => g.div(up, both),
    }]
}

fn mean(g: &mut Ops<'_>, x: ValueId, args: &Args) -> ValueId {
    let n = args.get(&WINDOW);
    match args.get(&SMOOTHING).as_str() {
        "sma" => g.mean(x, n),
        "ema" => g.ema(x, n),
        _ => g.wilder(x, n),
    }
}
