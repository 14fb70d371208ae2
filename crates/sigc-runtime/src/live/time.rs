//! Sums over instants that no input can make wrong.
//!
//! Waits come from pipelines, so a sum stops at the end of time instead of wrapping.

use sigc_market::Ts;

/// `ms` after `at`.
pub(crate) fn later(at: Ts, ms: i64) -> Ts {
    Ts(at.0.saturating_add(ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_stop_at_the_ends_of_time() {
        assert_eq!(later(Ts(5), 7), Ts(12));
        assert_eq!(later(Ts(i64::MAX - 1), 7), Ts(i64::MAX));
    }
}
