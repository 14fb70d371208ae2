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
#[inline(always)]
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
    let seeded = |taken: &[f64; W]| taken.iter().all(|&t| t >= full);
    let mut done = 0;
    while done < out.len() && !seeded(taken) {
        for l in 0..W {
            out[done][l] = seed_lane(x[done][l], alpha, seed, (skip, full), &mut s[l], &mut taken[l]);
        }
        done += 1;
    }
    let (x, out) = (&x[done..], &mut out[done..]);
    // As if every cell were there and no update overflowed: one that is null or infinite would never be finite again,
    // so the last one tells. It is half the latency, and latency is all that an update costs.
    let mut all = *s;
    for (x, out) in x.iter().zip(&mut *out) {
        all = std::array::from_fn(|l| all[l] + alpha * (x[l] - all[l]));
        *out = all;
    }
    if all.iter().all(|s| s.abs() < f64::INFINITY) {
        *s = all;
        return;
    }
    for (x, out) in x.iter().zip(out) {
        // A null x makes `next` null: one select covers it and the overflow.
        let next: [f64; W] = std::array::from_fn(|l| s[l] + alpha * (x[l] - s[l]));
        for l in 0..W {
            let ok = next[l].abs() < f64::INFINITY;
            s[l] = if ok { next[l] } else { s[l] };
            out[l] = if ok { next[l] } else { NULL };
        }
    }
}

/// One cell of a lane while some lane is still seeding.
#[inline(always)]
fn seed_lane(x: f64, alpha: f64, seed: u32, (skip, full): (f64, f64), s: &mut f64, taken: &mut f64) -> f64 {
    if taken.is_nan() {
        (*taken, *s) = (0.0, 0.0);
    }
    if x.is_nan() {
        return NULL;
    }
    if *taken < skip {
        *taken += 1.0;
        return NULL;
    }
    let seeding = *taken < full;
    let next = if seeding { *s + x } else { *s + alpha * (x - *s) };
    if !next.is_finite() {
        return NULL;
    }
    *s = next;
    if seeding {
        *taken += 1.0;
        if *taken < full {
            return NULL;
        }
        *s /= f64::from(seed);
    }
    *s
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
#[inline(always)]
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
