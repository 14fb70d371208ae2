//! Variance over a strict window: the mean by [aligned blocks](super::block), then the squared distances from it in
//! one pass over the window.

use super::block::{self, Blocks};
use super::runs::{ROWS, Runs};
use super::{finite, sum_lanes, sum_of};
use sigc_market::NULL;

/// State rows for a window of `n`: its runs and its blocks.
pub(crate) const fn state_rows(n: usize) -> usize {
    ROWS + block::state_rows(n)
}

/// Squared distances from the mean over `n - ddof`; 0 on a flat window; null if `ddof >= n`.
pub(crate) fn define(cells: &[f64], row: i64, ddof: u32) -> f64 {
    let n = cells.len();
    let freedom = n as f64 - f64::from(ddof);
    if freedom <= 0.0 {
        return NULL;
    }
    if cells.iter().all(|&x| x == cells[0]) {
        return 0.0;
    }
    let mean = super::sum::define(cells, row) / n as f64;
    sum_of(n, |i| (cells[i] - mean) * (cells[i] - mean)) / freedom
}

/// Runs over `x`, which begins `n` rows before the first.
#[inline(always)]
pub(crate) fn kernel<const W: usize>(
    x: &[[f64; W]],
    first_row: i64,
    n: usize,
    ddof: u32,
    state: &mut [[f64; W]],
    out: &mut [[f64; W]],
) {
    let cells = n as f64;
    let freedom = cells - f64::from(ddof);
    let (runs, blocks) = state.split_at_mut(ROWS);
    let (mut runs, mut blocks) = (Runs::new(runs), Blocks::new(blocks, first_row, n));
    for (i, out) in out.iter_mut().enumerate() {
        runs.take(&x[n + i]);
        let mean = blocks.take(&x[i..n + i], &x[n + i], |a, b| a + b).map(|s| s / cells);
        if freedom <= 0.0 || !runs.any_full(cells) {
            *out = [NULL; W];
            continue;
        }
        let squares = sum_lanes(&x[i + 1..=n + i], |_, x, l| (x - mean[l]) * (x - mean[l]));
        let vars = squares.map(|s| finite(s / freedom));
        for l in 0..W {
            let var = if runs.flat(l, cells) { 0.0 } else { vars[l] };
            out[l] = if runs.full(l, cells) { var } else { NULL };
        }
    }
    blocks.finish();
}
