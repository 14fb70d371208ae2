//! `strategies.threshold`: a position that is entered at one level and left at another.
//!
//! A position is a matter of the last `max_hold` rows. Of these, let `e` be the newest one with `x >= enter` and `o` the
//! newest one with `x < exit`, each 0 where there is none, 1 for the oldest of the window:
//!
//! ```text
//! long = e > o              short likewise, with x <= short_enter and x > short_exit
//! position = long - short
//! ```
//!
//! So the memory is finite: whoever has read `max_hold` rows has the position that any longer history gives, bit for
//! bit, and a position that no row confirms for `max_hold` rows lapses.

use sigc_catalog::{ArgProblem, Args, Example, Feature, Info, Inputs, Known, Output, Param, Role};
use sigc_plan::{Op, Ops, Row2, Ties, ValueId, WindowFn};

const ENTER: Param<f64> = Param::number("enter", "a prediction of at least this enters a long position");
const EXIT: Param<Option<f64>> =
    Param::number("exit", "a prediction below this leaves it; at most `enter`, which it is when left out").optional();
const SHORT_ENTER: Param<Option<f64>> = Param::number(
    "short_enter",
    "a prediction of at most this enters a short position; below `exit`; left out, there are none",
)
.optional();
const SHORT_EXIT: Param<Option<f64>> = Param::number(
    "short_exit",
    "a prediction above this leaves it; at least `short_enter`, which it is when left out, and below `enter`",
)
.optional();
const MAX_HOLD: Param<u32> = Param::int(
    "max_hold",
    "rows after which a position lapses that no further prediction entered, the row that entered it included",
);

pub(super) static THRESHOLD: Feature = Feature {
    info: Info {
        name: "strategies.threshold",
        capability: "middlefreq",
        summary: "long, short or flat with hysteresis: entered at one level, left at another",
        doc: "\
1 from a row in which the prediction is at least `enter` until one in which it is below `exit`; between the levels the \
position stays as it was. With `short_enter`, -1 from a row in which the prediction is at most `short_enter` until one \
in which it is above `short_exit`. Else 0.

**Memory.** The position depends on the last `max_hold` rows only: it is long if the newest of them with \
`x >= enter` is newer than the newest of them with `x < exit`, or there is no such one. A position that no prediction \
entered again within `max_hold` rows lapses. So a restart, or a history that begins later, gives the same bits.

**Nulls.** Null where the prediction is null; such a row neither enters nor leaves, and counts as one of `max_hold`.

**First value** at row `max_hold` - 1: before that, what was entered earlier is not known.",
        params: &[&ENTER, &EXIT, &SHORT_ENTER, &SHORT_EXIT, &MAX_HOLD],
    },
    roles: &[Role::COLUMN],
    outputs: &[Output::VALUE],
    build,
    lookback: |args| vec![args.get(&MAX_HOLD) - 1],
    check,
    // By hand, row by row from the definition.
    examples: &[
        Example {
            title: "entered at 0.6, held between the levels, left below 0.5",
            args: &[("enter", "0.6"), ("exit", "0.5"), ("max_hold", "3")],
            input: &[("column", cells![0.1, 0.4, 0.6, 0.55, 0.5, 0.49, 0.55, 0.7])],
            output: &[("value", cells![null, null, 1.0, 1.0, 1.0, 0.0, 0.0, 1.0])],
        },
        Example {
            title: "a position that nothing enters again lapses after three rows",
            args: &[("enter", "0.6"), ("exit", "0.5"), ("max_hold", "3")],
            input: &[("column", cells![0.1, 0.1, 0.6, 0.55, 0.55, 0.55, 0.6, 0.55])],
            output: &[("value", cells![null, null, 1.0, 1.0, 1.0, 0.0, 1.0, 1.0])],
        },
        Example {
            title: "one level, two rows of memory",
            args: &[("enter", "1"), ("max_hold", "2")],
            input: &[("column", cells![2.0, 1.0, 0.9, 1.0])],
            output: &[("value", cells![null, 1.0, 0.0, 1.0])],
        },
        Example {
            title: "both sides",
            args: &[
                ("enter", "0.6"),
                ("exit", "0.5"),
                ("short_enter", "0.4"),
                ("short_exit", "0.5"),
                ("max_hold", "4"),
            ],
            input: &[("column", cells![0.7, 0.55, 0.3, 0.45, 0.5, 0.51, 0.45, 0.65])],
            output: &[("value", cells![null, null, null, -1.0, -1.0, 0.0, 0.0, 1.0])],
        },
        Example {
            title: "a missing prediction: nothing to show, the position is held through",
            args: &[("enter", "0.6"), ("exit", "0.5"), ("max_hold", "3")],
            input: &[("column", cells![0.1, 0.1, 0.6, null, 0.55, null, 0.6, 0.4])],
            output: &[("value", cells![null, null, 1.0, null, 1.0, null, 1.0, 0.0])],
        },
    ],
};

