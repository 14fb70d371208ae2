//! Times in a script: an instant, or a time after the start; and lengths of time.
//!
//! In JSON an instant is a number (milliseconds since the epoch), ISO 8601 text, or `"+15m"` for a quarter of an hour
//! after the start. A length is a number of milliseconds or text such as `"250ms"`, `"90s"`, `"6h"`, `"2d"`.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use sigc_market::Ts;

/// Times and lengths of a script stay within this, a hundred thousand years, so that sums of a few of them are exact.
const FARTHEST: i64 = 1 << 51;

/// An instant of a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Venue time.
    At(Ts),
    /// Milliseconds after the exchange started.
    AfterStart(i64),
}

impl Moment {
    /// The instant, for an exchange that starts then.
    pub fn resolve(self, start: Ts) -> Ts {
        let ts = match self {
            Moment::At(ts) => ts.0,
            Moment::AfterStart(ms) => start.0.saturating_add(ms),
        };
        Ts(ts.clamp(-FARTHEST, FARTHEST))
    }
}

impl From<Ts> for Moment {
    fn from(ts: Ts) -> Moment {
        Moment::At(ts)
    }
}

/// A length of time in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub i64);

fn parse_span(text: &str) -> Option<i64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    digits.parse::<i64>().ok()?.checked_mul(unit)
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Spelled {
    Number(i64),
    Text(String),
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Moment, D::Error> {
        let text = match Spelled::deserialize(from)? {
            Spelled::Number(ms) => return Ok(Moment::At(Ts(ms))),
            Spelled::Text(text) => text,
        };
        let read = match text.strip_prefix('+') {
            Some(span) => parse_span(span).map(Moment::AfterStart),
            None => Ts::parse_iso(&text).map(Moment::At),
        };
        read.ok_or_else(|| D::Error::custom(format!("`{text}` is no time: give milliseconds, ISO 8601 or `+15m`")))
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Moment::At(ts) => to.serialize_i64(ts.0),
            Moment::AfterStart(ms) => to.serialize_str(&format!("+{ms}ms")),
        }
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Span, D::Error> {
        let ms = match Spelled::deserialize(from)? {
            Spelled::Number(ms) => ms,
            Spelled::Text(text) => parse_span(&text)
                .ok_or_else(|| D::Error::custom(format!("`{text}` is no length of time such as `90s`")))?,
        };
        if ms.unsigned_abs() > FARTHEST.unsigned_abs() {
            return Err(D::Error::custom(format!("{ms} ms is too long")));
        }
        Ok(Span(ms))
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_i64(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_read() {
        let read = |text: &str| serde_json::from_str::<Moment>(text).map_err(|e| e.to_string());
        assert_eq!(read("5000"), Ok(Moment::At(Ts(5_000))));
        assert_eq!(read("\"1970-01-01T00:00:05Z\""), Ok(Moment::At(Ts(5_000))));
        assert_eq!(read("\"+15m\"").map(|m| m.resolve(Ts(1))), Ok(Ts(900_001)));
        assert!(read("\"soon\"").is_err() && read("\"+15\"").is_err());
        assert_eq!(serde_json::from_str::<Span>("\"250ms\"").map_err(|e| e.to_string()), Ok(Span(250)));
        assert!(serde_json::from_str::<Span>("\"9223372036854775807d\"").is_err());
        assert!(serde_json::from_str::<Span>("9223372036854775807").is_err());
        assert_eq!(Moment::At(Ts(i64::MIN)).resolve(Ts(0)), Ts(-FARTHEST));
        let back = serde_json::to_string(&Moment::AfterStart(7)).expect("serializes");
        assert_eq!(read(&back), Ok(Moment::AfterStart(7)));
    }
}
