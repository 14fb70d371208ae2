//! Position of the least or greatest cell in its strict window: 1 = oldest, n = newest.

use super::runs::Runs;
use sigc_market::NULL;
use sigc_plan::Ties;

/// Rows of state.
pub(crate) const STATE: usize = super::runs::ROWS;

/// The position of the cell that no other is `better` than; `ties` picks among equals.
pub(crate) fn define(cells: &[f64], ties: Ties, better: impl Fn(f64, f64) -> bool) -> f64 {
    let mut at = 0;
    for (i, &x) in cells.iter().enumerate() {
        if better(x, cells[at]) || (ties == Ties::Last && x == cells[at]) {
            at = i;
        }
    }
    at as f64 + 1.0
}

/// Runs over `x`, which begins `n - 1` rows before the first.
#[inline(always)]
pub(crate) fn kernel<const W: usize>(
    x: &[[f64; W]],
    n: usize,
    least: bool,
    ties: Ties,
    state: &mut [[f64; W]],
    out: &mut [[f64; W]],
) {
    match (least, ties) {
        (true, Ties::First) => scan(x, n, state, out, |a, b| a < b),
        (true, Ties::Last) => scan(x, n, state, out, |a, b| a <= b),
        (false, Ties::First) => scan(x, n, state, out, |a, b| a > b),
        (false, Ties::Last) => scan(x, n, state, out, |a, b| a >= b),
    }
}

#[inline(always)]
fn scan<const W: usize>(
    x: &[[f64; W]],
    n: usize,
    state: &mut [[f64; W]],
    out: &mut [[f64; W]],
    wins: impl Fn(f64, f64) -> bool,
) {
    let cells = n as f64;
    let mut runs = Runs::new(state);
    for (window, out) in x.windows(n).zip(out) {
        runs.take(&window[n - 1]);
        if !runs.any_full(cells) {
            *out = [NULL; W];
            continue;
        }
        let (mut best, mut at) = (window[0], [1.0; W]);
        let mut position = 1.0;
        for row in &window[1..] {
            position += 1.0;
            for l in 0..W {
                let win = wins(row[l], best[l]);
                best[l] = if win { row[l] } else { best[l] };
                at[l] = if win { position } else { at[l] };
            }
        }
        for l in 0..W {
            out[l] = if runs.full(l, cells) { at[l] } else { NULL };
        }
    }
}
