//! Windows that ask for `min_count` non-null cells: sum, mean, least, greatest and variance of what is there.
//!
//! One pass in window order (two for the variance), oldest first; null if fewer than `min_count` cells are there.

use super::finite;
use sigc_market::NULL;
use sigc_plan::WindowFn;

/// The value over the non-null cells. A function that has no such form is null.
pub(crate) fn define(f: WindowFn, min_count: usize, cells: &[f64]) -> f64 {
    let there: Vec<f64> = cells.iter().copied().filter(|x| !x.is_nan()).collect();
    if there.len() < min_count {
        return NULL;
    }
    let count = there.len() as f64;
    let sum = there.iter().fold(0.0, |s, x| s + x);
    finite(match f {
        WindowFn::Sum => sum,
        WindowFn::Mean => sum / count,
        WindowFn::Min => super::extreme::define_min(&there),
        WindowFn::Max => super::extreme::define_max(&there),
        WindowFn::Var { ddof } => {
            let (mean, freedom) = (sum / count, count - f64::from(ddof));
            if freedom <= 0.0 {
                NULL
            } else if there.iter().all(|&x| x == there[0]) {
                0.0
            } else {
                there.iter().fold(0.0, |s, x| s + (x - mean) * (x - mean)) / freedom
            }
        }
        _ => NULL,
    })
}

/// Runs over `x`, which begins `n - 1` rows before the first.
#[inline(always)]
pub(crate) fn kernel<const W: usize>(x: &[[f64; W]], f: WindowFn, n: usize, min_count: usize, out: &mut [[f64; W]]) {
    for (window, out) in x.windows(n).zip(out) {
        for l in 0..W {
            out[l] = one(f, min_count, window.iter().map(|row| row[l]));
        }
    }
}

#[inline(always)]
fn one(f: WindowFn, min_count: usize, cells: impl Iterator<Item = f64> + Clone) -> f64 {
    let there = cells.filter(|x| !x.is_nan());
    let (mut count, mut sum, mut least, mut greatest) = (0, 0.0, NULL, NULL);
    for x in there.clone() {
        (least, greatest) = if count == 0 {
            (x, x)
        } else {
            (if x < least { x } else { least }, if x > greatest { x } else { greatest })
        };
        count += 1;
        sum += x;
    }
    if count < min_count {
        return NULL;
    }
    let cells = count as f64;
    finite(match f {
        WindowFn::Sum => sum,
        WindowFn::Mean => sum / cells,
        WindowFn::Min => least,
        WindowFn::Max => greatest,
        WindowFn::Var { ddof } => {
            let (mean, freedom) = (sum / cells, cells - f64::from(ddof));
            if freedom <= 0.0 {
                NULL
            } else if least == greatest {
                0.0
            } else {
                there.fold(0.0, |s, x| s + (x - mean) * (x - mean)) / freedom
            }
        }
        _ => NULL,
    })
}
