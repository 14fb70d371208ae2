//! Who may ask, and how often: request weight per minute, bans, and Bybit's count per five seconds.
//!
//! All connections come from one address, so a counter is the venue's, not a connection's.

use crate::config::Limits;
use sigc_market::Ts;

const MINUTE: i64 = 60_000;
/// The longest ban: three days.
const LONGEST_BAN: i64 = 3 * 1_440 * MINUTE;

/// What a Binance venue says to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Answer it; so much weight is used in this minute.
    Granted { used: u32 },
    /// 429: too much in this minute; try again after these seconds.
    TooMany { used: u32, retry_after: i64 },
    /// 418: banned until then.
    Banned { until: Ts, retry_after: i64 },
}

/// The request weight of one Binance venue, by minutes of the UTC clock.
#[derive(Debug)]
pub(crate) struct Weight {
    limit: u32,
    refusals_before_ban: u32,
    first_ban: i64,
    minute: i64,
    used: u32,
    refused: u32,
    bans: u32,
    banned_until: Ts,
}

impl Weight {
    pub fn new(limit: u32, limits: &Limits) -> Weight {
        Weight {
            limit,
            refusals_before_ban: limits.refusals_before_ban,
            first_ban: limits.ban_ms,
            minute: i64::MIN,
            used: 0,
            refused: 0,
            bans: 0,
            banned_until: Ts(i64::MIN),
        }
    }

    /// Counts a request of this weight.
    pub fn charge(&mut self, now: Ts, weight: u32) -> Verdict {
        if now < self.banned_until {
            return self.banned(now);
        }
        let minute = now.0.div_euclid(MINUTE);
        if minute != self.minute {
            (self.minute, self.used, self.refused) = (minute, 0, 0);
        }
        self.used = self.used.saturating_add(weight);
        if self.used <= self.limit {
            return Verdict::Granted { used: self.used };
        }
        self.refused += 1;
        if self.refused > self.refusals_before_ban {
            let length = self.first_ban.saturating_mul(1 << self.bans.min(20)).min(LONGEST_BAN);
            (self.bans, self.banned_until) = (self.bans + 1, Ts(now.0 + length));
            return self.banned(now);
        }
        Verdict::TooMany { used: self.used, retry_after: seconds((minute + 1) * MINUTE - now.0) }
    }

    fn banned(&self, now: Ts) -> Verdict {
        Verdict::Banned { until: self.banned_until, retry_after: seconds(self.banned_until.0 - now.0) }
    }
}

/// Milliseconds as whole seconds, rounded up.
fn seconds(ms: i64) -> i64 {
    (ms + 999) / 1_000
}

/// What Bybit says to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BybitVerdict {
    /// Answer it; so many more are allowed in this second.
    Granted { left: u32 },
    /// `retCode` 10006: too many in this second.
    TooMany,
    /// 403: too many in five seconds, or not long enough ago.
    Forbidden,
}

/// Bybit's counters, by fixed windows of one and of five seconds.
#[derive(Debug)]
pub(crate) struct BybitGate {
    per_second: u32,
    burst: u32,
    ban: i64,
    second: (i64, u32),
    five: (i64, u32),
    forbidden_until: Ts,
}

impl BybitGate {
    pub fn new(limits: &Limits) -> BybitGate {
        BybitGate {
            per_second: limits.bybit_per_second,
            burst: limits.bybit_burst,
            ban: limits.bybit_ban_ms,
            second: (i64::MIN, 0),
            five: (i64::MIN, 0),
            forbidden_until: Ts(i64::MIN),
        }
    }

    /// Requests allowed in a second.
    pub fn per_second(&self) -> u32 {
        self.per_second
    }

    /// Counts a request.
    pub fn charge(&mut self, now: Ts) -> BybitVerdict {
        if now < self.forbidden_until {
            return BybitVerdict::Forbidden;
        }
        let count = |window: &mut (i64, u32), length: i64| {
            let current = now.0.div_euclid(length);
            if window.0 != current {
                *window = (current, 0);
            }
            window.1 += 1;
            window.1
        };
        let second = count(&mut self.second, 1_000);
        if count(&mut self.five, 5_000) > self.burst {
            self.forbidden_until = Ts(now.0 + self.ban);
            return BybitVerdict::Forbidden;
        }
        if second > self.per_second {
            return BybitVerdict::TooMany;
        }
        BybitVerdict::Granted { left: self.per_second - second }
    }
}

/// How often something happened in the current second: for messages on a connection.
#[derive(Debug)]
pub(crate) struct Rate {
    limit: u32,
    second: i64,
    count: u32,
}

impl Rate {
    pub fn new(limit: u32) -> Rate {
        Rate { limit, second: i64::MIN, count: 0 }
    }

    /// Counts one; false if it is one too many.
    pub fn allows(&mut self, now: Ts) -> bool {
        let second = now.0.div_euclid(1_000);
        if second != self.second {
            (self.second, self.count) = (second, 0);
        }
        self.count += 1;
        self.count <= self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_much_weight_is_refused_then_banned_then_forgotten() {
        let limits = Limits { refusals_before_ban: 2, ..Limits::default() };
        let mut weight = Weight::new(10, &limits);
        let t = |ms: i64| Ts(600_000 + ms);
        assert_eq!(weight.charge(t(0), 10), Verdict::Granted { used: 10 });
        assert_eq!(weight.charge(t(1_500), 1), Verdict::TooMany { used: 11, retry_after: 59 });
        assert_eq!(weight.charge(t(59_999), 1), Verdict::TooMany { used: 12, retry_after: 1 });
        assert_eq!(weight.charge(t(59_999), 1), Verdict::Banned { until: t(179_999), retry_after: 120 });
        assert_eq!(weight.charge(t(100_000), 1), Verdict::Banned { until: t(179_999), retry_after: 80 });
        assert_eq!(weight.charge(t(180_000), 1), Verdict::Granted { used: 1 });
        for _ in 0..2 {
            weight.charge(t(180_000), 20);
        }
        assert_eq!(weight.charge(t(180_000), 1), Verdict::Banned { until: t(420_000), retry_after: 240 });
    }

    #[test]
    fn bybit_counts_seconds_and_five_seconds() {
        let limits = Limits { bybit_per_second: 2, bybit_burst: 5, ..Limits::default() };
        let mut gate = BybitGate::new(&limits);
        assert_eq!(gate.charge(Ts(0)), BybitVerdict::Granted { left: 1 });
        assert_eq!(gate.charge(Ts(1)), BybitVerdict::Granted { left: 0 });
        assert_eq!(gate.charge(Ts(2)), BybitVerdict::TooMany);
        assert_eq!(gate.charge(Ts(1_000)), BybitVerdict::Granted { left: 1 });
        assert_eq!(gate.charge(Ts(2_000)), BybitVerdict::Granted { left: 1 });
        assert_eq!(gate.charge(Ts(3_000)), BybitVerdict::Forbidden);
        assert_eq!(gate.charge(Ts(600_000)), BybitVerdict::Forbidden);
        assert_eq!(gate.charge(Ts(603_000)), BybitVerdict::Granted { left: 1 });
    }

    #[test]
    fn a_second_holds_its_count() {
        let mut rate = Rate::new(2);
        assert!(rate.allows(Ts(0)) && rate.allows(Ts(999)) && !rate.allows(Ts(999)) && rate.allows(Ts(1_000)));
    }
}
