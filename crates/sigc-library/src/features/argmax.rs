//! `features.argmax`: where in the window the greatest value is.
//!
//! The position counts from the oldest row, 1, to the newest, `window`.

use super::common::{COLUMN, VALUE, WINDOW, over_window, rows_before};
use super::ties::{TIES, ties};
use sigc_catalog::{Example, Feature, Info};
use sigc_plan::WindowFn;

pub(super) static ARGMAX: Feature = Feature {
    info: Info {
        name: "features.argmax",
        capability: "middlefreq",
        summary: "position of the greatest value in the window",
        doc: "\
Where in the last n = `window` rows the greatest value is, in rows: 1 is the oldest, n the newest. Among equal values \
the oldest wins, with `ties: last` the newest.

**Nulls.** Null where any row of the window is null.

**First value** at row `window` - 1. `ties: first` is numpy's `argmax` plus 1.",
        params: &[&WINDOW, &TIES],
    },
    roles: COLUMN,
    outputs: VALUE,
    build: |g, inputs, args| vec![over_window(g, inputs, args, WindowFn::ArgMax(ties(args)))],
    lookback: rows_before,
    check: Feature::no_check,
    examples: &[
        Example {
            title: "the oldest of two equals",
            args: &[("window", "3")],
            input: &[("column", cells![1.0, 3.0, 3.0, 2.0, null])],
            output: &[("value", cells![null, null, 2.0, 1.0, null])],
        },
        Example {
            title: "the newest of two equals",
            args: &[("window", "3"), ("ties", "last")],
            input: &[("column", cells![1.0, 3.0, 3.0, 2.0, null])],
            output: &[("value", cells![null, null, 3.0, 2.0, null])],
        },
    ],
};
