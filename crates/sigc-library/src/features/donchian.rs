//! `features.donchian`: Donchian channel, the extremes of the window and their middle.
//!
//! Source: TA-Lib DONCHIAN.

use super::common::{HIGH_LOW, extremes, middle};
use sigc_catalog::{Args, Example, Feature, Info, Inputs, Output, Param};
use sigc_plan::{Ops, ValueId};

const WINDOW: Param<u32> = Param::int("window", "rows of the window, the current one included").default(20);

pub(super) static DONCHIAN: Feature = Feature {
    info: Info {
        name: "features.donchian",
        capability: "middlefreq",
        summary: "Donchian channel: greatest high, least low and their middle",
        doc: "\
Over the last `window` rows, in the price's unit: `upper` is the greatest high, `lower` the least low, `middle` the \
mean of the two.

**Nulls.** `upper` is null where any high of the window is null, `lower` where any low is, `middle` where either is.

**First value** at row `window` - 1. The same as TA-Lib DONCHIAN.",
        params: &[&WINDOW],
    },
    roles: HIGH_LOW,
    outputs: &[Output::number("upper"), Output::number("middle"), Output::number("lower")],
    build,
    lookback: |args| vec![args.get(&WINDOW) - 1; 3],
    check: Feature::no_check,
    examples: &[Example {
        title: "two rows",
        args: &[("window", "2")],
        input: &[("high", cells![3.0, 5.0, 4.0, null]), ("low", cells![1.0, 2.0, 0.0, 1.0])],
        output: &[
            ("upper", cells![null, 5.0, 5.0, null]),
            ("middle", cells![null, 3.0, 2.5, null]),
            ("lower", cells![null, 1.0, 0.0, 0.0]),
        ],
    }],
};

fn build(g: &mut Ops<'_>, inputs: &Inputs, args: &Args) -> Vec<ValueId> {
    let (upper, lower) = extremes(g, inputs, args.get(&WINDOW));
    vec![upper, middle(g, upper, lower), lower]
}
