//! Intervals, and the numbering of rows on their grids.
//!
//! Row `k` of an interval covers `[open_of(k), open_of(k + 1))`. Fixed intervals start at multiples of the epoch,
//! weeks on Monday, months on the first; all in UTC.

use crate::Ts;
use serde::{Deserialize, Serialize};
use std::fmt;

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const WEEK: i64 = 7 * DAY;
/// 1970-01-05, the first Monday.
const FIRST_MONDAY: i64 = 4 * DAY;

/// The length of a bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Interval(Kind);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    /// Milliseconds, a divisor of a day or a whole number of days.
    Fixed(i64),
    Week,
    Month,
}

/// Why a count and a unit are no interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IntervalError {
    /// Neither `COUNT` nor `UNIT` of `15m, 2h, 1d, 1w, 1M`.
    #[error("an interval is a count and one of s, m, h, d, w, M, such as `15m`")]
    Form,
    /// Such a bar would not line up with the day: `7m`, `5h`.
    #[error("an interval below a day must divide the day evenly")]
    DoesNotDivideDay,
    /// Only `1w` and `1M` exist.
    #[error("weeks and months come one at a time: `1w`, `1M`")]
    OnlyOne,
    /// Longer than 365 days.
    #[error("an interval is at most 365 days")]
    TooLong,
}

impl Interval {
    /// `count` seconds, minutes, hours or days given as milliseconds.
    pub fn from_millis(ms: i64) -> Result<Interval, IntervalError> {
        if ms < SECOND || ms % SECOND != 0 {
            return Err(IntervalError::Form);
        }
        if ms > 365 * DAY {
            return Err(IntervalError::TooLong);
        }
        if ms == WEEK {
            return Ok(Interval(Kind::Week));
        }
        if (ms < DAY && DAY % ms != 0) || (ms > DAY && ms % DAY != 0) {
            return Err(IntervalError::DoesNotDivideDay);
        }
        Ok(Interval(Kind::Fixed(ms)))
    }

    /// The week that starts on Monday.
    pub const WEEK: Interval = Interval(Kind::Week);

    /// The calendar month.
    pub const MONTH: Interval = Interval(Kind::Month);

    /// `count` of a unit letter: `s m h d w M`.
    pub fn new(count: u32, unit: char) -> Result<Interval, IntervalError> {
        let ms = match unit {
            's' => SECOND,
            'm' => MINUTE,
            'h' => HOUR,
            'd' => DAY,
            'w' | 'M' if count != 1 => return Err(IntervalError::OnlyOne),
            'w' => return Ok(Interval::WEEK),
            'M' => return Ok(Interval::MONTH),
            _ => return Err(IntervalError::Form),
        };
        Interval::from_millis(i64::from(count) * ms)
    }

    /// Reads `15m`, `2h`, `1d`, `1w`, `1M`.
    pub fn parse(text: &str) -> Result<Interval, IntervalError> {
        let unit = text.chars().last().ok_or(IntervalError::Form)?;
        let digits = &text[..text.len() - unit.len_utf8()];
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(IntervalError::Form);
        }
        Interval::new(digits.parse().map_err(|_| IntervalError::TooLong)?, unit)
    }

    /// The length in milliseconds; of a month its longest, 31 days.
    pub fn max_millis(self) -> i64 {
        match self.0 {
            Kind::Fixed(ms) => ms,
            Kind::Week => WEEK,
            Kind::Month => 31 * DAY,
        }
    }

    /// The length in milliseconds if every bar has the same one.
    pub fn millis(self) -> Option<i64> {
        match self.0 {
            Kind::Fixed(ms) => Some(ms),
            Kind::Week => Some(WEEK),
            Kind::Month => None,
        }
    }

    /// True for calendar months, whose bars differ in length.
    pub fn is_month(self) -> bool {
        self.0 == Kind::Month
    }

    /// The number of the row that holds `ts`.
    pub fn index_of(self, ts: Ts) -> i64 {
        match self.0 {
            Kind::Fixed(ms) => ts.0.div_euclid(ms),
            Kind::Week => (ts.0 - FIRST_MONDAY).div_euclid(WEEK),
            Kind::Month => {
                let (year, month, _) = civil_from_days(ts.0.div_euclid(DAY));
                year * 12 + i64::from(month) - 1
            }
        }
    }

    /// The first instant of row `k`.
    pub fn open_of(self, k: i64) -> Ts {
        match self.0 {
            Kind::Fixed(ms) => Ts(k * ms),
            Kind::Week => Ts(k * WEEK + FIRST_MONDAY),
            Kind::Month => Ts(days_from_civil(k.div_euclid(12), k.rem_euclid(12) as u32 + 1, 1) * DAY),
        }
    }

    /// The first instant after row `k`: when its bar is closed.
    pub fn close_of(self, k: i64) -> Ts {
        self.open_of(k + 1)
    }

    /// True if a bar of this interval may open at `ts`.
    pub fn is_aligned(self, ts: Ts) -> bool {
        self.open_of(self.index_of(ts)) == ts
    }

    /// The newest row that is closed at `ts`.
    pub fn last_closed(self, ts: Ts) -> i64 {
        self.index_of(ts) - 1
    }

    /// True if every bar of `self` is made of whole bars of `child`, more than one of them.
    pub fn is_multiple_of(self, child: Interval) -> bool {
        match (self.0, child.0) {
            (Kind::Fixed(a), Kind::Fixed(b)) => a > b && a % b == 0,
            // Weeks and months start at midnight, off the grids of intervals longer than a day.
            (Kind::Week | Kind::Month, Kind::Fixed(b)) => b <= DAY,
            _ => false,
        }
    }

    /// How many bars of `child` fit into one of `self`: the least and the most.
    pub fn ratio_to(self, child: Interval) -> (i64, i64) {
        let child_ms = child.max_millis();
        match self.0 {
            Kind::Month => (28 * DAY / child_ms, 31 * DAY / child_ms),
            _ => (self.max_millis() / child_ms, self.max_millis() / child_ms),
        }
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = match self.0 {
            Kind::Week => return f.write_str("1w"),
            Kind::Month => return f.write_str("1M"),
            Kind::Fixed(ms) => ms,
        };
        let (unit, letter) = [(DAY, 'd'), (HOUR, 'h'), (MINUTE, 'm')]
            .into_iter()
            .find(|(unit, _)| ms % unit == 0)
            .unwrap_or((SECOND, 's'));
        write!(f, "{}{letter}", ms / unit)
    }
}

