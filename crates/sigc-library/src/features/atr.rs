//! `features.atr`: average true range, Wilder's mean of [`super::true_range`].
//!
//! Source: J. W. Wilder, *New Concepts in Technical Trading Systems*, 1978; TA-Lib ATR.

use super::common::{HIGH_LOW_CLOSE, VALUE};
use super::true_range::true_range;
use sigc_catalog::{Args, Example, Feature, Info, Inputs, Param};
use sigc_plan::{Ops, ValueId};

/// Also the window of `natr`.
pub(super) const WINDOW: Param<u32> = Param::int("window", "true ranges in the mean").default(14);

pub(super) static ATR: Feature = Feature {
    info: Info {
        name: "features.atr",
        capability: "middlefreq",
        summary: "average true range",
        doc: "\
Wilder's mean of the true range over n = `window` rows, in the price's unit: the mean of the first n true ranges, then \
`atr = atr[1] + (tr - atr[1]) / n`.

**Nulls.** Null where the true range is: in a missing bar and the one after it. The mean passes over both.

**First value** at row `window`, since the first true range is at row 1. Within `warmup.tolerance` of what any longer \
history gives about 21 n rows later at 1e-9.

Source: J. W. Wilder, *New Concepts in Technical Trading Systems*, 1978. The same as TA-Lib ATR.",
        params: &[&WINDOW],
    },
    roles: HIGH_LOW_CLOSE,
    outputs: VALUE,
    build: |g, inputs, args| vec![atr(g, inputs, args)],
    lookback: |args| vec![args.get(&WINDOW)],
    check: Feature::no_check,
    examples: &[Example {
        title: "true ranges 3, 2 and 5",
        args: &[("window", "2")],
        input: &[
            ("high", cells![10.0, 12.0, 11.0, 15.0]),
            ("low", cells![8.0, 11.0, 9.0, 14.0]),
            ("close", cells![9.0, 11.0, 10.0, 15.0]),
        ],
        output: &[("value", cells![null, null, 2.5, 3.75])],
    }],
};

/// The average true range of the roles high, low and close.
pub(super) fn atr(g: &mut Ops<'_>, inputs: &Inputs, args: &Args) -> ValueId {
    let range = true_range(g, inputs);
    g.wilder(range, args.get(&WINDOW))
}
