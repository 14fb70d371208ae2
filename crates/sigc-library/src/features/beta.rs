//! `features.beta`: slope of `y` on `x` over the window.
//!
//! ```text
//! beta = cov(x, y) / var(x)      null where x is flat
//! ```

use super::common::{VALUE, WINDOW_FROM_2, X_Y, rows_before};
use sigc_catalog::{Args, Example, Feature, Info, Inputs};
use sigc_plan::{Ops, PairFn, ValueId, WindowFn};

pub(super) static BETA: Feature = Feature {
    info: Info {
        name: "features.beta",
        capability: "middlefreq",
        summary: "slope of one column on another over the window",
        doc: "\
`cov(x, y) / var(x)` over the last `window` rows: by how much `y` moves when `x` moves by one, in units of `y` per \
unit of `x`. Give returns rather than prices to get the beta of finance, the market's as `x`.

**Nulls.** Null where any row of the window is null in either column, and where all values of `x` are equal. 0 where \
only `y` is flat.

**First value** at row `window` - 1.",
        params: &[&WINDOW_FROM_2],
    },
    roles: X_Y,
    outputs: VALUE,
    build,
    lookback: rows_before,
    check: Feature::no_check,
    examples: &[Example {
        title: "two for one, then a half, then x flat",
        args: &[("window", "3")],
        input: &[("x", cells![1.0, 2.0, 3.0, 4.0, 4.0, 4.0]), ("y", cells![2.0, 4.0, 6.0, 5.0, 6.0, 7.0])],
        // Window 3, 4, 4 against 6, 5, 6: covariance -1/6, variance 1/3.
        output: &[("value", cells![null, null, 2.0, 0.5, -0.5, null])],
    }],
};

fn build(g: &mut Ops<'_>, inputs: &Inputs, args: &Args) -> Vec<ValueId> {
    let (x, y, n) = (inputs.get("x"), inputs.get("y"), args.get(&WINDOW_FROM_2));
    let cov = g.pair(PairFn::Cov, x, y, n);
    let var = g.window(WindowFn::Var { ddof: 1 }, x, n);
    vec![g.div(cov, var)]
}
