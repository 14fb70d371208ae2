//! `features.macd`: moving average convergence and divergence.
//!
//! ```text
//! macd = ema(x, fast) - ema(x, slow)     signal = ema(macd, signal)     hist = macd - signal
//! ```
//!
//! As in TA-Lib both averages have their first value at the same row, `slow` - 1: the fast one leaves out the first
//! `slow - fast` rows and is seeded by the mean of the `fast` rows up to there. Likewise `macd` and `hist` are shown
//! from the first row of `signal` on, so that the three are there together.
//!
//! Source: TA-Lib MACD.

use super::common::COLUMN;
use sigc_catalog::{ArgProblem, Args, Example, Feature, Info, Inputs, Known, Output, Param};
use sigc_plan::{F64, Op, Ops, ValueId};

const FAST: Param<u32> = Param::int("fast", "rows of the fast average, fewer than `slow`").default(12);
const SLOW: Param<u32> = Param::int("slow", "rows of the slow average").min(2).default(26);
const SIGNAL: Param<u32> = Param::int("signal", "rows of the signal line's average").default(9);

pub(super) static MACD: Feature = Feature {
    info: Info {
        name: "features.macd",
        capability: "middlefreq",
        summary: "moving average convergence and divergence",
        doc: "\
`macd` is the exponential average over `fast` rows less that over `slow` rows, `signal` the exponential average of \
`macd`, `hist` = `macd` - `signal`; all in the column's unit. Weights are 2 / (n + 1).

As in TA-Lib both averages begin at row `slow` - 1, each seeded by the mean of its own last rows up to there.

**Nulls.** A null row gives null and is passed over by all three averages.

**First value** of all three at row `slow + signal - 2`. `macd` is within `warmup.tolerance` of what any longer \
history gives when the slow average has settled, `signal` and `hist` when the signal line has settled after it.

Source: TA-Lib MACD.",
        params: &[&FAST, &SLOW, &SIGNAL],
    },
    roles: COLUMN,
    outputs: &[Output::number("macd"), Output::number("signal"), Output::number("hist")],
    build,
    lookback: |args| vec![args.get(&SLOW) + args.get(&SIGNAL) - 2; 3],
    check,
    examples: &[Example {
        title: "two, three and two rows; a null row is passed over",
        args: &[("fast", "2"), ("slow", "3"), ("signal", "2")],
        // Slow: 2, 7/2, 15/4. Fast, without the first row: 5/2, 25/6, 73/18. Differences: 1/2, 2/3, 11/36.
        // Signal: 7/12 = (1/2 + 2/3) / 2, then 7/12 + 2/3 (11/36 - 7/12) = 43/108.
        input: &[("column", cells![1.0, 3.0, 2.0, 5.0, null, 4.0])],
        output: &[
            ("macd", cells![null, null, null, 2.0 / 3.0, null, 11.0 / 36.0]),
            ("signal", cells![null, null, null, 7.0 / 12.0, null, 43.0 / 108.0]),
            ("hist", cells![null, null, null, 1.0 / 12.0, null, -5.0 / 54.0]),
        ],
    }],
};

fn build(g: &mut Ops<'_>, inputs: &Inputs, args: &Args) -> Vec<ValueId> {
    let x = inputs.column();
    let (fast, slow, signal) = (args.get(&FAST), args.get(&SLOW), args.get(&SIGNAL));
    let alpha = F64(2.0 / (f64::from(fast) + 1.0));
    // `check` has seen to fast < slow.
    let fast = g.push(Op::Smooth { x, alpha, seed: fast, skip: slow.saturating_sub(fast) });
    let slow = g.ema(x, slow);
    let line = g.sub(fast, slow);
    let average = g.ema(line, signal);
    let shown = if signal > 1 { g.push(Op::Skip { x: line, n: signal - 1 }) } else { line };
    let hist = g.sub(shown, average);
    vec![shown, average, hist]
}

fn check(args: &Args, _: Known) -> Vec<ArgProblem> {
    let (fast, slow) = (args.get(&FAST), args.get(&SLOW));
    if fast < slow {
        return Vec::new();
    }
    vec![ArgProblem {
        param: FAST.name(),
        message: format!("the fast average has {fast} rows, the slow one {slow}"),
        help: Some("`fast` is the smaller of the two".into()),
    }]
}
