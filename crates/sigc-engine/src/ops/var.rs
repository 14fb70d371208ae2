//! Variance over a strict window in two passes: the mean, then the squared distances from it.

use super::runs::Runs;
use super::{finite, sum_lanes, sum_of};
use sigc_market::NULL;

/// Rows of state.
pub(crate) const STATE: usize = super::runs::ROWS;

/// Squared distances from the mean over `n - ddof`; 0 on a flat window; null if `ddof >= n`.
pub(crate) fn define(cells: &[f64], ddof: u32) -> f64 {
    let n = cells.len();
    let freedom = n as f64 - f64::from(ddof);
    if freedom <= 0.0 {
        return NULL;
    }
    if cells.iter().all(|&x| x == cells[0]) {
        return 0.0;
    }
    let mean = sum_of(n, |i| cells[i]) / n as f64;
    sum_of(n, |i| (cells[i] - mean) * (cells[i] - mean)) / freedom
}

/// Runs over `x`, which begins `n - 1` rows before the first.
pub(crate) fn kernel<const W: usize>(
    x: &[[f64; W]],
    n: usize,
    ddof: u32,
    state: &mut [[f64; W]],
    out: &mut [[f64; W]],
) {
    let cells = n as f64;
    let freedom = cells - f64::from(ddof);
    let mut runs = Runs::new(state);
    for (window, out) in x.windows(n).zip(out) {
        runs.take(&window[n - 1]);
        if freedom <= 0.0 || !runs.any_full(cells) {
            *out = [NULL; W];
            continue;
        }
        let squares = squares(window);
        for l in 0..W {
            let var = if runs.flat(l, cells) { 0.0 } else { finite(squares[l] / freedom) };
            out[l] = if runs.full(l, cells) { var } else { NULL };
        }
    }
}

/// The sum of the squared distances from the mean, per lane.
#[inline(always)]
pub(crate) fn squares<const W: usize>(window: &[[f64; W]]) -> [f64; W] {
    let n = window.len() as f64;
    let mean = sum_lanes(window, |_, row, l| row[l]).map(|s| s / n);
    sum_lanes(window, |_, row, l| (row[l] - mean[l]) * (row[l] - mean[l]))
}
