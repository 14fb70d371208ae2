//! An instant.

use serde::{Deserialize, Serialize};
use std::fmt;

/// An instant in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ts(pub i64);

impl Ts {
    /// Milliseconds since the epoch.
    pub fn millis(self) -> i64 {
        self.0
    }

    /// Reads ISO 8601 (`2024-01-31T12:00:00Z`, with an offset, or a bare date for midnight UTC).
    pub fn parse_iso(text: &str) -> Option<Ts> {
        if let Ok(t) = text.parse::<jiff::Timestamp>() {
            return Some(Ts(t.as_millisecond()));
        }
        let civil = text.parse::<jiff::civil::DateTime>().ok()?;
        let zoned = civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        Some(Ts(zoned.timestamp().as_millisecond()))
    }
}

impl fmt::Display for Ts {
    /// ISO 8601 in UTC, milliseconds only where there are any.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(t) => write!(f, "{t}"),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}
