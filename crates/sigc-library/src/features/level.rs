//! `features.level`: where the close stands between support and resistance.
//!
//! With R the greatest high and S the least low of the window:
//!
//! ```text
//! position = (close - S) / (R - S)     resistance = (R - close) / close     support = (close - S) / close
//! ```
//!
//! The original library says only that each window makes one support and resistance column; the rest is inferred.

use super::common::{HIGH_LOW_CLOSE_OR_COLUMN, VALUE, WINDOW};
use sigc_catalog::{ArgProblem, Args, Example, Feature, Info, Inputs, Known, Param};
use sigc_plan::{Ops, ValueId, WindowFn};

const KIND: Param<String> = Param::choice(
    "kind",
    "place between the two levels, distance up to the resistance, or distance down to the support",
    &["position", "resistance", "support"],
)
.default("position");
const INCLUDE_CURRENT: Param<bool> = Param::bool(
    "include_current",
    "whether the current row counts among the `window` rows; without it they end one row before",
)
.default(true);
const OUTPUT: Param<String> =
    Param::choice("output", "the value described by `kind`, or the price of the level itself", &["value", "price"])
        .default("value");

pub(super) static LEVEL: Feature = Feature {
    info: Info {
        name: "features.level",
        capability: "middlefreq",
        summary: "where the close stands between the support and the resistance of the window",
        doc: "\
With R the greatest high and S the least low of the last `window` rows:

| `kind` | value | range |
| --- | --- | --- |
| `position` | `(close - S) / (R - S)` | 0 at support, 1 at resistance |
| `resistance` | `(R - close) / close` | distance up, a share of the close |
| `support` | `(close - S) / close` | distance down, a share of the close |

`output: price` gives R or S itself, in the price's unit. With `include_current: false` the levels come from the \
`window` rows before the current one, so that a breakout leaves the range. `inputs: {column: f.close}` takes one \
column for high, low and close.

**Nulls.** Null where any row of the window is null in a column that is read, where R = S (`position`) or the close is \
0 (the distances).

**First value** at row `window` - 1, with `include_current: false` at row `window`.

The formula is inferred: the original library says only that each window makes one support and resistance column.",
        params: &[&WINDOW, &KIND, &INCLUDE_CURRENT, &OUTPUT],
    },
    roles: HIGH_LOW_CLOSE_OR_COLUMN,
    outputs: VALUE,
    build,
    lookback: |args| vec![args.get(&WINDOW) - u32::from(args.get(&INCLUDE_CURRENT))],
    check,
    examples: &[
        Example {
            title: "between the levels",
            args: &[("window", "2")],
            input: HLC,
            // Levels 12 and 8, then 12 and 9, then a flat window.
            output: &[("value", cells![null, 0.5, 2.0 / 3.0, 1.0, null])],
        },
        Example {
            title: "distance up",
            args: &[("window", "2"), ("kind", "resistance")],
            input: HLC,
            output: &[("value", cells![null, 0.2, 1.0 / 11.0, 0.0, 0.0])],
        },
        Example {
            title: "distance down",
            args: &[("window", "2"), ("kind", "support")],
            input: HLC,
            output: &[("value", cells![null, 0.2, 2.0 / 11.0, 2.0 / 11.0, 0.0])],
        },
        Example {
            title: "the price of the support",
            args: &[("window", "2"), ("kind", "support"), ("output", "price")],
            input: HLC,
            output: &[("value", cells![null, 8.0, 9.0, 9.0, 11.0])],
        },
        Example {
            title: "levels of the rows before",
            args: &[("window", "2"), ("include_current", "false")],
            input: HLC,
            output: &[("value", cells![null, null, 0.75, 2.0 / 3.0, 1.0])],
        },
    ],
};

/// Bars of the examples.
const HLC: &[(&str, &[Option<f64>])] = &[
    ("high", cells![10.0, 12.0, 11.0, 11.0, 11.0]),
    ("low", cells![8.0, 9.0, 9.0, 11.0, 11.0]),
    ("close", cells![9.0, 10.0, 11.0, 11.0, 11.0]),
];

fn build(g: &mut Ops<'_>, inputs: &Inputs, args: &Args) -> Vec<ValueId> {
    let close = inputs.get("close");
    let price_itself = args.get(&OUTPUT) == "price";
    let value = match args.get(&KIND).as_str() {
        "resistance" => {
            let top = resistance(g, inputs, args);
            if price_itself {
                top
            } else {
                let up = g.sub(top, close);
                g.div(up, close)
            }
        }
        "support" => {
            let bottom = support(g, inputs, args);
            if price_itself {
                bottom
            } else {
                let down = g.sub(close, bottom);
                g.div(down, close)
            }
        }
        _ => {
            let (top, bottom) = (resistance(g, inputs, args), support(g, inputs, args));
            let above = g.sub(close, bottom);
            let range = g.sub(top, bottom);
            g.div(above, range)
        }
    };
    vec![value]
}

fn resistance(g: &mut Ops<'_>, inputs: &Inputs, args: &Args) -> ValueId {
    let top = g.window(WindowFn::Max, inputs.get("high"), args.get(&WINDOW));
    g.lag(top, rows_left_out(args))
}

fn support(g: &mut Ops<'_>, inputs: &Inputs, args: &Args) -> ValueId {
    let bottom = g.window(WindowFn::Min, inputs.get("low"), args.get(&WINDOW));
    g.lag(bottom, rows_left_out(args))
}

fn rows_left_out(args: &Args) -> u32 {
    u32::from(!args.get(&INCLUDE_CURRENT))
}

fn check(args: &Args, _: Known) -> Vec<ArgProblem> {
    if args.get(&OUTPUT) != "price" || args.get(&KIND) != "position" {
        return Vec::new();
    }
    vec![ArgProblem {
        param: OUTPUT.name(),
        message: "a position between two levels has no price".into(),
        help: Some("choose `kind: resistance` or `kind: support` for the price of that level".into()),
    }]
}
