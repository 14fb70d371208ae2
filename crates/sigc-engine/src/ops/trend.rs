//! The least-squares line on 0..n-1: its slope, and the share of the variance that it explains.
//!
//! With `c = (n - 1) / 2` the slope is `S / (n (n^2 - 1) / 12)`, `S` the sum of `(i - c) x[i]`. Positions i and
//! n-1-i have opposite weights, so `S` is taken over pairs, `(c - i) (x[n-1-i] - x[i])`: the level of x cancels
//! before it is multiplied, which is what centring is for.

use super::runs::Runs;
use super::{PARTS, abreast, finite, join, sum_lanes, sum_of};
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

/// The sum of the squared distances from the mean, per lane.
#[inline(always)]
fn squares<const W: usize>(window: &[[f64; W]]) -> [f64; W] {
    let n = window.len() as f64;
    let mean = sum_lanes(window, |_, x, _| x).map(|s| s / n);
    sum_lanes(window, |_, x, l| (x - mean[l]) * (x - mean[l]))
}

#[inline(always)]
fn tilt<const W: usize>(window: &[[f64; W]]) -> [f64; W] {
    abreast!(W, 0.0, tilt_some(window))
}

#[inline(always)]
fn tilt_some<const W: usize, const L: usize>(window: &[[f64; W]], at: usize) -> [f64; L] {
    let n = window.len();
    let centre = (n as f64 - 1.0) / 2.0;
    let mut parts = [[0.0; L]; PARTS];
    let (old, new) = (&window[..n / 2], &window[n - n / 2..]);
    let (olds, old_rest) = old.as_chunks::<PARTS>();
    // From the newest backwards, in the same groups.
    let (new_rest, news) = new.as_rchunks::<PARTS>();
    let mut weight = centre;
    for (o, n) in olds.iter().zip(news.iter().rev()) {
        for (j, part) in parts.iter_mut().enumerate() {
            let w = weight - j as f64;
            for l in 0..L {
                part[l] += w * (n[PARTS - 1 - j][at + l] - o[j][at + l]);
            }
        }
        weight -= PARTS as f64;
    }
    for (j, (o, n)) in old_rest.iter().zip(new_rest.iter().rev()).enumerate() {
        let w = weight - j as f64;
        for l in 0..L {
            parts[j][l] += w * (n[at + l] - o[at + l]);
        }
    }
    join(&parts)
}

/// Runs over `x`, which begins `n - 1` rows before the first.
#[inline(always)]
pub(crate) fn slope<const W: usize>(x: &[[f64; W]], n: usize, state: &mut [[f64; W]], out: &mut [[f64; W]]) {
    let (cells, spread) = (n as f64, spread(n));
    let mut runs = Runs::new(state);
    for (window, out) in x.windows(n).zip(out) {
        runs.take(&window[n - 1]);
        if !runs.any_full(cells) {
            *out = [NULL; W];
            continue;
        }
        let slopes = tilt(window).map(|t| finite(t / spread));
        for l in 0..W {
            let slope = if runs.flat(l, cells) { 0.0 } else { slopes[l] };
            out[l] = if runs.full(l, cells) { slope } else { NULL };
        }
    }
}

/// Runs over `x`, which begins `n - 1` rows before the first.
#[inline(always)]
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
