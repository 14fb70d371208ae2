//! Exponential smoothing, and hiding the first values: ops whose state passes over null rows.
//!
//! A row whose update would overflow passes like a null row, so that one absurd input cannot end a series for good.

use sigc_market::NULL;

/// State rows of smoothing: the sum or the state, and how many inputs were taken while seeding.
pub(crate) const STATE: usize = 2;
/// State rows of skipping: how many inputs were hidden.
pub(crate) const SKIP_STATE: usize = 1;

/// What smoothing does, as one plain state: the definition.
#[derive(Debug, Clone, Default)]
pub(crate) struct Smoother {
    taken: u64,
    state: f64,
}

impl Smoother {
    /// Takes the next cell and gives the value: null on a null row and before the seed is full.
    pub(crate) fn step(&mut self, x: f64, alpha: f64, seed: u32, skip: u32) -> f64 {
        let (skip, full) = (u64::from(skip), u64::from(skip) + u64::from(seed));
        if x.is_nan() {
            return NULL;
        }
        if self.taken < skip {
            self.taken += 1;
            return NULL;
        }
        let seeding = self.taken < full;
        let next = if seeding { self.state + x } else { self.state + alpha * (x - self.state) };
        if !next.is_finite() {
            return NULL;
        }
        self.state = next;
        if seeding {
            self.taken += 1;
            if self.taken < full {
                return NULL;
            }
            self.state /= f64::from(seed);
        }
        self.state
    }
}

/// Runs over `x`, which begins at the first row.
pub(crate) fn kernel<const W: usize>(
    x: &[[f64; W]],
    alpha: f64,
    seed: u32,
    skip: u32,
    state: &mut [[f64; W]],
    out: &mut [[f64; W]],
) {
    let [s, taken] = state else { unreachable!("the program reserves these rows") };
    let (skip, full) = (f64::from(skip), f64::from(skip) + f64::from(seed));
    for (x, out) in x.iter().zip(out) {
        if taken.iter().all(|&t| t >= full) {
            for l in 0..W {
                // A null x makes `next` null: one select covers it and the overflow.
                let next = s[l] + alpha * (x[l] - s[l]);
                let ok = next.is_finite();
                s[l] = if ok { next } else { s[l] };
                out[l] = if ok { next } else { NULL };
            }
            continue;
        }
        for l in 0..W {
            out[l] = NULL;
            if taken[l].is_nan() {
                (taken[l], s[l]) = (0.0, 0.0);
            }
            let seeding = taken[l] < full;
            if x[l].is_nan() {
                continue;
            }
            if taken[l] < skip {
                taken[l] += 1.0;
                continue;
            }
            let next = if seeding { s[l] + x[l] } else { s[l] + alpha * (x[l] - s[l]) };
            if !next.is_finite() {
                continue;
            }
            s[l] = next;
            if seeding {
                taken[l] += 1.0;
                if taken[l] < full {
                    continue;
                }
                s[l] /= f64::from(seed);
            }
            out[l] = s[l];
        }
    }
}

/// Hides the first `n` non-null cells: the definition.
pub(crate) fn skip_step(seen: &mut u64, x: f64, n: u32) -> f64 {
    if x.is_nan() {
        return NULL;
    }
    if *seen < u64::from(n) {
        *seen += 1;
        return NULL;
    }
    x
}

/// Runs over `x`, which begins at the first row.
pub(crate) fn skip_kernel<const W: usize>(x: &[[f64; W]], n: u32, state: &mut [[f64; W]], out: &mut [[f64; W]]) {
    let seen = &mut state[0];
    let n = f64::from(n);
    for (x, out) in x.iter().zip(out) {
        for l in 0..W {
            let before = if seen[l] > 0.0 { seen[l] } else { 0.0 };
            let hidden = before < n;
            seen[l] = if hidden && !x[l].is_nan() { before + 1.0 } else { before };
            out[l] = if hidden { NULL } else { x[l] };
        }
    }
}
