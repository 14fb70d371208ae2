//! Mean with weights 1 for the oldest up to n for the newest, by a direct sum.

use super::{finite, sum_lanes, sum_of};

fn weights(n: usize) -> f64 {
    let n = n as f64;
    n * (n + 1.0) / 2.0
}

/// The weighted sum over the sum of the weights.
pub(crate) fn define(cells: &[f64]) -> f64 {
    sum_of(cells.len(), |i| (i as f64 + 1.0) * cells[i]) / weights(cells.len())
}

/// Runs over `x`, which begins `n - 1` rows before the first; a null makes the sum null by itself.
#[inline(always)]
pub(crate) fn kernel<const W: usize>(x: &[[f64; W]], n: usize, out: &mut [[f64; W]]) {
    let weights = weights(n);
    for (window, out) in x.windows(n).zip(out) {
        *out = sum_lanes(window, |i, x, _| (i as f64 + 1.0) * x).map(|s| finite(s / weights));
    }
}
