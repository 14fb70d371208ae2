//! The venue's clock: real time, faster.
//!
//! Simulation time is `start + real time since the start * speed`. The venue's own clock may be skewed against it.
//! It never runs backwards: when a skew shrinks, it stands still until simulation time has caught up, so that no bar
//! that was closed is open again.

use sigc_market::Ts;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

/// The longest single wait; a skew may change in the meantime.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Venue time.
#[derive(Debug)]
pub struct Clock {
    start: Ts,
    speed: f64,
    epoch: Instant,
    skew: AtomicI64,
    latest: AtomicI64,
}

impl Clock {
    /// A clock that shows `start` now and runs `speed` times as fast as real time.
    pub fn new(start: Ts, speed: f64) -> Clock {
        Clock { start, speed, epoch: Instant::now(), skew: AtomicI64::new(0), latest: AtomicI64::new(start.0) }
    }

    /// Simulation time: what a machine with a right clock would show.
    pub fn simulation(&self) -> Ts {
        Ts(self.start.0 + (self.epoch.elapsed().as_secs_f64() * self.speed * 1e3) as i64)
    }

    /// The venue's time: bars, frames, lags and limits follow it.
    pub fn now(&self) -> Ts {
        let now = self.simulation().0 + self.skew.load(Ordering::Relaxed);
        Ts(self.latest.fetch_max(now, Ordering::Relaxed).max(now))
    }

    /// When the venue was opened.
    pub fn start(&self) -> Ts {
        self.start
    }

    /// Venue seconds in a real second.
    pub fn speed(&self) -> f64 {
        self.speed
    }

    /// Real time as venue time, in milliseconds.
    pub fn venue_ms(&self, real_ms: i64) -> i64 {
        (real_ms as f64 * self.speed) as i64
    }

    /// Real time until the venue's clock shows `ts`; at most a minute.
    pub fn real_until(&self, ts: Ts) -> Duration {
        let ahead = ts.0.saturating_sub(self.simulation().0 + self.skew.load(Ordering::Relaxed));
        if ahead <= 0 {
            return Duration::ZERO;
        }
        let seconds = ahead as f64 / 1e3 / self.speed;
        if seconds >= LONGEST_WAIT.as_secs_f64() { LONGEST_WAIT } else { Duration::from_secs_f64(seconds) }
    }

    /// Real time until simulation time is `ts`; at most a minute.
    pub(crate) fn real_until_simulation(&self, ts: Ts) -> Duration {
        let skew = self.skew.load(Ordering::Relaxed);
        self.real_until(Ts(ts.0.saturating_add(skew)))
    }

    /// Sets how far the venue's clock is ahead of simulation time.
    pub(crate) fn set_skew(&self, ms: i64) {
        self.skew.store(ms, Ordering::Relaxed);
    }

    /// Returns when the venue's clock shows `ts`, or after a minute. Nothing is lost when it is dropped.
    pub(crate) async fn sleep_until(&self, ts: Ts) {
        tokio::time::sleep(self.real_until(ts)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_runs_at_its_speed_and_never_back() {
        let clock = Clock::new(Ts(1_000_000), 50_000.0);
        let before = clock.now();
        std::thread::sleep(Duration::from_millis(2));
        assert!(clock.now().0 >= before.0 + 100_000);
        clock.set_skew(3_600_000);
        let ahead = clock.now();
        assert!(ahead.0 >= clock.simulation().0 - 50_000 + 3_600_000 - 1_000_000);
        clock.set_skew(0);
        assert!(clock.now() >= ahead);
    }

    #[test]
    fn waits_shrink_with_speed() {
        let clock = Clock::new(Ts(0), 1_000.0);
        let wait = clock.real_until(Ts(60_000));
        assert!(wait <= Duration::from_millis(60) && wait > Duration::from_millis(30), "{wait:?}");
        assert_eq!(clock.real_until(Ts(-5)), Duration::ZERO);
        assert_eq!(Clock::new(Ts(0), 1.0).real_until(Ts(i64::MAX)), LONGEST_WAIT);
    }
}
