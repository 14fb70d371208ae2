//! One retry schedule: capped, jittered, counted.
//!
//! There is one loop per thing that is tried. It never ends by itself: a venue that is down for an hour is tried for an
//! hour, at the cap's pace. Attempts of all loops of a process are spaced by the venue's
//! [`connect_gap_ms`](crate::venue::Limits::connect_gap_ms) on top.

/// How the waits grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Wait after the first failure.
    pub first_ms: i64,
    /// No wait is longer.
    pub cap_ms: i64,
}

impl RetryPolicy {
    /// Half a second, doubling to a minute.
    pub const NETWORK: RetryPolicy = RetryPolicy { first_ms: 500, cap_ms: 60_000 };
}

/// Failures in a row, and when to try again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retry {
    policy: RetryPolicy,
    failures: u32,
    rng: SplitMix,
}

impl Retry {
    /// No failure yet. Schedules of different seeds spread out.
    pub fn new(policy: RetryPolicy, seed: u64) -> Retry {
        Retry { policy, failures: 0, rng: SplitMix(seed) }
    }

    /// Counts a failure and gives the wait until the next attempt: between half of and the whole doubled wait.
    pub fn failed(&mut self) -> i64 {
        let doubled = self.policy.first_ms.saturating_mul(1 << self.failures.min(30));
        let whole = doubled.clamp(1, self.policy.cap_ms.max(1));
        self.failures = self.failures.saturating_add(1);
        whole / 2 + self.rng.below(whole - whole / 2 + 1)
    }

    /// It worked: data came, not only a connection.
    pub fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// Failures since it last worked.
    pub fn failures(&self) -> u32 {
        self.failures
    }
}

/// G. L. Steele, D. Lea, C. H. Flood, *Fast Splittable Pseudorandom Number Generators*, 2014.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitMix(pub u64);

impl SplitMix {
    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A whole number in `0..n`; 0 for an `n` below 1.
    pub fn below(&mut self, n: i64) -> i64 {
        if n < 1 { 0 } else { (self.next_u64() % n as u64) as i64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_to_the_cap_with_jitter_and_start_over_after_data() {
        let mut retry = Retry::new(RetryPolicy::NETWORK, 7);
        for whole in [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000] {
            let wait = retry.failed();
            assert!((whole / 2..=whole).contains(&wait), "{wait} of {whole}");
        }
        retry.succeeded();
        assert!(retry.failed() <= 500);
        let waits = |seed| (0..20).map(|_| Retry::new(RetryPolicy::NETWORK, seed).failed()).collect::<Vec<_>>();
        assert_ne!(waits(1), waits(2));
        // A loop that runs for years does not overflow.
        let mut old = Retry { failures: u32::MAX - 1, ..Retry::new(RetryPolicy::NETWORK, 7) };
        assert!(old.failed() <= 60_000 && old.failed() <= 60_000);
    }
}
