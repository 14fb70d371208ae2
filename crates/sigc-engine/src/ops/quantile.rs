//! Quantile of a strict window: linear between order statistics at `h = q (n - 1)`.
//!
//! The kernel keeps the window's non-null cells sorted: one removed, one put in, per row. Order is the total order
//! of IEEE 754 (-0 before 0), so the sorted cells are a function of the window alone.

use super::finite;
use sigc_market::NULL;
use std::cmp::Ordering;

/// State rows for a window of `n`: the sorted cells and how many there are.
pub(crate) const fn state_rows(n: usize) -> usize {
    n + 1
}

/// `s[i] + (s[i+1] - s[i]) f` with `h = i + f`.
pub(crate) fn define(cells: &[f64], q: f64) -> f64 {
    let mut sorted = cells.to_vec();
    sorted.sort_by(f64::total_cmp);
    let h = q * (sorted.len() as f64 - 1.0);
    let i = h.floor() as usize;
    if i + 1 >= sorted.len() { sorted[i] } else { sorted[i] + (sorted[i + 1] - sorted[i]) * (h - h.floor()) }
}

/// Runs over `x`, which begins `n` rows before the first.
#[inline(always)]
pub(crate) fn kernel<const W: usize>(x: &[[f64; W]], n: usize, q: f64, state: &mut [[f64; W]], out: &mut [[f64; W]]) {
    let (sorted, rest) = state.split_at_mut(n);
    let counts = &mut rest[0];
    let h = q * (n as f64 - 1.0);
    let (i, f) = (h.floor() as usize, h - h.floor());
    for (k, out) in out.iter_mut().enumerate() {
        let (leaving, coming) = (&x[k], &x[n + k]);
        for l in 0..W {
            let mut len = if counts[l] > 0.0 { counts[l] as usize } else { 0 };
            if !leaving[l].is_nan() && len > 0 {
                let at = position(sorted, len, l, leaving[l]);
                for j in at + 1..len {
                    sorted[j - 1][l] = sorted[j][l];
                }
                len -= 1;
            }
            if !coming[l].is_nan() {
                let at = position(sorted, len, l, coming[l]);
                for j in (at..len).rev() {
                    sorted[j + 1][l] = sorted[j][l];
                }
                sorted[at][l] = coming[l];
                len += 1;
            }
            counts[l] = len as f64;
            out[l] = if len < n {
                NULL
            } else if i + 1 >= n {
                sorted[i][l]
            } else {
                finite(sorted[i][l] + (sorted[i + 1][l] - sorted[i][l]) * f)
            };
        }
    }
}

/// The first position whose cell is not before `x`.
#[inline(always)]
fn position<const W: usize>(sorted: &[[f64; W]], len: usize, l: usize, x: f64) -> usize {
    sorted[..len].partition_point(|row| row[l].total_cmp(&x) == Ordering::Less)
}
