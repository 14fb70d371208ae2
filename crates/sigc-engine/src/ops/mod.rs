//! What each op computes, one family a file, each twice over.
//!
//! `define` is the op's meaning: a plain scalar function from the window's cells (oldest first), and where it matters
//! the row number, to the cell. The [reference interpreter](crate::reference) uses nothing else. `kernel` computes the
//! same bits for `W` lanes and a run of rows; the live driver (one lane, one row) and the panel driver (several lanes,
//! a tile of rows) share it.
//!
//! Sums over a whole window run in [`PARTS`] interleaved partial sums: the cell at position i (0 = oldest) goes to
//! part `i % PARTS`, and the parts are added as `(0 + 1) + (2 + 3)`. Kernel operands are slices of rows `[f64; W]`
//! that end at the newest row of the run and begin as many rows before its first as the kernel looks back.

// Lanes are indexed in step in several arrays; an iterator over one of them would hide that.
#![expect(clippy::needless_range_loop)]

pub(crate) mod aggregate;
pub(crate) mod arg;
pub(crate) mod block;
pub(crate) mod cross;
pub(crate) mod extreme;
pub(crate) mod linear;
pub(crate) mod pair;
pub(crate) mod present;
pub(crate) mod quantile;
pub(crate) mod rank;
pub(crate) mod row;
pub(crate) mod runs;
pub(crate) mod smooth;
pub(crate) mod sum;
pub(crate) mod trend;
pub(crate) mod var;

use sigc_market::NULL;
use sigc_plan::WindowFn;

/// Interleaved partial sums of a window: enough to hide the latency of an addition.
pub(crate) const PARTS: usize = 4;

/// The finite number itself, else the canonical null.
#[inline(always)]
pub(crate) fn finite(x: f64) -> f64 {
    // As a comparison of floats it vectorises on every target, which `is_finite` does not.
    if x.abs() < f64::INFINITY { x } else { NULL }
}

/// The sum of `n` terms in the order every window sum has.
pub(crate) fn sum_of(n: usize, term: impl Fn(usize) -> f64) -> f64 {
    let mut parts = [0.0; PARTS];
    for i in 0..n {
        parts[i % PARTS] += term(i);
    }
    (parts[0] + parts[1]) + (parts[2] + parts[3])
}

/// Lanes whose partial sums fit the registers of any 64-bit machine together.
pub(crate) const ABREAST: usize = 4;

/// Partial sums of a few lanes.
pub(crate) type Parts<const L: usize> = [[f64; L]; PARTS];

/// The end of a window sum: [`sum_of`]'s last line, per lane.
#[inline(always)]
pub(crate) fn join<const L: usize>(parts: &Parts<L>) -> [f64; L] {
    std::array::from_fn(|l| (parts[0][l] + parts[1][l]) + (parts[2][l] + parts[3][l]))
}

/// Computes something of all lanes, a few abreast: `$f::<W, L>(args, first lane)` gives `[_; L]`.
macro_rules! abreast {
    ($w:ident, $zero:expr, $f:ident($($arg:expr),*)) => {{
        let mut all = [$zero; $w];
        if $w % $crate::ops::ABREAST == 0 {
            for at in (0..$w).step_by($crate::ops::ABREAST) {
                let some = $f::<$w, { $crate::ops::ABREAST }>($($arg),*, at);
                all[at..at + $crate::ops::ABREAST].copy_from_slice(&some);
            }
        } else {
            for at in 0..$w {
                all[at] = $f::<$w, 1>($($arg),*, at)[0];
            }
        }
        all
    }};
}
pub(crate) use abreast;

/// [`sum_of`] for lanes: `term(i, x, l)` is the term of cell x at position i in lane l.
#[inline(always)]
pub(crate) fn sum_lanes<const W: usize>(window: &[[f64; W]], term: impl Fn(usize, f64, usize) -> f64) -> [f64; W] {
    abreast!(W, 0.0, sum_some(window, &term))
}

#[inline(always)]
fn sum_some<const W: usize, const L: usize>(
    window: &[[f64; W]],
    term: &impl Fn(usize, f64, usize) -> f64,
    at: usize,
) -> [f64; L] {
    let mut parts = [[0.0; L]; PARTS];
    let (fours, rest) = window.as_chunks::<PARTS>();
    for (c, four) in fours.iter().enumerate() {
        for (j, part) in parts.iter_mut().enumerate() {
            for l in 0..L {
                part[l] += term(c * PARTS + j, four[j][at + l], at + l);
            }
        }
    }
    for (j, row) in rest.iter().enumerate() {
        for l in 0..L {
            parts[j][l] += term(fours.len() * PARTS + j, row[at + l], at + l);
        }
    }
    join(&parts)
}

/// The meaning of every window function: `cells` oldest first, `row` the number of the newest.
pub(crate) fn define_window(f: WindowFn, min_count: usize, cells: &[f64], row: i64) -> f64 {
    if min_count < cells.len() {
        return present::define(f, min_count, cells);
    }
    if cells.iter().any(|x| x.is_nan()) {
        return NULL;
    }
    finite(match f {
        WindowFn::Sum => sum::define(cells, row),
        WindowFn::Mean => sum::define(cells, row) / cells.len() as f64,
        WindowFn::Min => extreme::define_min(cells),
        WindowFn::Max => extreme::define_max(cells),
        WindowFn::Var { ddof } => var::define(cells, row, ddof),
        WindowFn::ArgMin(ties) => arg::define(cells, ties, |a, b| a < b),
        WindowFn::ArgMax(ties) => arg::define(cells, ties, |a, b| a > b),
        WindowFn::Rank => rank::define(cells),
        WindowFn::Quantile { q } => quantile::define(cells, q.0),
        WindowFn::LinearMean => linear::define(cells),
        WindowFn::Slope => trend::define_slope(cells),
        WindowFn::RSquare => trend::define_r_square(cells),
    })
}
