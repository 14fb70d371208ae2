//! Rank of the newest cell in its strict window: the average rank of equals, over n, so in (0, 1].
//!
//! With `below` cells less than the newest and `equal` ones (itself included) the average rank is
//! `below + (equal + 1) / 2`, that is half of `below + (below + equal) + 1`: whole numbers, so exact in any order.

use super::runs::Runs;
use super::sum_lanes;
use sigc_market::NULL;

/// Rows of state.
pub(crate) const STATE: usize = super::runs::ROWS;

/// The average rank over the number of cells.
pub(crate) fn define(cells: &[f64]) -> f64 {
    let newest = cells[cells.len() - 1];
    let below = cells.iter().filter(|&&x| x < newest).count() as f64;
    let equal = cells.iter().filter(|&&x| x == newest).count() as f64;
    (below + (equal + 1.0) / 2.0) / cells.len() as f64
}

/// Runs over `x`, which begins `n - 1` rows before the first.
#[inline(always)]
pub(crate) fn kernel<const W: usize>(x: &[[f64; W]], n: usize, state: &mut [[f64; W]], out: &mut [[f64; W]]) {
    let cells = n as f64;
    let mut runs = Runs::new(state);
    for (window, out) in x.windows(n).zip(out) {
        let newest = &window[n - 1];
        runs.take(newest);
        if !runs.any_full(cells) {
            *out = [NULL; W];
            continue;
        }
        let ranks = count(window, newest).map(|c| (c + 1.0) / 2.0 / cells);
        for l in 0..W {
            out[l] = if runs.full(l, cells) { ranks[l] } else { NULL };
        }
    }
}

/// `below + (below + equal)` per lane.
#[inline(always)]
fn count<const W: usize>(window: &[[f64; W]], newest: &[f64; W]) -> [f64; W] {
    if W == 1 {
        return [count_one(window.as_flattened(), newest[0]); W];
    }
    sum_lanes(window, |_, x, l| (if x < newest[l] { 1.0 } else { 0.0 }) + (if x <= newest[l] { 1.0 } else { 0.0 }))
}

/// In integers of a cell's width, so that the masks add up directly and in any order.
#[inline(always)]
fn count_one(window: &[f64], newest: f64) -> f64 {
    let (mut below, mut not_above) = (0i64, 0i64);
    for &x in window {
        below += i64::from(x < newest);
        not_above += i64::from(x <= newest);
    }
    (below + not_above) as f64
}