impl From<Interval> for String {
    fn from(i: Interval) -> String {
        i.to_string()
    }
}

impl TryFrom<String> for Interval {
    type Error = IntervalError;
    fn try_from(text: String) -> Result<Interval, IntervalError> {
        Interval::parse(&text)
    }
}

/// Days since the epoch of a proleptic Gregorian date (H. Hinnant, *chrono-compatible low-level date algorithms*).
fn days_from_civil(year: i64, month: u32, day: u32) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let yoe = y.rem_euclid(400);
    let shifted = i64::from((month + 9) % 12);
    let doy = (153 * shifted + 2) / 5 + i64::from(day) - 1;
    era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719_468
}

/// The inverse of [`days_from_civil`], same source.
fn civil_from_days(days: i64) -> (i64, u32, u32) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let shifted = (5 * doy + 2) / 153;
    let day = (doy - (153 * shifted + 2) / 5 + 1) as u32;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 } as u32;
    (yoe + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips_and_odd_lengths_are_refused() {
        for text in ["1s", "1m", "15m", "2h", "12h", "1d", "3d", "1w", "1M"] {
            assert_eq!(Interval::parse(text).map(|i| i.to_string()).as_deref(), Ok(text));
        }
        for (text, error) in [
            ("7m", IntervalError::DoesNotDivideDay),
            ("0m", IntervalError::Form),
            ("m", IntervalError::Form),
            ("1x", IntervalError::Form),
            ("2w", IntervalError::OnlyOne),
            ("400d", IntervalError::TooLong),
            ("", IntervalError::Form),
            ("-1m", IntervalError::Form),
            ("1µ", IntervalError::Form),
        ] {
            assert_eq!(Interval::parse(text), Err(error), "{text}");
        }
        assert_eq!(Interval::parse("60m").map(|i| i.to_string()).as_deref(), Ok("1h"));
        assert_eq!(Interval::parse("7d"), Ok(Interval::WEEK));
    }

    #[test]
    fn rows_tile_time() {
        for text in ["1m", "2h", "1d", "3d", "1w", "1M"] {
            let i = Interval::parse(text).expect("listed above");
            for k in [-700, -13, -1, 0, 1, 11, 12, 652, 20_000] {
                assert_eq!(i.index_of(i.open_of(k)), k, "{text} {k}");
                assert_eq!(i.index_of(Ts(i.close_of(k).0 - 1)), k, "{text} {k}");
            }
        }
    }

    #[test]
    fn weeks_start_on_monday_and_months_on_the_first() {
        // 2024-02-05 was a Monday; 2024 a leap year. Checked against the civil calendar of jiff.
        let monday: jiff::civil::Date = "2024-02-05".parse().expect("a date");
        assert_eq!(monday.weekday(), jiff::civil::Weekday::Monday);
        let at = |text: &str| Ts::parse_iso(text).expect("iso");
        assert!(Interval::WEEK.is_aligned(at("2024-02-05T00:00:00Z")));
        assert!(!Interval::WEEK.is_aligned(at("2024-02-06T00:00:00Z")));
        let k = Interval::MONTH.index_of(at("2024-02-29T23:59:59Z"));
        assert_eq!(Interval::MONTH.open_of(k), at("2024-02-01"));
        assert_eq!(Interval::MONTH.close_of(k), at("2024-03-01"));
        for month in 0..600 {
            let date = jiff::civil::date(1970 + (month / 12) as i16, (month % 12 + 1) as i8, 1);
            let ts = date.to_zoned(jiff::tz::TimeZone::UTC).expect("utc").timestamp().as_millisecond();
            assert_eq!(Interval::MONTH.open_of(1970 * 12 + month), Ts(ts));
        }
    }

    #[test]
    fn multiples() {
        let i = |t: &str| Interval::parse(t).expect("listed");
        assert!(i("2h").is_multiple_of(i("15m")));
        assert!(!i("15m").is_multiple_of(i("15m")));
        assert!(i("1w").is_multiple_of(i("1d")));
        assert!(i("1M").is_multiple_of(i("4h")));
        assert!(!i("1w").is_multiple_of(i("3d")));
        assert!(!i("1M").is_multiple_of(i("1w")));
        assert_eq!(i("1M").ratio_to(i("1d")), (28, 31));
        assert_eq!(i("2h").ratio_to(i("15m")), (8, 8));
    }
}
