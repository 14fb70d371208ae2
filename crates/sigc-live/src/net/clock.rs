//! The venue's time.
//!
//! Whether a bar is closed is a question to the venue's clock, not to ours: local clocks drift, and step. [`VenueClock`]
//! counts with the monotonic clock from what the venue last said. A measurement is the venue's time at some moment
//! between request and answer; its error is half the round trip. Stays true: after the first measurement, a later call
//! of [`VenueClock::now`] never gives an earlier time.

use crate::pace::Pace;
use sigc_market::Ts;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How much an unused measurement makes the used one look worse: after about seven hints in a row a merely equal one
/// takes its place, so that a slow drift is followed.
const AGEING: f64 = 1.1;

/// The time of one venue, shared by everything that talks to it.
#[derive(Debug)]
pub struct VenueClock {
    pace: Pace,
    start: Instant,
    /// Venue time at `start`.
    base: AtomicI64,
    /// The latest time given out.
    given: AtomicI64,
    measurements: AtomicU64,
    /// Round trip in milliseconds of the measurement in use, aged. Held for a moment only.
    trip_ms: Mutex<Option<f64>>,
}

impl VenueClock {
    /// The local system's time, until the venue's is measured.
    pub fn new(pace: Pace) -> VenueClock {
        let local = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as i64);
        VenueClock {
            pace,
            start: Instant::now(),
            base: AtomicI64::new(local),
            given: AtomicI64::new(i64::MIN),
            measurements: AtomicU64::new(0),
            trip_ms: Mutex::new(None),
        }
    }

    /// The time now.
    pub fn now(&self) -> Ts {
        self.at(Instant::now())
    }

    /// The time at a moment of the monotonic clock, not before any time that was given out.
    pub fn at(&self, moment: Instant) -> Ts {
        let raw = self.base.load(Ordering::Acquire).saturating_add(self.since_start(moment));
        if self.measurements.load(Ordering::Acquire) == 0 {
            return Ts(raw);
        }
        Ts(self.given.fetch_max(raw, Ordering::AcqRel).max(raw))
    }

    /// Takes a measurement: the venue said `server` to a request sent and answered at these moments.
    ///
    /// The first one sets the clock, in either direction. A later one is taken if it is as exact as the one in use, or if
    /// the clock lies outside what it allows.
    pub fn measured(&self, server: Ts, sent: Instant, received: Instant) {
        let trip = received.saturating_duration_since(sent);
        let half = trip / 2;
        let base = server.0.saturating_sub(self.since_start(sent + half));
        let trip_ms = trip.as_secs_f64() * 1_000.0;
        let mut used = self.trip_ms.lock().unwrap_or_else(|e| e.into_inner());
        let off = (base - self.base.load(Ordering::Acquire)).abs();
        match *used {
            Some(best) if trip_ms > best && off <= self.pace.venue_ms(half) + 1 => *used = Some(best * AGEING),
            _ => {
                self.base.store(base, Ordering::Release);
                *used = Some(trip_ms);
            }
        }
        self.measurements.fetch_add(1, Ordering::AcqRel);
    }

    /// How often the venue's time was measured.
    pub fn measurements(&self) -> u64 {
        self.measurements.load(Ordering::Acquire)
    }

    /// How far the local system's time is ahead of the venue's, in milliseconds; of no meaning at other speeds than one.
    pub fn local_ahead_ms(&self) -> i64 {
        let local = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as i64);
        local.saturating_sub(self.now().0)
    }

    /// The real time until the venue's clock shows `ts`; zero if it does already.
    pub fn until(&self, ts: Ts) -> Duration {
        match ts.0.saturating_sub(self.now().0) {
            ms if ms <= 0 => Duration::ZERO,
            ms => self.pace.wait(ms),
        }
    }

    fn since_start(&self, moment: Instant) -> i64 {
        match moment.checked_duration_since(self.start) {
            Some(after) => self.pace.venue_ms(after),
            None => -self.pace.venue_ms(self.start.duration_since(moment)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn the_venue_is_asked_and_half_the_round_trip_counts() {
        let clock = VenueClock::new(Pace::new(10.0));
        let sent = clock.start + 100 * MS;
        clock.measured(Ts(1_000_000), sent, sent + 40 * MS);
        // At the middle of the round trip; ten venue milliseconds pass in one.
        assert_eq!(clock.at(sent + 20 * MS), Ts(1_000_000));
        assert_eq!(clock.at(sent + 40 * MS), Ts(1_000_200));
        assert_eq!(clock.measurements(), 1);
    }

    #[test]
    fn it_never_steps_back_after_the_first_measurement() {
        let clock = VenueClock::new(Pace::REAL);
        let at = clock.start;
        clock.now(); // local time, far ahead of what follows
        clock.measured(Ts(5_000), at, at);
        assert_eq!(clock.at(at + MS), Ts(5_001));
        clock.measured(Ts(1_000), at + MS, at + MS);
        assert_eq!(clock.at(at + 2 * MS), Ts(5_001));
        assert_eq!(clock.at(at + 4_003 * MS), Ts(5_002));
    }

    #[test]
    fn a_slow_answer_does_not_replace_an_exact_one_it_agrees_with() {
        let clock = VenueClock::new(Pace::REAL);
        let at = clock.start;
        clock.measured(Ts(1_000), at, at + 2 * MS);
        assert_eq!(clock.at(at + MS), Ts(1_000));
        // 200 ms under way, most of it back: the middle is 90 ms off, and that is within its error.
        clock.measured(Ts(1_110), at + 100 * MS, at + 300 * MS);
        assert_eq!(clock.at(at + 301 * MS), Ts(1_300));
        // Outside its error: the venue's clock was set.
        clock.measured(Ts(9_000), at + 400 * MS, at + 600 * MS);
        assert_eq!(clock.at(at + 500 * MS), Ts(9_000));
    }

    #[test]
    fn waits_are_real_time() {
        let clock = VenueClock::new(Pace::new(100.0));
        clock.measured(Ts(0), clock.start, clock.start);
        let wait = clock.until(Ts(60_000));
        assert!(wait <= 600 * MS && wait > 300 * MS, "{wait:?}");
        assert_eq!(clock.until(Ts(-5)), Duration::ZERO);
    }
}
