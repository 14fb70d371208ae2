//! The least-squares line on 0..n-1: its slope, and the share of the variance that it explains.
//!
//! With `c = (n - 1) / 2` the slope is `S / (n (n^2 - 1) / 12)`, `S` the sum of `(i - c) x[i]`. Positions i and
//! n-1-i have opposite weights, so `S` is taken over pairs, `(c - i) (x[n-1-i] - x[i])`: the level of x cancels
//! before it is multiplied, which is what centring is for.

use super::runs::Runs;
use super::var::squares;
use super::{PARTS, finite, join, sum_of};
use sigc_market::NULL;

/// Rows of state.
pub(crate) const STATE: usize = super::runs::ROWS;

fn tilt_of(cells: &[f64]) -> f64 {
    let n = cells.len();
    let centre = (n as f64 - 1.0) / 2.0;
    sum_of(n / 2, |i| (centre - i as f64) * (cells[n - 1 - i] - cells[i]))
}

/// The sum of squares of the positions around their centre.
fn spread(n: usize) -> f64 {
    let n = n as f64;
    n * (n * n - 1.0) / 12.0
}

/// The slope per row; 0 on a flat window.
pub(crate) fn define_slope(cells: &[f64]) -> f64 {
    if cells.iter().all(|&x| x == cells[0]) {
        return 0.0;
    }
    tilt_of(cells) / spread(cells.len())
}

/// The coefficient of determination, at most 1; null on a flat window.
pub(crate) fn define_r_square(cells: &[f64]) -> f64 {
    if cells.iter().all(|&x| x == cells[0]) {
        return NULL;
    }
    let n = cells.len();
    let mean = sum_of(n, |i| cells[i]) / n as f64;
    let squares = sum_of(n, |i| (cells[i] - mean) * (cells[i] - mean));
    share(tilt_of(cells), spread(n), squares)
}

#[inline(always)]
fn share(tilt: f64, spread: f64, squares: f64) -> f64 {
    let share = (tilt / spread) * (tilt / squares);
    if share > 1.0 { 1.0 } else { share }
}

#[inline(always)]
fn tilt<const W: usize>(window: &[[f64; W]]) -> [f64; W] {
    let n = window.len();
    let centre = (n as f64 - 1.0) / 2.0;
    let mut parts = [[0.0; W]; PARTS];
    let (old, new) = (&window[..n / 2], &window[n - n / 2..]);
    let (olds, old_rest) = old.as_chunks::<PARTS>();
    // From the newest backwards, in the same groups.
    let (new_rest, news) = new.as_rchunks::<PARTS>();
    let mut weight = centre;
    for (o, n) in olds.iter().zip(news.iter().rev()) {
        for (j, part) in parts.iter_mut().enumerate() {
            let w = weight - j as f64;
            for l in 0..W {
                part[l] += w * (n[PARTS - 1 - j][l] - o[j][l]);
            }
        }
        weight -= PARTS as f64;
    }
    for (j, (o, n)) in old_rest.iter().zip(new_rest.iter().rev()).enumerate() {
        let w = weight - j as f64;
        for l in 0..W {
            parts[j][l] += w * (n[l] - o[l]);
        }
    }
    join(&parts)
}

/// Runs over `x`, which begins `n - 1` rows before the first.
pub(crate) fn slope<const W: usize>(x: &[[f64; W]], n: usize, state: &mut [[f64; W]], out: &mut [[f64; W]]) {
    let (cells, spread) = (n as f64, spread(n));
    let mut runs = Runs::new(state);
    for (window, out) in x.windows(n).zip(out) {
        runs.take(&window[n - 1]);
        if !runs.any_full(cells) {
            *out = [NULL; W];
            continue;
        }
        let tilt = tilt(window);
        for l in 0..W {
            let slope = if runs.flat(l, cells) { 0.0 } else { finite(tilt[l] / spread) };
            out[l] = if runs.full(l, cells) { slope } else { NULL };
        }
    }
}

/// Runs over `x`, which begins `n - 1` rows before the first.
pub(crate) fn r_square<const W: usize>(x: &[[f64; W]], n: usize, state: &mut [[f64; W]], out: &mut [[f64; W]]) {
    let (cells, spread) = (n as f64, spread(n));
    let mut runs = Runs::new(state);
    for (window, out) in x.windows(n).zip(out) {
        runs.take(&window[n - 1]);
        if !runs.any_full(cells) {
            *out = [NULL; W];
            continue;
        }
        let (tilt, squares) = (tilt(window), squares(window));
        for l in 0..W {
            let share = finite(share(tilt[l], spread, squares[l]));
            out[l] = if runs.full(l, cells) && !runs.flat(l, cells) { share } else { NULL };
        }
    }
}
