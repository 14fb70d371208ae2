//! Functions over the universe at one row: the cells of all symbols, in the order of the universe, at one instant.
//!
//! Null cells take no part and stay null. A sum goes through the others in the order of the universe, in one sum: how
//! many there are changes from row to row, so there is no gain in the parts that windows have.

use super::finite;
use sigc_market::NULL;
use sigc_plan::CrossFn;
use std::cmp::Ordering;

/// The value of the symbol at position `own`.
pub(crate) fn define(f: CrossFn, cells: &[f64], own: usize) -> f64 {
    let x = cells[own];
    if x.is_nan() {
        return NULL;
    }
    let there: Vec<f64> = cells.iter().copied().filter(|c| !c.is_nan()).collect();
    let count = there.len() as f64;
    let sum = || there.iter().fold(0.0, |s, c| s + c);
    finite(match f {
        CrossFn::Rank => {
            let below = there.iter().filter(|&&c| c < x).count() as f64;
            let equal = there.iter().filter(|&&c| c == x).count() as f64;
            (below + (equal + 1.0) / 2.0) / count
        }
        CrossFn::Order => {
            let before = cells[..own].iter().filter(|&&c| c >= x).count();
            let behind = cells[own..].iter().filter(|&&c| c > x).count();
            (before + behind + 1) as f64
        }
        CrossFn::Count => count,
        CrossFn::Sum => sum(),
        CrossFn::Mean => sum() / count,
        CrossFn::Std if there.len() < 2 => NULL,
        CrossFn::Std if there.iter().all(|&c| c == there[0]) => 0.0,
        CrossFn::Std => {
            let mean = sum() / count;
            let squares = there.iter().fold(0.0, |s, c| s + (c - mean) * (c - mean));
            (squares / (count - 1.0)).sqrt()
        }
    })
}

/// The values of all symbols. `scratch` is room for their order.
pub(crate) fn kernel(f: CrossFn, cells: &[f64], scratch: &mut Vec<u32>, out: &mut [f64]) {
    let there = || cells.iter().copied().filter(|c| !c.is_nan());
    let all = match f {
        CrossFn::Rank | CrossFn::Order => return ordered(f, cells, scratch, out),
        CrossFn::Count => there().count() as f64,
        CrossFn::Sum => there().fold(0.0, |s, c| s + c),
        CrossFn::Mean => mean(there()).1,
        CrossFn::Std => {
            let (count, mean) = mean(there());
            let first = there().next();
            if count < 2.0 {
                NULL
            } else if there().all(|c| Some(c) == first) {
                0.0
            } else {
                (there().fold(0.0, |s, c| s + (c - mean) * (c - mean)) / (count - 1.0)).sqrt()
            }
        }
    };
    let all = finite(all);
    for (out, x) in out.iter_mut().zip(cells) {
        *out = if x.is_nan() { NULL } else { all };
    }
}

fn mean(cells: impl Iterator<Item = f64>) -> (f64, f64) {
    let (count, sum) = cells.fold((0.0, 0.0), |(n, s), c| (n + 1.0, s + c));
    (count, sum / count)
}

/// By one sort: greatest first, equal cells in the order of the universe.
fn ordered(f: CrossFn, cells: &[f64], order: &mut Vec<u32>, out: &mut [f64]) {
    order.clear();
    order.extend((0..cells.len() as u32).filter(|&i| !cells[i as usize].is_nan()));
    let cell = |i: u32| cells[i as usize];
    order.sort_unstable_by(|&a, &b| cell(b).partial_cmp(&cell(a)).unwrap_or(Ordering::Equal).then(a.cmp(&b)));
    out.fill(NULL);
    if f == CrossFn::Order {
        for (place, &i) in order.iter().enumerate() {
            out[i as usize] = (place + 1) as f64;
        }
        return;
    }
    let count = order.len();
    let mut from = 0;
    while let Some(&first) = order.get(from) {
        let equal = order[from..].iter().take_while(|&&i| cell(i) == cell(first)).count();
        let below = (count - from - equal) as f64;
        for &i in &order[from..from + equal] {
            out[i as usize] = (below + (equal as f64 + 1.0) / 2.0) / count as f64;
        }
        from += equal;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [CrossFn; 6] =
        [CrossFn::Rank, CrossFn::Order, CrossFn::Count, CrossFn::Sum, CrossFn::Mean, CrossFn::Std];

    /// pandas 3.1.1: `Series([2, 1, nan, 2, 5]).rank(pct=True)`, `.rank(ascending=False, method="first")`, `.count()`,
    /// `.sum()`, `.mean()`, `.std()`.
    #[test]
    fn a_row_as_pandas_has_it() {
        let cells = [2.0, 1.0, NULL, 2.0, 5.0];
        let want = [
            (CrossFn::Rank, [0.625, 0.25, NULL, 0.625, 1.0]),
            (CrossFn::Order, [2.0, 4.0, NULL, 3.0, 1.0]),
            (CrossFn::Count, [4.0, 4.0, NULL, 4.0, 4.0]),
            (CrossFn::Sum, [10.0, 10.0, NULL, 10.0, 10.0]),
            (CrossFn::Mean, [2.5, 2.5, NULL, 2.5, 2.5]),
            (CrossFn::Std, [3f64.sqrt(), 3f64.sqrt(), NULL, 3f64.sqrt(), 3f64.sqrt()]),
        ];
        for (f, want) in want {
            let got: Vec<f64> = (0..cells.len()).map(|i| define(f, &cells, i)).collect();
            assert_eq!(format!("{got:?}"), format!("{want:?}"), "{f:?}");
        }
    }

    #[test]
    fn kernels_are_their_definitions() {
        let hostile = [0.0, -0.0, 1.0, 1.0, NULL, 1e300, -1e300, f64::MAX, 5e-324, -2.5, NULL, 0.1, 0.1, 0.1];
        let mut scratch = Vec::new();
        for from in 0..hostile.len() {
            for to in from..=hostile.len() {
                let cells = &hostile[from..to];
                for f in ALL {
                    let mut out = vec![7.0; cells.len()];
                    kernel(f, cells, &mut scratch, &mut out);
                    for (i, got) in out.iter().enumerate() {
                        assert_eq!(got.to_bits(), define(f, cells, i).to_bits(), "{f:?} of {cells:?} at {i}");
                    }
                }
            }
        }
    }

    #[test]
    fn few_and_equal_cells() {
        let std = |cells: &[f64]| define(CrossFn::Std, cells, 0);
        assert!(std(&[3.0]).is_nan() && std(&[3.0, NULL]).is_nan());
        assert_eq!(std(&[0.1, 0.1, 0.1]), 0.0);
        assert_eq!(define(CrossFn::Rank, &[3.0, NULL], 0), 1.0);
        assert!(define(CrossFn::Sum, &[f64::MAX, f64::MAX], 0).is_nan(), "overflow is null");
    }
}
