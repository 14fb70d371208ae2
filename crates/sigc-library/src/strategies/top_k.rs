//! `strategies.top_k`: long in the greatest predictions of the universe, short in the least.
//!
//! At each row, over the symbols that have a prediction:
//!
//! ```text
//! long  = place of x from the greatest <= k
//! short = place of x from the least, among those that are not long, <= bottom
//! value = 1 where long        -1 where short        else 0
//! ```

use sigc_catalog::{ArgProblem, Args, Example, Feature, Info, Inputs, Known, Output, Param, Role};
use sigc_plan::{CrossFn, Op, Ops, Row1, Row2, ValueId};

const K: Param<u32> = Param::int("k", "how many symbols are long: those with the greatest predictions");
const BOTTOM: Param<u32> =
    Param::int("bottom", "how many of the others are short: those with the least predictions").min(0).default(0);

pub(super) static TOP_K: Feature = Feature {
    info: Info {
        name: "strategies.top_k",
        capability: "middlefreq",
        summary: "long in the k greatest predictions of the universe, short in the least",
        doc: "\
1 for the `k` symbols with the greatest predictions of the row, -1 for the `bottom` symbols with the least of the others, \
else 0. With `k: 1, bottom: 1`, predictions of 0.2, -0.1, 0.7 and null for four symbols give 0, -1, 1 and null.

**Ties** are broken by the order of the universe: of equal predictions that of the earlier symbol counts as the greater \
one for the long side, and as the less for the short side.

**Few symbols.** Where fewer than `k` symbols have a prediction all of them are long; the short side gets what is left.

**Waiting.** A row is computed when every symbol of the universe has its bar of that instant, or a declared gap in its \
place: in a live run the slowest symbol holds the others up, at most until its row is given up.

**Nulls.** A symbol whose prediction is null takes no part, and its value is null.

**First value** in the prediction's first row.",
        params: &[&K, &BOTTOM],
    },
    roles: &[Role::COLUMN],
    outputs: &[Output::VALUE],
    build,
    lookback: |_| vec![0],
    check,
    // By hand. An example holds one symbol; `tests/it/top_k.rs` has universes.
    examples: &[
        Example {
            title: "alone in its universe a symbol is always the greatest",
            args: &[("k", "1")],
            input: &[("column", cells![0.2, -0.1, null])],
            output: &[("value", cells![1.0, 1.0, null])],
        },
    ],
};

fn build(g: &mut Ops<'_>, inputs: &Inputs, args: &Args) -> Vec<ValueId> {
    let x = inputs.column();
    let zero = g.constant(0.0);
    let long = first(g, x, args.get(&K));
    let bottom = args.get(&BOTTOM);
    if bottom == 0 {
        // A number, not a condition.
        return vec![g.add(long, zero)];
    }
    // Who is long is not among those that the short side chooses from.
    let null = g.constant(f64::NAN);
    let negative = g.row1(Row1::Neg, x);
    let rest = g.push(Op::If(long, null, negative));
    let short = first(g, rest, bottom);
    let (one, minus) = (g.constant(1.0), g.sub(zero, short));
    vec![g.push(Op::If(long, one, minus))]
}

/// Whether a symbol is among the `n` greatest.
fn first(g: &mut Ops<'_>, x: ValueId, n: u32) -> ValueId {
    let (place, last) = (g.cross(CrossFn::Order, x), g.constant(f64::from(n)));
    g.row2(Row2::Le, place, last)
}

fn check(args: &Args, known: Known) -> Vec<ArgProblem> {
    let (k, bottom) = (args.get(&K), args.get(&BOTTOM));
    let Some(n) = known.n_symbols.filter(|&n| u64::from(k) + u64::from(bottom) > n as u64) else { return Vec::new() };
    let (param, asked) =
        if bottom > 0 { (BOTTOM.name(), format!("{k} + {bottom}")) } else { (K.name(), k.to_string()) };
    vec![ArgProblem {
        param,
        message: format!("the universe has {n} symbols, and {asked} of them are to be held"),
        help: Some(format!("write `k` and `bottom` of together at most {n}, or add symbols to the universe")),
    }]
}
