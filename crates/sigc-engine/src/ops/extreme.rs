//! Least and greatest over a strict window, by [aligned blocks](super::block).
//!
//! The oldest of equal cells stands: so 0 and -0 have one answer, whatever the bracketing.

use super::block;

/// The lesser; the older where they are equal; null if either is.
#[inline(always)]
pub(crate) fn lesser(older: f64, newer: f64) -> f64 {
    let lesser = if newer < older { newer } else { older };
    if newer.is_nan() { newer } else { lesser }
}

/// The greater; the older where they are equal; null if either is.
#[inline(always)]
pub(crate) fn greater(older: f64, newer: f64) -> f64 {
    let greater = if newer > older { newer } else { older };
    if newer.is_nan() { newer } else { greater }
}

/// The least cell.
pub(crate) fn define_min(cells: &[f64]) -> f64 {
    cells.iter().copied().reduce(lesser).expect("a window has a cell")
}

/// The greatest cell.
pub(crate) fn define_max(cells: &[f64]) -> f64 {
    cells.iter().copied().reduce(greater).expect("a window has a cell")
}

/// Runs over `x`, which begins `n` rows before the first.
#[inline(always)]
pub(crate) fn kernel<const W: usize>(
    x: &[[f64; W]],
    first_row: i64,
    n: usize,
    least: bool,
    state: &mut [[f64; W]],
    out: &mut [[f64; W]],
) {
    if least {
        block::kernel(x, first_row, n, state, out, lesser, |x| x);
    } else {
        block::kernel(x, first_row, n, state, out, greater, |x| x);
    }
}
