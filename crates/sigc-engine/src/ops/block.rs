//! Windows by blocks aligned to the row number: no inverse, no drift, constant work per row.
//!
//! Row k has position `p = k mod n` in its block of n rows. The window is the last `n - 1 - p` cells of the block
//! before, combined from the newest backwards, and the first `p + 1` cells of this one, combined forwards; at the
//! block's last row the second part alone. So the order depends on the row number only, and a start in the middle of
//! a block gives the bits of any longer history as soon as the window is covered.

use super::finite;

/// State rows for a window of `n`: suffixes, prefix, position.
pub(crate) const fn state_rows(n: usize) -> usize {
    n + 2
}

/// `combine(older, newer)` over the window, in the order above. The cells are not null.
pub(crate) fn define(cells: &[f64], row: i64, combine: impl Fn(f64, f64) -> f64) -> f64 {
    let n = cells.len();
    let p = row.rem_euclid(n as i64) as usize;
    let (before, block) = cells.split_at(n - 1 - p);
    let suffix = before.iter().copied().rev().reduce(|acc, x| combine(x, acc));
    let prefix = block.iter().copied().reduce(&combine);
    match (suffix, prefix) {
        (Some(s), Some(p)) => combine(s, p),
        (s, p) => s.or(p).expect("a window has a cell"),
    }
}

/// Runs over `x`, which begins `n` rows before the first. `combine` hands a null on.
#[inline(always)]
pub(crate) fn kernel<const W: usize>(
    x: &[[f64; W]],
    first_row: i64,
    n: usize,
    state: &mut [[f64; W]],
    out: &mut [[f64; W]],
    combine: impl Fn(f64, f64) -> f64,
    finish: impl Fn(f64) -> f64,
) {
    let (suffixes, rest) = state.split_at_mut(n);
    let [prefix, position] = rest else { unreachable!("the program reserves n + 2 rows") };
    // The position goes on from row to row; the division is for the first.
    let mut p = if position[0].is_nan() { first_row.rem_euclid(n as i64) as usize } else { position[0] as usize };
    for (i, out) in out.iter_mut().enumerate() {
        let cell = &x[n + i];
        if p == 0 {
            let block = &x[i..n + i];
            let mut acc = block[n - 1];
            suffixes[n - 1] = acc;
            for (older, suffix) in block[..n - 1].iter().zip(&mut suffixes[..n - 1]).rev() {
                for l in 0..W {
                    acc[l] = combine(older[l], acc[l]);
                }
                *suffix = acc;
            }
            *prefix = *cell;
        } else {
            for l in 0..W {
                prefix[l] = combine(prefix[l], cell[l]);
            }
        }
        p += 1;
        if p == n {
            p = 0;
            for l in 0..W {
                out[l] = finite(finish(prefix[l]));
            }
        } else {
            let suffix = &suffixes[p];
            for l in 0..W {
                out[l] = finite(finish(combine(suffix[l], prefix[l])));
            }
        }
    }
    position[0] = p as f64;
}