fn build(g: &mut Ops<'_>, inputs: &Inputs, args: &Args) -> Vec<ValueId> {
    let x = inputs.column();
    let enter = args.get(&ENTER);
    let entered = g.constant(enter);
    let left = g.constant(args.get(&EXIT).unwrap_or(enter));
    let mut position = held(g, x, (Row2::Ge, entered), (Row2::Lt, left), args);
    if let Some(enter) = args.get(&SHORT_ENTER) {
        let entered = g.constant(enter);
        let left = g.constant(args.get(&SHORT_EXIT).unwrap_or(enter));
        let short = held(g, x, (Row2::Le, entered), (Row2::Gt, left), args);
        position = g.sub(position, short);
    }
    // Null where the prediction is.
    let there = g.row2(Row2::Eq, x, x);
    vec![g.push(Op::If(there, position, position))]
}

/// 1 where the newest row that entered is newer than the newest that left, else 0.
fn held(g: &mut Ops<'_>, x: ValueId, enter: (Row2, ValueId), leave: (Row2, ValueId), args: &Args) -> ValueId {
    let entered = newest(g, x, enter, args);
    let left = newest(g, x, leave, args);
    let held = g.row2(Row2::Gt, entered, left);
    // A number, not a condition.
    let zero = g.constant(0.0);
    g.add(held, zero)
}

/// The place in the window of the newest row in which the comparison holds: 1 for the oldest row, 0 if there is none.
fn newest(g: &mut Ops<'_>, x: ValueId, (compare, level): (Row2, ValueId), args: &Args) -> ValueId {
    let n = args.get(&MAX_HOLD);
    let zero = g.constant(0.0);
    let holds = g.row2(compare, x, level);
    let holds = g.row2(Row2::Fill, holds, zero);
    let ever = g.window(WindowFn::Max, holds, n);
    let at = g.window(WindowFn::ArgMax(Ties::Last), holds, n);
    g.push(Op::If(ever, at, zero))
}

fn check(args: &Args, _: Known) -> Vec<ArgProblem> {
    let enter = args.get(&ENTER);
    let exit = args.get(&EXIT).unwrap_or(enter);
    let mut problems = Vec::new();
    let mut refuse = |param: &'static str, message: String, help: &str| {
        problems.push(ArgProblem { param, message, help: Some(help.into()) });
    };
    if exit > enter {
        refuse(
            "exit",
            format!("a position entered at {enter} would be left at once below {exit}"),
            "write an `exit` of at most `enter`",
        );
    }
    match (args.get(&SHORT_ENTER), args.get(&SHORT_EXIT)) {
        (None, Some(_)) => refuse(
            "short_exit",
            "there is no short position to leave".into(),
            "write `short_enter` as well, or leave `short_exit` out",
        ),
        (None, None) => {}
        (Some(short), exit_above) => {
            let exit_above = exit_above.unwrap_or(short);
            if exit_above < short {
                let message = format!("a position entered at {short} would be left at once above {exit_above}");
                refuse("short_exit", message, "write a `short_exit` of at least `short_enter`");
            }
            // A row that enters one side leaves the other.
            if short >= exit {
                let message = format!("a prediction of {exit} could be long and short at once");
                refuse("short_enter", message, "write a `short_enter` below `exit`");
            } else if exit_above >= enter {
                let message = format!("a prediction of {enter} could be long and short at once");
                refuse("short_exit", message, "write a `short_exit` below `enter`");
            }
        }
    }
    problems
}
