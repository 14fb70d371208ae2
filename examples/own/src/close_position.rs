//! `own.close_position`: where the close stands in the range of its bar.
//!
//! ```text
//! (close - low) / (high - low)      0.5 where the range is 0
//! ```

use sigc_catalog::{Args, Feature, Info, Inputs, Output, Role};
use sigc_plan::{Ops, ValueId};

/// The feature. Everything that sigc says about it comes from here: docs, schema, checks, lookback.
pub static CLOSE_POSITION: Feature = Feature {
    info: Info {
        name: "own.close_position",
        capability: "own",
        summary: "where the close stands in the range of its bar, 0 at the low to 1 at the high",
        doc: "`(close - low) / (high - low)`; 0.5 where high and low are equal. Null where a cell is null.",
        params: &[],
    },
    roles: &[Role::named("high"), Role::named("low"), Role::named("close")],
    outputs: &[Output::VALUE],
    build,
    lookback: |_| vec![0],
    check: Feature::no_check,
    examples: &[],
};

/// The ops it is made of. They run live, over history and in machine code without another line, and how much history
/// they need is derived from them.
fn build(g: &mut Ops<'_>, inputs: &Inputs, _: &Args) -> Vec<ValueId> {
    let above_low = g.sub(inputs.get("close"), inputs.get("low"));
    let range = g.sub(inputs.get("high"), inputs.get("low"));
    vec![g.div_or(above_low, range, 0.5)]
}
