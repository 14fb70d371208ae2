//! Rank of the newest cell in its strict window: the average rank of equals, over n, so in (0, 1].
//!
//! With `below` cells less than the newest and `equal` ones (itself included) the average rank is
//! `below + (equal + 1) / 2`, that is half of `below + (below + equal) + 1`: whole numbers, so exact in any order.

use super::runs::Runs;
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
        let counts = count(window, newest);
        for l in 0..W {
            let rank = (counts[l] + 1) as f64 / 2.0 / cells;
            out[l] = if runs.full(l, cells) { rank } else { NULL };
        }
    }
}

/// `below + (below + equal)` per lane, in integers of a cell's width so that the masks add up directly.
#[inline(always)]
fn count<const W: usize>(window: &[[f64; W]], newest: &[f64; W]) -> [i64; W] {
    let mut parts = [[0i64; W]; 2];
    let (twos, rest) = window.as_chunks::<2>();
    for two in twos {
        for (part, row) in parts.iter_mut().zip(two) {
            for l in 0..W {
                part[l] += i64::from(row[l] < newest[l]) + i64::from(row[l] <= newest[l]);
            }
        }
    }
    for row in rest {
        for l in 0..W {
            parts[0][l] += i64::from(row[l] < newest[l]) + i64::from(row[l] <= newest[l]);
        }
    }
    std::array::from_fn(|l| parts[0][l] + parts[1][l])
}
