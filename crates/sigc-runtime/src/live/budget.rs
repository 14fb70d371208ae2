//! A venue's request limit, shared by the whole process.
//!
//! Weight counts in windows of the venue's clock. A request is let through if it fits into what is left of the window,
//! less a reserve for other users of the address; otherwise the time of the next try is given. What the venue says it
//! has counted always wins over our own sum. A cool-down holds every request, and is only ever extended.

use crate::venue::{Limits, Refusal, Used};
use sigc_market::Ts;

/// Share of the limit that is left to other users of the address: one in so many.
const RESERVE: u32 = 10;
/// Cool-down after a refusal without a stated wait.
const COOL_DOWN_MS: i64 = 60_000;
/// Pause after the venue's firewall or region lock has answered.
const BLOCKED_MS: i64 = 600_000;

/// What is left of a limit.
#[derive(Debug, Clone)]
pub struct Budget {
    limit: u32,
    window_ms: i64,
    window: i64,
    used: u32,
    cool_until: Option<Ts>,
    refusals: u64,
}

impl Budget {
    /// A full budget.
    pub fn new(limits: &Limits) -> Budget {
        Budget {
            limit: limits.weight_per_window,
            window_ms: limits.window_ms.max(1),
            window: i64::MIN,
            used: 0,
            cool_until: None,
            refusals: 0,
        }
    }

    /// The limit as the venue states it.
    pub fn set_limit(&mut self, weight: u32) {
        self.limit = weight;
    }

    /// Takes `weight` now, or says when to ask again.
    pub fn take(&mut self, now: Ts, weight: u32) -> Result<(), Ts> {
        if let Some(until) = self.cool_until {
            if now < until {
                return Err(until);
            }
            self.cool_until = None;
        }
        self.turn(now);
        let allowed = self.limit - self.limit / RESERVE;
        // A request above the whole limit could never go; alone in its window it may try.
        if self.used > 0 && self.used.saturating_add(weight) > allowed {
            return Err(Ts((self.window + 1) * self.window_ms));
        }
        self.used = self.used.saturating_add(weight);
        Ok(())
    }

    /// What an answer said.
    pub fn answered(&mut self, now: Ts, answer: &Result<Used, Refusal>) {
        self.turn(now);
        match answer {
            Ok(Used { weight: Some(weight) }) => self.used = self.used.max(*weight),
            Ok(_) => {}
            Err(Refusal::TooMany { after_ms, .. }) => {
                self.refusals += 1;
                self.cool(now, after_ms.unwrap_or(COOL_DOWN_MS));
            }
            Err(Refusal::Blocked { .. }) => {
                self.refusals += 1;
                self.cool(now, BLOCKED_MS);
            }
            Err(_) => {}
        }
    }

    /// Until when no request may go.
    pub fn cooling(&self, now: Ts) -> Option<Ts> {
        self.cool_until.filter(|&t| now < t)
    }

    /// Weight used in the window, and the limit.
    pub fn used(&self) -> (u32, u32) {
        (self.used, self.limit)
    }

    /// How often the venue said stop.
    pub fn refusals(&self) -> u64 {
        self.refusals
    }

    fn cool(&mut self, now: Ts, ms: i64) {
        let until = Ts(now.0.saturating_add(ms.max(1)));
        self.cool_until = Some(self.cool_until.map_or(until, |t| t.max(until)));
    }

    fn turn(&mut self, now: Ts) {
        let window = now.0.div_euclid(self.window_ms);
        if window > self.window {
            self.window = window;
            self.used = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        streams_per_link: 200,
        symbols_per_message: 200,
        message_gap_ms: 250,
        connect_gap_ms: 1_000,
        heartbeat_ms: 20_000,
        silence_ms: 30_000,
        lifetime_ms: 80_000_000,
        rows_per_request: 499,
        weight_per_window: 100,
        window_ms: 60_000,
        settle_ms: 2_000,
    };

    #[test]
    fn the_reserve_is_kept_and_a_new_window_is_full_again() {
        let mut b = Budget::new(&LIMITS);
        assert_eq!(b.take(Ts(1_000), 60), Ok(()));
        assert_eq!(b.take(Ts(1_000), 30), Ok(()));
        assert_eq!(b.take(Ts(1_000), 1), Err(Ts(60_000)));
        assert_eq!(b.take(Ts(60_000), 90), Ok(()));
    }

    #[test]
    fn the_venues_own_count_wins() {
        let mut b = Budget::new(&LIMITS);
        assert_eq!(b.take(Ts(0), 1), Ok(()));
        b.answered(Ts(10), &Ok(Used { weight: Some(89) }));
        assert_eq!(b.take(Ts(20), 2), Err(Ts(60_000)));
        assert_eq!(b.take(Ts(20), 1), Ok(()));
    }

    #[test]
    fn a_cool_down_holds_everything_and_is_only_extended() {
        let mut b = Budget::new(&LIMITS);
        let stop = |after_ms| Err(Refusal::TooMany { after_ms, banned: false });
        b.answered(Ts(0), &stop(Some(120_000)));
        b.answered(Ts(1), &stop(Some(1_000)));
        assert_eq!(b.take(Ts(119_999), 1), Err(Ts(120_000)));
        b.answered(Ts(119_999), &stop(Some(120_000)));
        assert_eq!(b.take(Ts(120_000), 1), Err(Ts(239_999)));
        assert_eq!(b.take(Ts(239_999), 1), Ok(()));
        assert_eq!(b.refusals(), 3);
    }

    #[test]
    fn a_request_above_the_whole_limit_goes_alone() {
        let mut b = Budget::new(&LIMITS);
        assert_eq!(b.take(Ts(0), 500), Ok(()));
        assert_eq!(b.take(Ts(0), 1), Err(Ts(60_000)));
    }
}
