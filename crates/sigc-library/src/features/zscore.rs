//! `features.zscore`: distance from the mean in standard deviations.
//!
//! ```text
//! zscore = (x - mean) / sd      null where the window is flat
//! ```

use super::common::{COLUMN, DDOF, VALUE, WINDOW_FROM_2, check_ddof, over_window, rows_before};
use sigc_catalog::{Args, Example, Feature, Info, Inputs};
use sigc_plan::{Ops, Row1, ValueId, WindowFn};

pub(super) static ZSCORE: Feature = Feature {
    info: Info {
        name: "features.zscore",
        capability: "middlefreq",
        summary: "distance from the mean of the window in standard deviations",
        doc: "\
`(x - mean) / sd` with mean and standard deviation of the last `window` rows, the current one included. No unit.

**Nulls.** Null where any row of the window is null, and where all its values are equal.

**First value** at row `window` - 1.",
        params: &[&WINDOW_FROM_2, &DDOF],
    },
    roles: COLUMN,
    outputs: VALUE,
    build,
    lookback: rows_before,
    check: check_ddof,
    examples: &[
        Example {
            title: "at the upper end, then flat",
            args: &[("window", "3")],
            input: &[("column", cells![1.0, 2.0, 3.0, 3.0, 3.0])],
            // 2, 3, 3: a third above the mean, deviation the root of a third.
            output: &[("value", cells![null, null, 1.0, 0.577_350_269_189_625_8, null])],
        },
        Example {
            title: "against the deviation of the window itself",
            args: &[("window", "2"), ("ddof", "0")],
            input: &[("column", cells![1.0, 3.0, 1.0, null])],
            output: &[("value", cells![null, 1.0, -1.0, null])],
        },
    ],
};

fn build(g: &mut Ops<'_>, inputs: &Inputs, args: &Args) -> Vec<ValueId> {
    let mean = over_window(g, inputs, args, WindowFn::Mean);
    let var = over_window(g, inputs, args, WindowFn::Var { ddof: args.get(&DDOF) });
    let sd = g.row1(Row1::Sqrt, var);
    let above = g.sub(inputs.column(), mean);
    vec![g.div(above, sd)]
}
