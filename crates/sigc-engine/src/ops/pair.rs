//! Covariance and correlation of two columns over a strict window, in two passes: the means, then the products of
//! the distances from them.

use super::runs::{ROWS, Runs};
use super::{PARTS, Parts, abreast, finite, join, sum_lanes, sum_of};
use sigc_market::NULL;
use sigc_plan::PairFn;

/// Rows of state: runs of both operands.
pub(crate) const STATE: usize = 2 * ROWS;

/// So near to 1 a correlation is 1: windows of two rows then tie as they should. Source: features.md section 2.
const SNAP: f64 = 1e-10;

/// Covariance with ddof 1, 0 where either is flat; correlation, null where either is flat.
pub(crate) fn define(f: PairFn, x: &[f64], y: &[f64]) -> f64 {
    let n = x.len();
    if x.iter().chain(y).any(|x| x.is_nan()) {
        return NULL;
    }
    if x.iter().all(|&c| c == x[0]) || y.iter().all(|&c| c == y[0]) {
        return if f == PairFn::Cov { 0.0 } else { NULL };
    }
    let (mx, my) = (sum_of(n, |i| x[i]) / n as f64, sum_of(n, |i| y[i]) / n as f64);
    let xy = sum_of(n, |i| (x[i] - mx) * (y[i] - my));
    finite(match f {
        PairFn::Cov => xy / (n as f64 - 1.0),
        PairFn::Corr => {
            let xx = sum_of(n, |i| (x[i] - mx) * (x[i] - mx));
            let yy = sum_of(n, |i| (y[i] - my) * (y[i] - my));
            snapped(xy / (xx.sqrt() * yy.sqrt()))
        }
    })
}

/// Kept in -1..1, and exactly there when nearly there.
#[inline(always)]
fn snapped(r: f64) -> f64 {
    if 1.0 - r.abs() <= SNAP { 1f64.copysign(r) } else { r }
}

/// Runs over `x` and `y`, which begin `n - 1` rows before the first.
#[inline(always)]
pub(crate) fn kernel<const W: usize>(
    f: PairFn,
    x: &[[f64; W]],
    y: &[[f64; W]],
    n: usize,
    state: &mut [[f64; W]],
    out: &mut [[f64; W]],
) {
    let cells = n as f64;
    let (state_x, state_y) = state.split_at_mut(ROWS);
    let (mut runs_x, mut runs_y) = (Runs::new(state_x), Runs::new(state_y));
    for ((x, y), out) in x.windows(n).zip(y.windows(n)).zip(out) {
        runs_x.take(&x[n - 1]);
        runs_y.take(&y[n - 1]);
        if !(runs_x.any_full(cells) && runs_y.any_full(cells)) {
            *out = [NULL; W];
            continue;
        }
        let [xy, xx, yy] = products(x, y);
        for l in 0..W {
            let full = runs_x.full(l, cells) && runs_y.full(l, cells);
            let flat = runs_x.flat(l, cells) || runs_y.flat(l, cells);
            let value = match f {
                PairFn::Cov => {
                    if flat {
                        0.0
                    } else {
                        finite(xy[l] / (cells - 1.0))
                    }
                }
                PairFn::Corr => {
                    if flat {
                        NULL
                    } else {
                        finite(snapped(xy[l] / (xx[l].sqrt() * yy[l].sqrt())))
                    }
                }
            };
            out[l] = if full { value } else { NULL };
        }
    }
}

/// The sums of dx dy, dx dx and dy dy, d the distance from the mean.
#[inline(always)]
fn products<const W: usize>(x: &[[f64; W]], y: &[[f64; W]]) -> [[f64; W]; 3] {
    let n = x.len() as f64;
    let mx = sum_lanes(x, |_, x, _| x).map(|s| s / n);
    let my = sum_lanes(y, |_, y, _| y).map(|s| s / n);
    let all = abreast!(W, [0.0; 3], products_some(x, y, &mx, &my));
    std::array::from_fn(|k| std::array::from_fn(|l| all[l][k]))
}

#[inline(always)]
fn products_some<const W: usize, const L: usize>(
    x: &[[f64; W]],
    y: &[[f64; W]],
    mx: &[f64; W],
    my: &[f64; W],
    at: usize,
) -> [[f64; 3]; L] {
    let mut parts: [Parts<L>; 3] = [[[0.0; L]; PARTS]; 3];
    let mut add = |j: usize, x: &[f64; W], y: &[f64; W]| {
        for l in 0..L {
            let (dx, dy) = (x[at + l] - mx[at + l], y[at + l] - my[at + l]);
            parts[0][j][l] += dx * dy;
            parts[1][j][l] += dx * dx;
            parts[2][j][l] += dy * dy;
        }
    };
    let ((xs, x_rest), (ys, y_rest)) = (x.as_chunks::<PARTS>(), y.as_chunks::<PARTS>());
    for (x, y) in xs.iter().zip(ys) {
        for j in 0..PARTS {
            add(j, &x[j], &y[j]);
        }
    }
    for (j, (x, y)) in x_rest.iter().zip(y_rest).enumerate() {
        add(j, x, y);
    }
    let sums = parts.map(|p| join(&p));
    std::array::from_fn(|l| [sums[0][l], sums[1][l], sums[2][l]])
}
