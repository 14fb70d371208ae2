//! What several features share: parameters, checks, and small compositions of ops.

use sigc_catalog::{ArgProblem, Args, Inputs, Known, Output, Param, Role};
use sigc_plan::{F64, Op, Ops, Row2, ValueId, WindowFn};

/// The window of most features: no default, at least one row.
pub(super) const WINDOW: Param<u32> = Param::int("window", "rows of the window, the current one included");
/// The window of statistics that need two rows.
pub(super) const WINDOW_FROM_2: Param<u32> = WINDOW.min(2);
/// How far back a change reaches.
pub(super) const ROWS_BACK: Param<u32> = Param::int("window", "rows back").default(1);
/// How many cells of a window must be there.
pub(super) const MIN_COUNT: Param<Option<u32>> = Param::int(
    "min_count",
    "non-null rows of the window that suffice, at most `window`; left out, all of them are asked for",
)
.optional();
/// What a variance divides by.
pub(super) const DDOF: Param<u32> =
    Param::int("ddof", "the variance divides by the number of rows less this; below `window`").min(0).default(1);
/// How a smoother starts.
pub(super) const SEED: Param<String> = Param::choice(
    "seed",
    "the first value: the mean of the first `window` values, or the first value itself",
    &["sma", "first"],
)
.default("sma");

/// One column in.
pub(super) const COLUMN: &[Role] = &[Role::COLUMN];
/// Two columns in.
pub(super) const X_Y: &[Role] = &[Role::named("x"), Role::named("y")];
/// The range of a bar.
pub(super) const HIGH_LOW: &[Role] = &[Role::named("high"), Role::named("low")];
/// The range of a bar and its close.
pub(super) const HIGH_LOW_CLOSE: &[Role] = &[Role::named("high"), Role::named("low"), Role::named("close")];
/// The same where one column may stand for all three.
pub(super) const HIGH_LOW_CLOSE_OR_COLUMN: &[Role] =
    &[Role::or_column("high"), Role::or_column("low"), Role::or_column("close")];
/// One column out.
pub(super) const VALUE: &[Output] = &[Output::VALUE];

/// Rows before the first value of a window.
pub(super) fn rows_before(args: &Args) -> Vec<u32> {
    vec![args.get(&WINDOW) - 1]
}

/// Rows before the first value of a change.
pub(super) fn rows_back(args: &Args) -> Vec<u32> {
    vec![args.get(&ROWS_BACK)]
}

/// Rows before the first value of a smoother.
pub(super) fn rows_before_smoothed(args: &Args) -> Vec<u32> {
    vec![seed_rows(args) - 1]
}

/// A function over the window of the only column.
pub(super) fn over_window(g: &mut Ops<'_>, inputs: &Inputs, args: &Args, f: WindowFn) -> ValueId {
    g.window(f, inputs.column(), args.get(&WINDOW))
}

/// The same with `min_count`.
pub(super) fn over_counted_window(g: &mut Ops<'_>, inputs: &Inputs, args: &Args, f: WindowFn) -> ValueId {
    let n = args.get(&WINDOW);
    g.window_min(f, inputs.column(), n, args.get(&MIN_COUNT).unwrap_or(n))
}

/// `x / x[n]`
pub(super) fn ratio(g: &mut Ops<'_>, x: ValueId, n: u32) -> ValueId {
    let before = g.lag(x, n);
    g.div(x, before)
}

/// Greatest high and least low of the last `n` rows.
pub(super) fn extremes(g: &mut Ops<'_>, inputs: &Inputs, n: u32) -> (ValueId, ValueId) {
    let top = g.window(WindowFn::Max, inputs.get("high"), n);
    let bottom = g.window(WindowFn::Min, inputs.get("low"), n);
    (top, bottom)
}

/// `(a + b) / 2`
pub(super) fn middle(g: &mut Ops<'_>, a: ValueId, b: ValueId) -> ValueId {
    let both = g.add(a, b);
    g.scale(0.5, both)
}

/// `x` where `with` is not null, else null.
pub(super) fn shown_with(g: &mut Ops<'_>, x: ValueId, with: ValueId) -> ValueId {
    let there = g.row2(Row2::Eq, with, with);
    g.push(Op::If(there, x, x))
}

/// A smoother of weight `alpha` that starts as `seed` says.
pub(super) fn smooth(g: &mut Ops<'_>, x: ValueId, alpha: f64, args: &Args) -> ValueId {
    g.push(Op::Smooth { x, alpha: F64(alpha), seed: seed_rows(args), skip: 0 })
}

fn seed_rows(args: &Args) -> u32 {
    if args.get(&SEED) == "first" { 1 } else { args.get(&WINDOW) }
}

/// `min_count` must not ask for more than the window holds.
pub(super) fn check_min_count(args: &Args, _: Known) -> Vec<ArgProblem> {
    let n = args.get(&WINDOW);
    let asked = args.get(&MIN_COUNT).filter(|&k| k > n);
    let problem = asked.map(|k| ArgProblem {
        param: MIN_COUNT.name(),
        message: format!("a window of {n} never holds {k} rows"),
        help: Some(format!("write a `min_count` from 1 to {n}, or leave it out to ask for all of them")),
    });
    problem.into_iter().collect()
}

/// A variance needs more rows than `ddof`.
pub(super) fn check_ddof(args: &Args, _: Known) -> Vec<ArgProblem> {
    let (n, ddof) = (args.get(&WINDOW), args.get(&DDOF));
    if ddof < n {
        return Vec::new();
    }
    vec![ArgProblem {
        param: DDOF.name(),
        message: format!("a variance over {n} rows cannot divide by {n} - {ddof}"),
        help: Some("write 1 for the sample variance, 0 for that of the window itself".into()),
    }]
}

/// Both of them.
pub(super) fn check_ddof_and_min_count(args: &Args, known: Known) -> Vec<ArgProblem> {
    let mut problems = check_ddof(args, known);
    problems.extend(check_min_count(args, known));
    problems
}
