//! `features.stoch`: slow stochastic oscillator, the fast one averaged once more.
//!
//! ```text
//! raw = 100 (close - min low) / (max high - min low)      0 where the range is 0
//! k = sma(raw, slow_k)     d = sma(k, slow_d)
//! ```
//!
//! As in TA-Lib k is shown where d is there.
//!
//! Source: TA-Lib STOCH.

use super::common::{HIGH_LOW_CLOSE_OR_COLUMN, shown_with};
use super::stochf::{K, place_in_range};
use sigc_catalog::{Args, Example, Feature, Info, Inputs, Output, Param};
use sigc_plan::{Ops, ValueId};

const SLOW_K: Param<u32> = Param::int("slow_k", "rows of the average that makes `k`").default(3);
const SLOW_D: Param<u32> = Param::int("slow_d", "rows of the average that makes `d` of `k`").default(3);

pub(super) static STOCH: Feature = Feature {
    info: Info {
        name: "features.stoch",
        capability: "middlefreq",
        summary: "slow stochastic oscillator: averaged place of the close in its range, 0 to 100",
        doc: "\
The place of the close in its range, `100 (close - min low) / (max high - min low)` over the last `k` rows and 0 where \
that range is 0, is averaged over `slow_k` rows to `k`, and `k` over `slow_d` rows to `d`; simple averages. \
`inputs: {column: f.x}` takes one column for high, low and close.

**Nulls.** Both are null where any of the rows they read is null. As in TA-Lib `k` is shown only where `d` is there.

**First value** of both at row `k + slow_k + slow_d - 3`. The same as TA-Lib STOCH with simple averages.",
        params: &[&K, &SLOW_K, &SLOW_D],
    },
    roles: HIGH_LOW_CLOSE_OR_COLUMN,
    outputs: &[Output::number("k"), Output::number("d")],
    build,
    lookback: |args| vec![args.get(&K) + args.get(&SLOW_K) + args.get(&SLOW_D) - 3; 2],
    check: Feature::no_check,
    examples: &[Example {
        title: "places 50, 200/3, 100 averaged twice",
        args: &[("k", "2"), ("slow_k", "2"), ("slow_d", "2")],
        input: &[
            ("high", cells![10.0, 12.0, 11.0, 13.0]),
            ("low", cells![8.0, 9.0, 9.0, 10.0]),
            ("close", cells![9.0, 10.0, 11.0, 13.0]),
        ],
        output: &[("k", cells![null, null, null, 250.0 / 3.0]), ("d", cells![null, null, null, 425.0 / 6.0])],
    }],
};

fn build(g: &mut Ops<'_>, inputs: &Inputs, args: &Args) -> Vec<ValueId> {
    let raw = place_in_range(g, inputs, args);
    let k = g.mean(raw, args.get(&SLOW_K));
    let d = g.mean(k, args.get(&SLOW_D));
    vec![shown_with(g, k, d), d]
}
