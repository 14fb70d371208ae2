//! `features.bbands`: Bollinger bands.
//!
//! With M the mean and s the standard deviation of the window itself (ddof 0):
//!
//! ```text
//! upper = M + k_up s                     lower = M - k_dn s
//! bandwidth = (upper - lower) / M        percent_b = (x - lower) / (upper - lower)
//! ```
//!
//! Source: TA-Lib BBANDS.

use super::common::{COLUMN, over_window};
use sigc_catalog::{Args, Example, Feature, Info, Inputs, Output, Param};
use sigc_plan::{Ops, Row1, ValueId, WindowFn};

const WINDOW: Param<u32> = Param::int("window", "rows of the window, the current one included").default(20);
const K_UP: Param<f64> =
    Param::number("k_up", "standard deviations from the mean to the upper band").range(0.0, f64::INFINITY).default(2.0);
const K_DN: Param<f64> =
    Param::number("k_dn", "standard deviations from the mean to the lower band").range(0.0, f64::INFINITY).default(2.0);

pub(super) static BBANDS: Feature = Feature {
    info: Info {
        name: "features.bbands",
        capability: "middlefreq",
        summary: "Bollinger bands, their width and the place between them",
        doc: "\
With M and s the mean and the standard deviation of the last `window` rows (divided by n, not n - 1):

| output | value | unit |
| --- | --- | --- |
| `upper` | `M + k_up s` | the column's |
| `middle` | `M` | the column's |
| `lower` | `M - k_dn s` | the column's |
| `bandwidth` | `(upper - lower) / middle` | a share of the mean |
| `percent_b` | `(x - lower) / (upper - lower)` | 0 at the lower band, 1 at the upper |

**Nulls.** Null where any row of the window is null; `bandwidth` also where the mean is 0, `percent_b` where all \
values of the window are equal.

**First value** at row `window` - 1. The bands are those of TA-Lib BBANDS.",
        params: &[&WINDOW, &K_UP, &K_DN],
    },
    roles: COLUMN,
    outputs: &[
        Output::number("upper"),
        Output::number("middle"),
        Output::number("lower"),
        Output::number("bandwidth"),
        Output::number("percent_b"),
    ],
    build,
    lookback: |args| vec![args.get(&WINDOW) - 1; 5],
    check: Feature::no_check,
    examples: &[
        Example {
            title: "one about a mean of two, then flat",
            args: &[("window", "2")],
            input: &[("column", cells![1.0, 3.0, 3.0, null])],
            output: &[
                ("upper", cells![null, 4.0, 3.0, null]),
                ("middle", cells![null, 2.0, 3.0, null]),
                ("lower", cells![null, 0.0, 3.0, null]),
                ("bandwidth", cells![null, 2.0, 0.0, null]),
                ("percent_b", cells![null, 0.75, null, null]),
            ],
        },
        Example {
            title: "bands at unequal distance",
            args: &[("window", "2"), ("k_up", "3"), ("k_dn", "1")],
            input: &[("column", cells![1.0, 3.0])],
            output: &[
                ("upper", cells![null, 5.0]),
                ("middle", cells![null, 2.0]),
                ("lower", cells![null, 1.0]),
                ("bandwidth", cells![null, 2.0]),
                ("percent_b", cells![null, 0.5]),
            ],
        },
    ],
};

fn build(g: &mut Ops<'_>, inputs: &Inputs, args: &Args) -> Vec<ValueId> {
    let middle = over_window(g, inputs, args, WindowFn::Mean);
    let var = over_window(g, inputs, args, WindowFn::Var { ddof: 0 });
    let sd = g.row1(Row1::Sqrt, var);
    let above = g.scale(args.get(&K_UP), sd);
    let below = g.scale(args.get(&K_DN), sd);
    let upper = g.add(middle, above);
    let lower = g.sub(middle, below);
    let width = g.sub(upper, lower);
    let bandwidth = g.div(width, middle);
    let over_lower = g.sub(inputs.column(), lower);
    let percent_b = g.div(over_lower, width);
    vec![upper, middle, lower, bandwidth, percent_b]
}
