//! How far back each op looks: the only place that says so.
//!
//! The reach of an op is the rows of its operand, before the current one, that its value may depend on. An op whose
//! reach touches cells before the start of the loaded history (*unknown* cells) is not ready, whatever its null rule
//! says; so `min_count`, `If` and `Fill` never shorten a lookback.

use crate::{F64, Op};
use serde::{Deserialize, Serialize};

/// How sure the settle count of a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// Finite reach: the same bits from any longer history.
    Exact,
    /// A recursive state within the tolerance of any longer history, by a bound.
    Proven,
    /// Measured, no bound.
    Calibrated,
    /// A running total: its level depends on where history began.
    Never,
}

impl Tier {
    /// `exact`, `proven`, `calibrated` or `never`.
    pub fn name(self) -> &'static str {
        match self {
            Tier::Exact => "exact",
            Tier::Proven => "proven",
            Tier::Calibrated => "calibrated",
            Tier::Never => "never",
        }
    }
}

/// What one op adds to the history its operand needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// Rows before the current one that it reads.
    pub back: u32,
    /// Further rows until its state has forgotten its seed.
    pub settle: u32,
    /// How sure that is.
    pub tier: Tier,
}

impl Reach {
    /// A finite reach.
    pub const fn exact(back: u32) -> Reach {
        Reach { back, settle: 0, tier: Tier::Exact }
    }
}

/// The reach of an op within its operand's rows. Across frames (aggregate, as-of) the grids decide instead, see
/// [`crate::lookback`](mod@crate::lookback); a model reads `window - 1` rows back, see its entry in the plan. Over the
/// universe an op reads the current row, of every symbol.
pub fn reach(op: &Op, tolerance: f64) -> Reach {
    match *op {
        Op::Input(_)
        | Op::Const(_)
        | Op::Row1(..)
        | Op::Row2(..)
        | Op::If(..)
        | Op::Aggregate { .. }
        | Op::AsOf { .. }
        | Op::AtClose { .. }
        | Op::Cross { .. }
        | Op::Model { .. } => Reach::exact(0),
        Op::Lag { n, .. } | Op::Skip { n, .. } => Reach::exact(n),
        Op::Window { n, .. } | Op::Pair { n, .. } => Reach::exact(n - 1),
        Op::Smooth { alpha, seed, skip, .. } => {
            Reach { back: skip + seed - 1, settle: settle(alpha, tolerance), tier: Tier::Proven }
        }
    }
}

/// Rows after which a smoother of weight `alpha` is within `tolerance` times its input's range of any longer
/// history: `ceil(ln tolerance / ln (1 - alpha))`. Source: features.md section 7.
pub fn settle(alpha: F64, tolerance: f64) -> u32 {
    if alpha.0 >= 1.0 {
        return 0;
    }
    let rows = (tolerance.ln() / (-alpha.0).ln_1p()).ceil();
    // The compiler keeps alpha and tolerance in ranges where this is far below the limit.
    rows.clamp(0.0, f64::from(u32::MAX / 4)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settle_counts_of_the_feature_reference() {
        // features.md section 7: rows (lookback + settle + 1) at 1e-9.
        for (alpha, lookback, rows) in [(2.0 / 31.0, 29, 341), (1.0 / 14.0, 14, 295), (1.0 / 24.0, 24, 512)] {
            assert_eq!(lookback + settle(F64(alpha), 1e-9) + 1, rows);
        }
        assert_eq!(settle(F64(1.0), 1e-9), 0);
    }
}
