//! Row-wise ops. Their meaning is `Row1::apply` and `Row2::apply`, which the constant folder shares.

use sigc_market::NULL;
use sigc_plan::{Row1, Row2};

/// `a` where `c` is non-zero, else `b`; null where `c` is null.
#[inline(always)]
pub(crate) fn choose(c: f64, a: f64, b: f64) -> f64 {
    let chosen = if c != 0.0 { a } else { b };
    if c.is_nan() { NULL } else { chosen }
}

// Lanes and rows are one to a row-wise op: flat loops vectorise best.

#[inline(always)]
fn map<const W: usize>(x: &[[f64; W]], out: &mut [[f64; W]], f: impl Fn(f64) -> f64) {
    for (x, out) in x.as_flattened().iter().zip(out.as_flattened_mut()) {
        *out = f(*x);
    }
}

#[inline(always)]
fn zip<const W: usize>(a: &[[f64; W]], b: &[[f64; W]], out: &mut [[f64; W]], f: impl Fn(f64, f64) -> f64) {
    for ((a, b), out) in a.as_flattened().iter().zip(b.as_flattened()).zip(out.as_flattened_mut()) {
        *out = f(*a, *b);
    }
}

/// One operand.
#[inline(always)]
pub(crate) fn row1<const W: usize>(f: Row1, x: &[[f64; W]], out: &mut [[f64; W]]) {
    // One loop per function: a constant in each, it folds into the loop.
    macro_rules! arms {
        ($($name:ident)*) => { match f { $(Row1::$name => map(x, out, |x| Row1::$name.apply(x)),)* } };
    }
    arms!(Neg Abs Ln Exp Sqrt Sign Not);
}

/// Two operands.
#[inline(always)]
pub(crate) fn row2<const W: usize>(f: Row2, a: &[[f64; W]], b: &[[f64; W]], out: &mut [[f64; W]]) {
    macro_rules! arms {
        ($($name:ident)*) => { match f { $(Row2::$name => zip(a, b, out, |a, b| Row2::$name.apply(a, b)),)* } };
    }
    arms!(Add Sub Mul Div Greatest Least Pow Lt Le Gt Ge Eq Ne And Or Fill);
}

/// A condition and two branches.
#[inline(always)]
pub(crate) fn select<const W: usize>(c: &[[f64; W]], a: &[[f64; W]], b: &[[f64; W]], out: &mut [[f64; W]]) {
    let branches = a.as_flattened().iter().zip(b.as_flattened());
    for ((c, (a, b)), out) in c.as_flattened().iter().zip(branches).zip(out.as_flattened_mut()) {
        *out = choose(*c, *a, *b);
    }
}
