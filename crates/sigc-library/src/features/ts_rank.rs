//! `features.ts_rank`: rank of the newest value within its window.
//!
//! ```text
//! ts_rank = (count below + (count equal + 1) / 2) / n
//! ```
//!
//! Source: pandas `rolling.rank(pct=True)`.

use super::common::{COLUMN, VALUE, WINDOW, over_window, rows_before};
use sigc_catalog::{Example, Feature, Info};
use sigc_plan::WindowFn;

pub(super) static TS_RANK: Feature = Feature {
    info: Info {
        name: "features.ts_rank",
        capability: "middlefreq",
        summary: "rank of the newest value within its window, above 0 to 1",
        doc: "\
`(below + (equal + 1) / 2) / n`: of the last n = `window` rows, those below the newest and those equal to it, itself \
included. 1 for a sole greatest value; equal values share their average rank.

**Nulls.** Null where any row of the window is null.

**First value** at row `window` - 1. The same as pandas `rolling.rank(pct=True)`.",
        params: &[&WINDOW],
    },
    roles: COLUMN,
    outputs: VALUE,
    build: |g, inputs, args| vec![over_window(g, inputs, args, WindowFn::Rank)],
    lookback: rows_before,
    check: Feature::no_check,
    examples: &[Example {
        title: "equal values share their rank",
        args: &[("window", "4")],
        input: &[("column", cells![1.0, 2.0, 3.0, 2.0, 2.0, 9.0, null])],
        // Window 1, 2, 3, 2: one below, two equal. Window 2, 3, 2, 2: none below, three equal.
        output: &[("value", cells![null, null, null, 0.625, 0.5, 1.0, null])],
    }],
};
