//! Sum and mean over a strict window, by [aligned blocks](super::block).

use super::block;

/// The sum; the mean divides it by the number of cells.
pub(crate) fn define(cells: &[f64], row: i64) -> f64 {
    block::define(cells, row, |a, b| a + b)
}

/// Runs over `x`, which begins `n` rows before the first; `divisor` is 1 for the sum and n for the mean.
#[inline(always)]
pub(crate) fn kernel<const W: usize>(
    x: &[[f64; W]],
    first_row: i64,
    n: usize,
    divisor: f64,
    state: &mut [[f64; W]],
    out: &mut [[f64; W]],
) {
    if divisor == 1.0 {
        block::kernel(x, first_row, n, state, out, |a, b| a + b, |s| s);
    } else {
        block::kernel(x, first_row, n, state, out, |a, b| a + b, |s| s / divisor);
    }
}
