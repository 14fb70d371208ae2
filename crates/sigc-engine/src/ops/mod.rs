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

pub(crate) mod aggregate;
pub(crate) mod arg;
pub(crate) mod block;
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
    if x.is_finite() { x } else { NULL }
}

/// The sum of `n` terms in the order every window sum has.
pub(crate) fn sum_of(n: usize, term: impl Fn(usize) -> f64) -> f64 {
    let mut parts = [0.0; PARTS];
    for i in 0..n {
        parts[i % PARTS] += term(i);
    }
    (parts[0] + parts[1]) + (parts[2] + parts[3])
}

/// Four partial sums of all lanes.
pub(crate) type Parts<const W: usize> = [[f64; W]; PARTS];

/// The end of a window sum: [`sum_of`]'s last line, per lane.
#[inline(always)]
pub(crate) fn join<const W: usize>(parts: &Parts<W>) -> [f64; W] {
    std::array::from_fn(|l| (parts[0][l] + parts[1][l]) + (parts[2][l] + parts[3][l]))
}

/// [`sum_of`] for lanes: `term(i, row, l)` is the term of position i in lane l.
#[inline(always)]
pub(crate) fn sum_lanes<const W: usize>(
    window: &[[f64; W]],
    term: impl Fn(usize, &[f64; W], usize) -> f64,
) -> [f64; W] {
    let mut parts = [[0.0; W]; PARTS];
    let (fours, rest) = window.as_chunks::<PARTS>();
    for (c, four) in fours.iter().enumerate() {
        for (j, part) in parts.iter_mut().enumerate() {
            for l in 0..W {
                part[l] += term(c * PARTS + j, &four[j], l);
            }
        }
    }
    for (j, row) in rest.iter().enumerate() {
        for l in 0..W {
            parts[j][l] += term(fours.len() * PARTS + j, row, l);
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
        WindowFn::Var { ddof } => var::define(cells, ddof),
        WindowFn::ArgMin(ties) => arg::define(cells, ties, |a, b| a < b),
        WindowFn::ArgMax(ties) => arg::define(cells, ties, |a, b| a > b),
        WindowFn::Rank => rank::define(cells),
        WindowFn::Quantile { q } => quantile::define(cells, q.0),
        WindowFn::LinearMean => linear::define(cells),
        WindowFn::Slope => trend::define_slope(cells),
        WindowFn::RSquare => trend::define_r_square(cells),
    })
}
