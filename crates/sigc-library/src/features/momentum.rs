//! `features.momentum`: change over some rows, of a chosen kind.
//!
//! ```text
//! pct    x / x[n] - 1          log    ln(x / x[n])
//! diff   x - x[n]              ratio  x / x[n]
//! ```
//!
//! The original library gives only the name and `window`; `pct` is the default because models see many symbols.

use super::common::{COLUMN, VALUE, ratio, rows_back};
use sigc_catalog::{Args, Example, Feature, Info, Inputs, Param};
use sigc_plan::{Ops, Row1, ValueId};

const WINDOW: Param<u32> = Param::int("window", "rows back").default(10);
const KIND: Param<String> = Param::choice(
    "kind",
    "`pct`: change as a share, `diff`: difference, `log`: logarithm of the ratio, `ratio`: the ratio",
    &["pct", "diff", "log", "ratio"],
)
.default("pct");

pub(super) static MOMENTUM: Feature = Feature {
    info: Info {
        name: "features.momentum",
        capability: "middlefreq",
        summary: "change over some rows as a share, a difference, a logarithm or a ratio",
        doc: "\
With n = `window`:

| `kind` | value | unit |
| --- | --- | --- |
| `pct` | `x / x[n] - 1` | a share: 0.01 is one per cent |
| `diff` | `x - x[n]` | the column's |
| `log` | `ln(x / x[n])` | none |
| `ratio` | `x / x[n]` | none |

**Nulls.** Null where either row is null, where `x[n]` is 0 (not `diff`), and for `log` where the ratio is not above 0.

**First value** at row `window`: a window of 20 needs 20 previous rows. `diff` is TA-Lib MOM, `pct` its ROCP, \
`ratio` its ROCR.",
        params: &[&WINDOW, &KIND],
    },
    roles: COLUMN,
    outputs: VALUE,
    build,
    lookback: rows_back,
    check: Feature::no_check,
    examples: &[
        Example {
            title: "ten per cent up over two rows",
            args: &[("window", "2")],
            input: &[("column", cells![100.0, 105.0, 110.0, null])],
            output: &[("value", cells![null, null, 0.1, null])],
        },
        Example {
            title: "the same as a difference",
            args: &[("window", "2"), ("kind", "diff")],
            input: &[("column", cells![100.0, 105.0, 110.0])],
            output: &[("value", cells![null, null, 10.0])],
        },
        Example {
            title: "the same as a ratio",
            args: &[("window", "2"), ("kind", "ratio")],
            input: &[("column", cells![100.0, 105.0, 110.0])],
            output: &[("value", cells![null, null, 1.1])],
        },
        Example {
            title: "a doubling as a logarithm",
            args: &[("window", "1"), ("kind", "log")],
            input: &[("column", cells![3.0, 6.0])],
            output: &[("value", cells![null, std::f64::consts::LN_2])],
        },
    ],
};

fn build(g: &mut Ops<'_>, inputs: &Inputs, args: &Args) -> Vec<ValueId> {
    let (x, n) = (inputs.column(), args.get(&WINDOW));
    let value = match args.get(&KIND).as_str() {
        "diff" => g.delta(x, n),
        "ratio" => ratio(g, x, n),
        "log" => {
            let ratio = ratio(g, x, n);
            g.row1(Row1::Ln, ratio)
        }
        _ => g.rocp(x, n),
    };
    vec![value]
}
