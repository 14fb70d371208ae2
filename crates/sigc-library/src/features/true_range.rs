//! `features.true_range`: the range of a bar, the gap from the bar before included.
//!
//! ```text
//! tr = max(high - low, |high - close[1]|, |low - close[1]|)
//! ```
//!
//! Source: J. W. Wilder, *New Concepts in Technical Trading Systems*, 1978; TA-Lib TRANGE.

use super::common::{HIGH_LOW_CLOSE, VALUE};
use sigc_catalog::{Example, Feature, Info, Inputs};
use sigc_plan::{Ops, Row1, Row2, ValueId};

pub(super) static TRUE_RANGE: Feature = Feature {
    info: Info {
        name: "features.true_range",
        capability: "middlefreq",
        summary: "range of a bar, the gap from the bar before included",
        doc: "\
The greatest of `high - low`, `|high - close[1]|` and `|low - close[1]|`, in the price's unit.

**Nulls.** Null where the bar or the close before it is null: the range across a gap is unknown.

**First value** at row 1.

Source: J. W. Wilder, *New Concepts in Technical Trading Systems*, 1978. The same as TA-Lib TRANGE.",
        params: &[],
    },
    roles: HIGH_LOW_CLOSE,
    outputs: VALUE,
    build: |g, inputs, _| vec![true_range(g, inputs)],
    lookback: |_| vec![1],
    check: Feature::no_check,
    examples: &[
        Example {
            title: "a jump up, then a plain bar",
            args: &[],
            input: &[
                ("high", cells![10.0, 12.0, 11.0]),
                ("low", cells![8.0, 11.0, 9.0]),
                ("close", cells![9.0, 11.0, 10.0]),
            ],
            output: &[("value", cells![null, 3.0, 2.0])],
        },
        Example {
            title: "unknown across a missing bar",
            args: &[],
            input: &[
                ("high", cells![10.0, null, 11.0, 15.0]),
                ("low", cells![8.0, null, 9.0, 14.0]),
                ("close", cells![9.0, null, 10.0, 15.0]),
            ],
            output: &[("value", cells![null, null, null, 5.0])],
        },
    ],
};

/// The true range of the roles high, low and close.
pub(super) fn true_range(g: &mut Ops<'_>, inputs: &Inputs) -> ValueId {
    let (high, low) = (inputs.get("high"), inputs.get("low"));
    let before = g.lag(inputs.get("close"), 1);
    let range = g.sub(high, low);
    let up = g.sub(high, before);
    let up = g.row1(Row1::Abs, up);
    let down = g.sub(low, before);
    let down = g.row1(Row1::Abs, down);
    let gap = g.row2(Row2::Greatest, up, down);
    g.row2(Row2::Greatest, range, gap)
}
