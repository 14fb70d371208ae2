//! `strategies.vol_scale`: a prediction sized by how much the price moves.
//!
//! With `r = ln(close / close[1])`:
//!
//! ```text
//! vol   = sqrt(mean(r^2, window) * periods_per_year)
//! value = prediction * min(target / vol, cap)
//! ```

use sigc_catalog::{Args, Example, Feature, Info, Inputs, Output, Param, Role};
use sigc_plan::{Op, Ops, Row1, Row2, ValueId};

const WINDOW: Param<u32> = Param::int("window", "changes of the price in the volatility");
const TARGET: Param<f64> =
    Param::number("target", "the volatility that a prediction of 1 should have, per row or per year").range(1e-9, 1e9);
const CAP: Param<f64> = Param::number("cap", "the greatest factor, for quiet markets").range(1e-9, 1e9).default(1.0);
const PERIODS: Param<Option<f64>> =
    Param::number("periods_per_year", "rows of a year, for a `target` per year; left out, it is per row")
        .range(1.0, 1e9)
        .optional();

pub(super) static VOL_SCALE: Feature = Feature {
    info: Info {
        name: "strategies.vol_scale",
        capability: "middlefreq",
        summary: "a prediction times target volatility over realised volatility, capped",
        doc: "\
`prediction * min(target / vol, cap)`, where vol is the realised volatility of `close`: the root of the mean of its \
squared log returns over the last `window` changes, times the root of `periods_per_year` if that is given. Where the \
price stood still the factor is `cap`.

**Nulls.** Null where the prediction is, and where a price of the window is null or not above 0.

**First value** at row `window`.",
        params: &[&WINDOW, &TARGET, &CAP, &PERIODS],
    },
    roles: &[Role::named("prediction"), Role::named("close")],
    outputs: &[Output::VALUE],
    build,
    lookback: |args| vec![args.get(&WINDOW)],
    check: Feature::no_check,
    examples: &[
        Example {
            title: "twice the target halves the position",
            // By hand: every return is ln 2, 0.6931..., and so is the volatility.
            args: &[("window", "2"), ("target", "0.34657359027997264")],
            input: &[("prediction", cells![1.0, 1.0, 1.0, -0.5, null]), ("close", cells![1.0, 2.0, 4.0, 8.0, 16.0])],
            output: &[("value", cells![null, null, 0.5, -0.25, null])],
        },
        Example {
            title: "a quiet market is capped, one that stands still too",
            // By hand: the volatility is ln 2 / sqrt 2 while one of two changes is 0, then 0.
            args: &[("window", "2"), ("target", "1.3862943611198906"), ("cap", "2")],
            input: &[("prediction", cells![1.0, 1.0, 1.0, 1.0]), ("close", cells![1.0, 2.0, 2.0, 2.0])],
            output: &[("value", cells![null, null, 2.0, 2.0])],
        },
        Example {
            title: "per year",
            // numpy: 3 * 0.2 / sqrt(mean([log(1.01)**2, log(99 / 101)**2]) * 365)
            args: &[("window", "2"), ("target", "0.2"), ("cap", "10"), ("periods_per_year", "365")],
            input: &[("prediction", cells![3.0, 3.0, 3.0]), ("close", cells![100.0, 101.0, 99.0])],
            output: &[("value", cells![null, null, 1.9881721472405494])],
        },
    ],
};

fn build(g: &mut Ops<'_>, inputs: &Inputs, args: &Args) -> Vec<ValueId> {
    let close = inputs.get("close");
    let before = g.lag(close, 1);
    let ratio = g.div(close, before);
    let change = g.row1(Row1::Ln, ratio);
    let square = g.mul(change, change);
    let mean = g.mean(square, args.get(&WINDOW));
    let yearly = g.scale(args.get(&PERIODS).unwrap_or(1.0), mean);
    let vol = g.row1(Row1::Sqrt, yearly);
    let (target, cap) = (args.get(&TARGET), args.get(&CAP));
    let quiet = g.constant(target / cap);
    let is_quiet = g.row2(Row2::Le, vol, quiet);
    let (target, cap) = (g.constant(target), g.constant(cap));
    let share = g.div(target, vol);
    let factor = g.push(Op::If(is_quiet, cap, share));
    vec![g.mul(inputs.get("prediction"), factor)]
}
