//! `features.willr`: Williams' %R.
//!
//! ```text
//! willr = 100 (close - max high) / (max high - min low)      0 where the range is 0
//! ```
//!
//! Source: TA-Lib WILLR.

use super::common::{HIGH_LOW_CLOSE, VALUE, extremes};
use sigc_catalog::{Args, Example, Feature, Info, Inputs, Param};
use sigc_plan::{Ops, ValueId};

const WINDOW: Param<u32> = Param::int("window", "rows of the window, the current one included").default(14);

pub(super) static WILLR: Feature = Feature {
    info: Info {
        name: "features.willr",
        capability: "middlefreq",
        summary: "Williams' %R, -100 at the low of the window to 0 at its high",
        doc: "\
`-100 (max high - close) / (max high - min low)` over the last `window` rows. 0 where the greatest high is the least \
low.

**Nulls.** Null where any high or low of the window, or the close, is null.

**First value** at row `window` - 1. The same as TA-Lib WILLR.",
        params: &[&WINDOW],
    },
    roles: HIGH_LOW_CLOSE,
    outputs: VALUE,
    build,
    lookback: |args| vec![args.get(&WINDOW) - 1],
    check: Feature::no_check,
    examples: &[Example {
        title: "in the middle, near the top, then flat",
        args: &[("window", "2")],
        input: &[
            ("high", cells![10.0, 12.0, 11.0, 9.0, 9.0]),
            ("low", cells![8.0, 9.0, 9.0, 9.0, 9.0]),
            ("close", cells![9.0, 10.0, 11.0, 9.0, 9.0]),
        ],
        output: &[("value", cells![null, -50.0, -100.0 / 3.0, -100.0, 0.0])],
    }],
};

fn build(g: &mut Ops<'_>, inputs: &Inputs, args: &Args) -> Vec<ValueId> {
    let (top, bottom) = extremes(g, inputs, args.get(&WINDOW));
    // Negative below the top, so that at the top it is 0 and not -0.
    let below = g.sub(inputs.get("close"), top);
    let below = g.scale(100.0, below);
    let range = g.sub(top, bottom);
    vec![g.div_or(below, range, 0.0)]
}
