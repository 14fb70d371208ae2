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

/// Windows of one operand, row after row.
pub(crate) struct Blocks<'s, const W: usize> {
    suffixes: &'s mut [[f64; W]],
    /// Prefix and position between runs.
    kept: &'s mut [[f64; W]; 2],
    prefix: [f64; W],
    p: usize,
}

impl<'s, const W: usize> Blocks<'s, W> {
    /// Over [`state_rows`] of state, which starts as nulls; `first_row` is the number of the next row.
    #[inline(always)]
    pub(crate) fn new(state: &'s mut [[f64; W]], first_row: i64, n: usize) -> Self {
        let (suffixes, rest) = state.split_at_mut(n);
        let kept = rest.first_chunk_mut().expect("the program reserves n + 2 rows");
        let [prefix, position] = *kept;
        // The position goes on from row to row; the division is for the first.
        let p = if position[0].is_nan() { first_row.rem_euclid(n as i64) as usize } else { position[0] as usize };
        Blocks { suffixes, kept, prefix, p }
    }

    /// The next row: `before` and `cell`, the n cells before it and its own. `combine` hands a null on.
    #[inline(always)]
    pub(crate) fn take(&mut self, before: &[[f64; W]], cell: &[f64; W], combine: impl Fn(f64, f64) -> f64) -> [f64; W] {
        let n = self.suffixes.len();
        if self.p == 0 {
            let mut acc = before[n - 1];
            self.suffixes[n - 1] = acc;
            for (older, suffix) in before[..n - 1].iter().zip(&mut self.suffixes[..n - 1]).rev() {
                for l in 0..W {
                    acc[l] = combine(older[l], acc[l]);
                }
                *suffix = acc;
            }
            self.prefix = *cell;
        } else {
            for l in 0..W {
                self.prefix[l] = combine(self.prefix[l], cell[l]);
            }
        }
        self.p += 1;
        if self.p == n {
            self.p = 0;
            return self.prefix;
        }
        let suffix = &self.suffixes[self.p];
        std::array::from_fn(|l| combine(suffix[l], self.prefix[l]))
    }

    /// Keeps what the next run goes on from.
    #[inline(always)]
    pub(crate) fn finish(self) {
        self.kept[0] = self.prefix;
        self.kept[1][0] = self.p as f64;
    }
}

/// Runs over `x`, which begins `n` rows before the first.
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
    let mut blocks = Blocks::new(state, first_row, n);
    for (i, out) in out.iter_mut().enumerate() {
        let all = blocks.take(&x[i..n + i], &x[n + i], &combine);
        for l in 0..W {
            out[l] = finite(finish(all[l]));
        }
    }
    blocks.finish();
}
