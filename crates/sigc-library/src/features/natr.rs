//! `features.natr`: average true range in per cent of the close, `100 atr / close`.
//!
//! Source: TA-Lib NATR.

use super::atr::{WINDOW, atr};
use super::common::{HIGH_LOW_CLOSE, VALUE};
use sigc_catalog::{Args, Example, Feature, Info, Inputs};
use sigc_plan::{Ops, ValueId};

pub(super) static NATR: Feature = Feature {
    info: Info {
        name: "features.natr",
        capability: "middlefreq",
        summary: "average true range in per cent of the close",
        doc: "\
`100 atr / close` with the `features.atr` of the same `window`, in per cent: comparable between symbols.

**Nulls.** Null where the true range is: in a missing bar and the one after it. The mean passes over both.

**First value** at row `window`. Within `warmup.tolerance` of what any longer history gives about 21 n rows later at \
1e-9, relative to the close. The same as TA-Lib NATR.",
        params: &[&WINDOW],
    },
    roles: HIGH_LOW_CLOSE,
    outputs: VALUE,
    build,
    lookback: |args| vec![args.get(&WINDOW)],
    check: Feature::no_check,
    examples: &[Example {
        title: "a quarter of the price",
        args: &[("window", "2")],
        input: &[
            ("high", cells![10.0, 12.0, 11.0, 15.0]),
            ("low", cells![8.0, 11.0, 9.0, 14.0]),
            ("close", cells![9.0, 11.0, 10.0, 15.0]),
        ],
        // The averages are 5/2 and 15/4.
        output: &[("value", cells![null, null, 25.0, 25.0])],
    }],
};

fn build(g: &mut Ops<'_>, inputs: &Inputs, args: &Args) -> Vec<ValueId> {
    let range = atr(g, inputs, args);
    let range = g.scale(100.0, range);
    vec![g.div(range, inputs.get("close"))]
}
