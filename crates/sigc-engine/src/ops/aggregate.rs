//! The cells of a bucket become one: first, last, least, greatest, sum or count of the non-null ones.

use super::extreme::{greater, lesser};
use super::finite;
use sigc_market::NULL;
use sigc_plan::{Aggregate, Incomplete};

/// State rows: the result so far, non-null cells, null cells.
pub(crate) const STATE: usize = 3;

/// The bucket's cell; null if none is non-null (a count is then 0), or any is null where the rule says so.
pub(crate) fn define(how: Aggregate, incomplete: Incomplete, cells: &[f64]) -> f64 {
    let there: Vec<f64> = cells.iter().copied().filter(|x| !x.is_nan()).collect();
    if incomplete == Incomplete::Null && there.len() < cells.len() {
        return NULL;
    }
    let value = match how {
        Aggregate::First => there.first().copied(),
        Aggregate::Last => there.last().copied(),
        Aggregate::Min => there.into_iter().reduce(lesser),
        Aggregate::Max => there.into_iter().reduce(greater),
        Aggregate::Sum => there.into_iter().reduce(|a, b| a + b),
        Aggregate::Count => Some(there.len() as f64),
    };
    value.map_or(NULL, finite)
}

/// Takes the rows of `x`; after the row whose position is in `closings` a bucket is complete and goes to `out`.
#[inline(always)]
pub(crate) fn kernel<const W: usize>(
    x: &[[f64; W]],
    how: Aggregate,
    incomplete: Incomplete,
    closings: &[u32],
    state: &mut [[f64; W]],
    out: &mut [[f64; W]],
) {
    let [value, there, nulls] = state else { unreachable!("the program reserves these rows") };
    if there[0].is_nan() {
        (*there, *nulls) = ([0.0; W], [0.0; W]);
    }
    let mut done = 0;
    for (i, x) in x.iter().enumerate() {
        match how {
            Aggregate::First => take(value, there, nulls, x, |a, _| a),
            Aggregate::Last => take(value, there, nulls, x, |_, b| b),
            Aggregate::Min => take(value, there, nulls, x, lesser),
            Aggregate::Max => take(value, there, nulls, x, greater),
            Aggregate::Sum => take(value, there, nulls, x, |a, b| a + b),
            Aggregate::Count => take(value, there, nulls, x, |a, _| a),
        }
        if closings.get(done) != Some(&(i as u32)) {
            continue;
        }
        for l in 0..W {
            let result = if how == Aggregate::Count { there[l] } else { finite(value[l]) };
            let broken = incomplete == Incomplete::Null && nulls[l] > 0.0;
            out[done][l] = if broken { NULL } else { result };
        }
        (*value, *there, *nulls) = ([NULL; W], [0.0; W], [0.0; W]);
        done += 1;
    }
}

#[inline(always)]
fn take<const W: usize>(
    value: &mut [f64; W],
    there: &mut [f64; W],
    nulls: &mut [f64; W],
    x: &[f64; W],
    combine: impl Fn(f64, f64) -> f64,
) {
    for l in 0..W {
        let null = x[l].is_nan();
        let next = if there[l] > 0.0 { combine(value[l], x[l]) } else { x[l] };
        value[l] = if null { value[l] } else { next };
        there[l] += if null { 0.0 } else { 1.0 };
        nulls[l] += if null { 1.0 } else { 0.0 };
    }
}
