//! The venues and how each spells intervals.

use serde::{Deserialize, Serialize};
use sigc_market::Interval;

/// A market with its own rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Venue {
    /// Binance USDⓈ-M futures.
    Futures,
    /// Binance spot.
    Spot,
    /// Bybit USDT perpetuals.
    BybitLinear,
    /// Bybit spot.
    BybitSpot,
}

const BINANCE: &[&str] = &["1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1M"];

const BYBIT: &[(&str, &str)] = &[
    ("1", "1m"),
    ("3", "3m"),
    ("5", "5m"),
    ("15", "15m"),
    ("30", "30m"),
    ("60", "1h"),
    ("120", "2h"),
    ("240", "4h"),
    ("360", "6h"),
    ("720", "12h"),
    ("D", "1d"),
    ("W", "1w"),
    ("M", "1M"),
];

impl Venue {
    /// All of them.
    pub const ALL: [Venue; 4] = [Venue::Futures, Venue::Spot, Venue::BybitLinear, Venue::BybitSpot];

    /// True for the two of Bybit.
    pub fn is_bybit(self) -> bool {
        matches!(self, Venue::BybitLinear | Venue::BybitSpot)
    }

    /// Reads an interval as this venue spells it; anything else is unknown to it.
    pub fn interval(self, text: &str) -> Option<Interval> {
        let known = match self {
            Venue::Futures => BINANCE.contains(&text),
            Venue::Spot => text == "1s" || BINANCE.contains(&text),
            Venue::BybitLinear | Venue::BybitSpot => {
                let (_, ours) = BYBIT.iter().find(|(theirs, _)| *theirs == text)?;
                return Interval::parse(ours).ok();
            }
        };
        if known { Interval::parse(text).ok() } else { None }
    }

    /// The intervals this venue offers, as it spells them.
    pub fn intervals(self) -> Vec<&'static str> {
        if self.is_bybit() { BYBIT.iter().map(|(theirs, _)| *theirs).collect() } else { BINANCE.to_vec() }
    }

    /// The venue's spelling; Binance's where it has none of its own.
    pub fn spell(self, interval: Interval) -> String {
        let ours = interval.to_string();
        match BYBIT.iter().find(|(_, text)| *text == ours) {
            Some((theirs, _)) if self.is_bybit() => (*theirs).to_owned(),
            _ => ours,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_round_trip_and_strangers_are_unknown() {
        for venue in Venue::ALL {
            for text in venue.intervals() {
                let interval = venue.interval(text).expect("offered");
                assert_eq!(venue.spell(interval), text);
            }
        }
        assert_eq!(Venue::Futures.interval("1s"), None);
        assert!(Venue::Spot.interval("1s").is_some());
        assert_eq!(Venue::Futures.interval("60m"), None);
        assert_eq!(Venue::BybitLinear.interval("1h"), None);
        assert_eq!(Venue::BybitLinear.interval("480"), None);
    }
}
