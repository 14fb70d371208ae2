//! `features.ma_rocp`: rate of change of a moving average.
//!
//! With M the simple moving average and p = `rocp_period`:
//!
//! ```text
//! ma_rocp = rocp_factor (M / M[p] - 1)
//! ```
//!
//! The original library gives the name, the parameters and columns such as `ma5rocp`; the formula is inferred from
//! TA-Lib's ROCP(MA(close, n), 1), on which public feature sets with these names rest.

use super::common::{COLUMN, VALUE, WINDOW};
use sigc_catalog::{Args, Example, Feature, Info, Inputs, Param};
use sigc_plan::{Ops, ValueId};

const ROCP_PERIOD: Param<u32> = Param::int("rocp_period", "rows between the two averages compared").default(1);
const ROCP_FACTOR: Param<f64> =
    Param::number("rocp_factor", "what the share is multiplied by, to bring it into a model's range").default(1.0);

pub(super) static MA_ROCP: Feature = Feature {
    info: Info {
        name: "features.ma_rocp",
        capability: "middlefreq",
        summary: "rate of change of a simple moving average, scaled",
        doc: "\
`rocp_factor * (M / M[p] - 1)` with M the simple moving average over `window` rows and p = `rocp_period`. A share \
times the factor: with `rocp_factor: 10`, 0.1 is one per cent.

**Nulls.** Null where any of the `window + rocp_period` rows is null, and where the earlier average is 0.

**First value** at row `window - 1 + rocp_period`.

The formula is inferred from the name and the columns of the original library: TA-Lib's ROCP of its SMA.",
        params: &[&WINDOW, &ROCP_PERIOD, &ROCP_FACTOR],
    },
    roles: COLUMN,
    outputs: VALUE,
    build,
    lookback: |args| vec![args.get(&WINDOW) - 1 + args.get(&ROCP_PERIOD)],
    check: Feature::no_check,
    examples: &[
        Example {
            title: "averages 10, 12 and 15",
            args: &[("window", "2")],
            input: &[("column", cells![9.0, 11.0, 13.0, 17.0, null])],
            output: &[("value", cells![null, null, 0.2, 0.25, null])],
        },
        Example {
            title: "over two rows and ten times",
            args: &[("window", "2"), ("rocp_period", "2"), ("rocp_factor", "10")],
            input: &[("column", cells![9.0, 11.0, 13.0, 17.0])],
            output: &[("value", cells![null, null, null, 5.0])],
        },
    ],
};

fn build(g: &mut Ops<'_>, inputs: &Inputs, args: &Args) -> Vec<ValueId> {
    let mean = g.mean(inputs.column(), args.get(&WINDOW));
    let share = g.rocp(mean, args.get(&ROCP_PERIOD));
    vec![g.scale(args.get(&ROCP_FACTOR), share)]
}
