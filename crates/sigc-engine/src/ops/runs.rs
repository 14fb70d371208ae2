//! How long the newest cells have been non-null, and how long the same: what makes a window strict, and flat.
//!
//! A window of n is without null exactly if the newest n cells form a run of non-null cells, and flat exactly if each
//! equals the one before. Both counts are compared with n only, so they are functions of the window.

/// Rows of state.
pub(crate) const ROWS: usize = 3;

/// Counts the runs of one operand: non-null, equal, and the cell before.
pub(crate) struct Runs<'s, const W: usize> {
    state: &'s mut [[f64; W]; ROWS],
}

impl<'s, const W: usize> Runs<'s, W> {
    /// Over state that starts as nulls.
    #[inline(always)]
    pub(crate) fn new(state: &'s mut [[f64; W]]) -> Self {
        let state = state.first_chunk_mut().expect("the program reserves these rows");
        Runs { state }
    }

    /// Takes the next cells.
    #[inline(always)]
    pub(crate) fn take(&mut self, x: &[f64; W]) {
        let [full, same, before] = &mut *self.state;
        for l in 0..W {
            // A null count is the start: `f64::max` would depend on its operand order, a select does not.
            let (f, s) = (if full[l] > 0.0 { full[l] } else { 0.0 }, if same[l] > 0.0 { same[l] } else { 0.0 });
            full[l] = if x[l].is_nan() { 0.0 } else { f + 1.0 };
            same[l] = if x[l].is_nan() {
                0.0
            } else if x[l] == before[l] {
                s + 1.0
            } else {
                1.0
            };
            before[l] = x[l];
        }
    }

    /// True if the newest `n` cells are non-null.
    #[inline(always)]
    pub(crate) fn full(&self, l: usize, n: f64) -> bool {
        self.state[0][l] >= n
    }

    /// True if the newest `n` cells are non-null and equal.
    #[inline(always)]
    pub(crate) fn flat(&self, l: usize, n: f64) -> bool {
        self.state[1][l] >= n
    }

    /// True if some lane's window is worth computing: one lane saves the work, several share it.
    #[inline(always)]
    pub(crate) fn any_full(&self, n: f64) -> bool {
        W > 1 || self.full(0, n)
    }
}
