//! The names of archives.

use crate::venue::Venue;
use sigc_market::{Interval, Symbol, Ts};

const DAY: i64 = 86_400_000;
/// Archives appear at 08:30 UTC.
const MORNING: i64 = (8 * 60 + 30) * 60_000;

/// One archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    pub venue: Venue,
    pub monthly: bool,
    pub symbol: Symbol,
    pub interval: Interval,
    /// First instant of its day or month.
    pub from: Ts,
}

/// An interval as archives spell it: a month is `1mo`.
pub(crate) fn spell(interval: Interval) -> String {
    if interval.is_month() { "1mo".to_owned() } else { interval.to_string() }
}

fn read(text: &str) -> Option<Interval> {
    match text {
        "1mo" => Some(Interval::MONTH),
        "1M" => None,
        _ => Venue::Spot.interval(text),
    }
}

impl Key {
    /// Reads `data/spot/daily/klines/BTCUSDT/1h/BTCUSDT-1h-2025-12-25.zip` and its like.
    pub fn parse(text: &str) -> Option<Key> {
        let (venue, rest) = match text.strip_prefix("data/spot/") {
            Some(rest) => (Venue::Spot, rest),
            None => (Venue::Futures, text.strip_prefix("data/futures/um/")?),
        };
        let mut parts = rest.split('/');
        let monthly = match parts.next()? {
            "daily" => false,
            "monthly" => true,
            _ => return None,
        };
        if parts.next()? != "klines" {
            return None;
        }
        let symbol = Symbol::new(parts.next()?).ok()?;
        let interval = read(parts.next()?)?;
        let date = parts.next()?.strip_suffix(".zip")?.strip_prefix(&format!("{symbol}-{}-", spell(interval)))?;
        let from = match (monthly, date.len()) {
            (false, 10) => Ts::parse_iso(date)?,
            (true, 7) => Ts::parse_iso(&format!("{date}-01"))?,
            _ => return None,
        };
        let key = Key { venue, monthly, symbol, interval, from };
        (parts.next().is_none() && key.is_kept()).then_some(key)
    }

    /// Daily files exist for bars up to a day.
    pub fn is_kept(&self) -> bool {
        self.monthly || self.interval.max_millis() <= DAY
    }

    /// From its first instant to the first instant after it.
    pub fn range(&self) -> (Ts, Ts) {
        let length = if self.monthly { Interval::MONTH } else { Interval::from_millis(DAY).unwrap_or(Interval::WEEK) };
        (self.from, length.close_of(length.index_of(self.from)))
    }

    /// When it appears.
    pub fn appears(&self) -> Ts {
        let (_, end) = self.range();
        if !self.monthly {
            return Ts(end.0 + MORNING);
        }
        let monday = Interval::WEEK.open_of(Interval::WEEK.index_of(Ts(end.0 - 1)) + 1);
        Ts(monday.0 + MORNING)
    }

    /// The folder, with a slash at its end.
    pub fn folder(&self) -> String {
        let market = if self.venue == Venue::Spot { "spot" } else { "futures/um" };
        let span = if self.monthly { "monthly" } else { "daily" };
        format!("data/{market}/{span}/klines/{}/{}/", self.symbol, spell(self.interval))
    }

    /// The file's name without its extension.
    pub fn stem(&self) -> String {
        let date = self.from.to_string();
        let date = &date[..if self.monthly { 7 } else { 10 }];
        format!("{}-{}-{date}", self.symbol, spell(self.interval))
    }

    /// The file's name.
    pub fn file(&self) -> String {
        format!("{}.zip", self.stem())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for text in [
            "data/spot/daily/klines/BTCUSDT/1h/BTCUSDT-1h-2025-12-25.zip",
            "data/futures/um/monthly/klines/BTCUSDT/1mo/BTCUSDT-1mo-2025-11.zip",
            "data/futures/um/monthly/klines/BTCUSDT/1m/BTCUSDT-1m-2024-02.zip",
        ] {
            let key = Key::parse(text).expect(text);
            assert_eq!(format!("{}{}", key.folder(), key.file()), text);
        }
    }

    #[test]
    fn other_names_are_none() {
        for text in [
            "data/spot/daily/klines/BTCUSDT/1h/ETHUSDT-1h-2025-12-25.zip",
            "data/spot/daily/klines/BTCUSDT/1w/BTCUSDT-1w-2025-12-25.zip",
            "data/spot/daily/klines/BTCUSDT/1h/BTCUSDT-1h-2025-12.zip",
            "data/spot/monthly/klines/BTCUSDT/1M/BTCUSDT-1M-2025-12.zip",
            "data/spot/daily/klines/BTCUSDT/1h/BTCUSDT-1h-2025-13-25.zip",
            "data/spot/daily/klines/BTCUSDT/1h/BTCUSDT-1h-2025-12-25.zip/x",
            "data/spot/daily/klines/",
            "",
        ] {
            assert_eq!(Key::parse(text), None, "{text}");
        }
    }

    #[test]
    fn days_appear_next_morning_and_months_on_a_monday() {
        let key = |text| Key::parse(text).expect(text);
        let day = key("data/spot/daily/klines/A/1h/A-1h-2025-12-25.zip");
        assert_eq!(day.appears().to_string(), "2025-12-26T08:30:00Z");
        let month = key("data/spot/monthly/klines/A/1h/A-1h-2025-11.zip");
        // 2025-12-01 is a Monday itself, 2025-10-06 the first one of its month.
        assert_eq!(month.appears().to_string(), "2025-12-01T08:30:00Z");
        let month = key("data/spot/monthly/klines/A/1h/A-1h-2025-09.zip");
        assert_eq!(month.appears().to_string(), "2025-10-06T08:30:00Z");
        assert_eq!(month.range().1.to_string(), "2025-10-01T00:00:00Z");
    }
}
