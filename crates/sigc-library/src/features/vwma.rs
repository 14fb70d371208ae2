//! `features.vwma`: moving average weighted by volume.
//!
//! ```text
//! vwma = sum x v / sum v      null without volume
//! ```
//!
//! Source: TA-Lib VWMA.

use super::common::{VALUE, WINDOW, rows_before};
use sigc_catalog::{Args, Example, Feature, Info, Inputs, Role};
use sigc_plan::{Ops, ValueId, WindowFn};

pub(super) static VWMA: Feature = Feature {
    info: Info {
        name: "features.vwma",
        capability: "middlefreq",
        summary: "moving average weighted by volume",
        doc: "\
`sum x v / sum v` over the last `window` rows, in the unit of `close`. Any column may take the place of `close`: \
`inputs: {column: f.typical, volume: f.volume}`.

**Nulls.** Null where any row of the window is null in either column, and where nothing was traded in the window.

**First value** at row `window` - 1. The same as TA-Lib VWMA.",
        params: &[&WINDOW],
    },
    roles: &[Role::or_column("close"), Role::named("volume")],
    outputs: VALUE,
    build,
    lookback: rows_before,
    check: Feature::no_check,
    examples: &[Example {
        title: "the price counts where it was traded",
        args: &[("window", "2")],
        input: &[("close", cells![10.0, 20.0, 30.0, 40.0, 50.0]), ("volume", cells![1.0, 3.0, 0.0, 0.0, null])],
        output: &[("value", cells![null, 17.5, 20.0, null, null])],
    }],
};

fn build(g: &mut Ops<'_>, inputs: &Inputs, args: &Args) -> Vec<ValueId> {
    let (x, v, n) = (inputs.get("close"), inputs.get("volume"), args.get(&WINDOW));
    let traded = g.mul(x, v);
    let paid = g.window(WindowFn::Sum, traded, n);
    let volume = g.window(WindowFn::Sum, v, n);
    vec![g.div(paid, volume)]
}
