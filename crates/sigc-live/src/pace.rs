//! How fast time passes: once a second, or faster against the simulated exchange.
//!
//! The machines count in milliseconds of the venue's clock. [`Pace`] turns their waits into real ones. What protects
//! real I/O (a connection attempt, a request, the silence of a socket) never gets shorter than the I/O itself can take.

use std::time::Duration;

/// The shortest watch on a socket or a request at any speed.
const LEAST_WATCH: Duration = Duration::from_millis(400);

/// Venue time per real time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace(f64);

impl Pace {
    /// Real time.
    pub const REAL: Pace = Pace(1.0);

    /// `speed` times real time; anything that is no number of at least 1 is real time.
    pub fn new(speed: f64) -> Pace {
        Pace(if speed.is_finite() { speed.max(1.0) } else { 1.0 })
    }

    /// Venue milliseconds per real millisecond.
    pub fn speed(self) -> f64 {
        self.0
    }

    /// The real time of a wait; at least a millisecond.
    pub fn wait(self, ms: i64) -> Duration {
        Duration::from_secs_f64((ms.max(0) as f64 / 1_000.0 / self.0).max(0.001))
    }

    /// The real time of a limit on I/O.
    pub fn watch(self, ms: i64) -> Duration {
        self.wait(ms).max(LEAST_WATCH)
    }

    /// Venue milliseconds in a real time.
    pub fn venue_ms(self, real: Duration) -> i64 {
        (real.as_secs_f64() * 1_000.0 * self.0) as i64
    }
}
