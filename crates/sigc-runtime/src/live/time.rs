//! Two sums over instants that no input can make wrong.
//!
//! Instants come from clocks that are corrected while the program runs, and waits come from pipelines. So a sum stops
//! at the end of time instead of wrapping, and a span is never negative.

use sigc_market::Ts;

/// `ms` after `at`.
pub(crate) fn later(at: Ts, ms: i64) -> Ts {
    Ts(at.0.saturating_add(ms))
}

/// Milliseconds from `from` to `to`; 0 if the clock went back.
pub(crate) fn elapsed_ms(from: Ts, to: Ts) -> i64 {
    to.0.saturating_sub(from.0).max(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_stop_at_the_ends_of_time() {
        assert_eq!(later(Ts(5), 7), Ts(12));
        assert_eq!(later(Ts(i64::MAX - 1), 7), Ts(i64::MAX));
        assert_eq!(elapsed_ms(Ts(5), Ts(12)), 7);
        assert_eq!(elapsed_ms(Ts(12), Ts(5)), 0);
        assert_eq!(elapsed_ms(Ts(i64::MIN), Ts(i64::MAX)), i64::MAX);
    }
}
