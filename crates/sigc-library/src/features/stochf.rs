//! `features.stochf`: fast stochastic oscillator.
//!
//! ```text
//! k = 100 (close - min low) / (max high - min low)      0 where the range is 0
//! d = sma(k, d)
//! ```
//!
//! As in TA-Lib k is shown where d is there.
//!
//! Source: TA-Lib STOCHF.

use super::common::{HIGH_LOW_CLOSE_OR_COLUMN, extremes, shown_with};
use sigc_catalog::{Args, Example, Feature, Info, Inputs, Output, Param};
use sigc_plan::{Ops, ValueId};

/// Also a parameter of `stoch`.
pub(super) const K: Param<u32> = Param::int("k", "rows of the range").default(5);
const D: Param<u32> = Param::int("d", "rows of the average that makes `d` of `k`").default(3);

pub(super) static STOCHF: Feature = Feature {
    info: Info {
        name: "features.stochf",
        capability: "middlefreq",
        summary: "fast stochastic oscillator: place of the close in its range, 0 to 100",
        doc: "\
`k` = `100 (close - min low) / (max high - min low)` over the last `k` rows, 0 where that range is 0; `d` is the \
simple moving average of `k` over `d` rows. `inputs: {column: f.rsi_14}` takes one column for high, low and close, which \
makes the stochastic RSI.

**Nulls.** Both are null where any of the rows they read is null. As in TA-Lib `k` is shown only where `d` is there.

**First value** of both at row `k + d - 2`. The same as TA-Lib STOCHF with simple averages.",
        params: &[&K, &D],
    },
    roles: HIGH_LOW_CLOSE_OR_COLUMN,
    outputs: &[Output::number("k"), Output::number("d")],
    build,
    lookback: |args| vec![args.get(&K) + args.get(&D) - 2; 2],
    check: Feature::no_check,
    examples: &[Example {
        title: "at a half, two thirds, then the top",
        args: &[("k", "2"), ("d", "2")],
        input: &[
            ("high", cells![10.0, 12.0, 11.0, 13.0]),
            ("low", cells![8.0, 9.0, 9.0, 10.0]),
            ("close", cells![9.0, 10.0, 11.0, 13.0]),
        ],
        output: &[("k", cells![null, null, 200.0 / 3.0, 100.0]), ("d", cells![null, null, 175.0 / 3.0, 250.0 / 3.0])],
    }],
};

fn build(g: &mut Ops<'_>, inputs: &Inputs, args: &Args) -> Vec<ValueId> {
    let k = place_in_range(g, inputs, args);
    let d = g.mean(k, args.get(&D));
    vec![shown_with(g, k, d), d]
}

/// `100 (close - min low) / (max high - min low)` over `k` rows, 0 where the range is 0.
pub(super) fn place_in_range(g: &mut Ops<'_>, inputs: &Inputs, args: &Args) -> ValueId {
    let (top, bottom) = extremes(g, inputs, args.get(&K));
    let above = g.sub(inputs.get("close"), bottom);
    let above = g.scale(100.0, above);
    let range = g.sub(top, bottom);
    g.div_or(above, range, 0.0)
}
