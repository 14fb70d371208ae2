//! What the readers of all venues share: numbers, times, bars, and words for a message.
//!
//! Stays true: a bar that comes out of [`bar`] opens on the grid of its interval and keeps every rule that the bar files
//! are held to, so live bars and recorded ones are checked alike.

use serde::Deserialize;
use sigc_market::{Bar, Field, Interval, N_FIELDS, NULL, Ts};
use sigc_runtime::venue::WireError;
use std::borrow::Cow;
use std::error::Error;

/// Longest text of a venue that goes into a message, in characters.
const MAX_WORDS: usize = 200;
/// Bytes of a body that are looked at for such a text.
const LOOKED_AT: usize = 4_096;
/// The end of the year 9999: everything outside is no time, and grid arithmetic stays far from overflow.
const LAST_TS: i64 = 253_402_300_799_999;
/// Venue times from here on are microseconds (16 digits); as milliseconds this would be the year 33658.
const FIRST_MICROS: i64 = 1_000_000_000_000_000;

/// A text of the message, borrowed where it has no escapes.
#[derive(Debug, Deserialize)]
pub(super) struct Text<'a>(#[serde(borrow)] pub Cow<'a, str>);

/// JSON text to a value of the documented shape.
pub(super) fn json<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, WireError> {
    serde_json::from_slice(body).map_err(|e| wire_error(&e))
}

/// What serde says, as the error it is.
pub(super) fn wire_error(e: &serde_json::Error) -> WireError {
    let words = words(e.to_string().as_bytes());
    if e.is_data() { WireError::Shape(words) } else { WireError::NotJson(words) }
}

/// A venue's time in milliseconds, or in microseconds where it has 16 digits.
pub(super) fn time(raw: i64) -> Result<Ts, WireError> {
    let ms = if raw >= FIRST_MICROS { raw / 1_000 } else { raw };
    if (0..=LAST_TS).contains(&ms) { Ok(Ts(ms)) } else { Err(WireError::Value(format!("`{raw}` is no time"))) }
}

/// A time written as a text of digits.
pub(super) fn time_text(text: &str) -> Result<Ts, WireError> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let raw = text.parse::<i64>().ok().filter(|_| digits);
    time(raw.ok_or_else(|| WireError::Value(format!("`{}` is no time", words(text.as_bytes()))))?)
}

/// Decimal text to a number, rounded once. A JSON number would have been rounded before and is not accepted.
pub(super) fn decimal(text: &str, field: Field) -> Result<f64, WireError> {
    let begins = text.as_bytes().first().is_some_and(u8::is_ascii_digit);
    let value = text.parse::<f64>().ok().filter(|v| begins && v.is_finite());
    value.ok_or_else(|| {
        let found = words(text.as_bytes());
        WireError::Value(format!("{} `{found}` is no number of at least zero", field.name()))
    })
}

/// A count of trades.
pub(super) fn count(n: i64) -> Result<f64, WireError> {
    if n < 0 { Err(WireError::Value(format!("trades `{n}` is below zero"))) } else { Ok(n as f64) }
}

/// The values of a bar by field, null where the venue gives none.
pub(super) fn values<const N: usize>(given: [(Field, &str); N]) -> Result<[f64; N_FIELDS], WireError> {
    let mut all = [NULL; N_FIELDS];
    for (field, text) in given {
        all[field.index()] = decimal(text, field)?;
    }
    Ok(all)
}

/// A bar on its grid whose values can be those of one.
///
/// `last` is the last millisecond inside the bar, where the venue states it.
pub(super) fn bar(
    interval: Interval,
    open_time: Ts,
    last: Option<Ts>,
    values: [f64; N_FIELDS],
) -> Result<Bar, WireError> {
    if !interval.is_aligned(open_time) {
        return Err(WireError::OffGrid(format!("no {interval} bar opens at {open_time}")));
    }
    let close = interval.close_of(interval.index_of(open_time));
    if let Some(last) = last
        && last.0 != close.0 - 1
    {
        return Err(WireError::OffGrid(format!("the {interval} bar of {open_time} does not end at {last}")));
    }
    let [open, high, low, end, ..] = values;
    for (field, price) in [(Field::Open, open), (Field::High, high), (Field::Low, low), (Field::Close, end)] {
        if !(price > 0.0 && price.is_finite()) {
            return Err(WireError::Value(format!("{} `{price}` is not above zero", field.name())));
        }
        if field != Field::High && field != Field::Low && !(low..=high).contains(&price) {
            return Err(WireError::Value(format!("{} `{price}` is outside `{low}` to `{high}`", field.name())));
        }
    }
    if high < low {
        return Err(WireError::Value(format!("high `{high}` is below low `{low}`")));
    }
    Ok(Bar { open_time, values })
}

/// Rows by open time, each once. Equal rows are one row; two different rows of one open time are an error.
pub(super) fn in_order(mut bars: Vec<Bar>) -> Result<Vec<Bar>, WireError> {
    if !bars.is_sorted_by(|a, b| a.open_time < b.open_time) {
        bars.sort_by_key(|b| b.open_time);
        if let Some(w) = bars.windows(2).find(|w| w[0].open_time == w[1].open_time && w[0] != w[1]) {
            return Err(WireError::Shape(format!("two different rows of {}", w[0].open_time)));
        }
        bars.dedup_by_key(|b| b.open_time);
    }
    Ok(bars)
}

/// A venue's words for a message: one line, printable, not long. Of a HTML page its title.
pub fn words(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(LOOKED_AT)]);
    let text = text.trim_start();
    let shown = if text.starts_with('<') { title(text) } else { text };
    let mut out = String::new();
    let mut n = 0;
    for word in shown.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty()) {
        if n > 0 {
            out.push(' ');
            n += 1;
        }
        for c in word.chars() {
            if n >= MAX_WORDS {
                return out;
            }
            out.push(c);
            n += 1;
        }
    }
    out
}

/// An error of a client with its causes, each said once.
pub fn causes(e: &dyn Error) -> String {
    let mut text = e.to_string();
    let mut next = e.source();
    while let Some(cause) = next {
        let words = cause.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        next = cause.source();
    }
    text
}

/// What stands between `<title>` and `</title>`, or a stand-in.
fn title(html: &str) -> &str {
    // ASCII case folding keeps the length, so positions in the copy are positions in the text.
    let lower = html.to_ascii_lowercase();
    let inside = lower.find("<title>").map(|at| at + "<title>".len());
    let found = inside.and_then(|from| Some(from..from + lower.get(from..)?.find("</title>")?));
    found.and_then(|range| html.get(range)).unwrap_or("a HTML page")
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`, the form of HTTP dates (RFC 9110, 5.6.7).
pub(super) fn http_date(text: &str) -> Option<Ts> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut parts = text.split_once(", ")?.1.split(' ');
    let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
    let month = MONTHS.iter().position(|m| *m == month)? + 1;
    let (clock, "GMT") = (parts.next()?, parts.next()?) else { return None };
    Ts::parse_iso(&format!("{year}-{month:02}-{day:0>2}T{clock}Z"))
}

/// Seconds, or a date, of a `Retry-After` header, as a wait from now in milliseconds.
pub fn retry_after(header: &dyn Fn(&str) -> Option<String>) -> Option<i64> {
    let text = header("retry-after")?;
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u32>() {
        return Some(i64::from(seconds) * 1_000);
    }
    let now = http_date(header("date")?.trim())?;
    Some((http_date(text)?.0 - now.0).max(0))
}

/// A text inside a query: everything but letters, digits and `-._~` becomes `%XX` (RFC 3986, 2.3).
pub(super) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for b in text.bytes() {
        if b.is_ascii_alphanumeric() || b"-._~".contains(&b) {
            out.push(char::from(b));
        } else {
            out.push_str(&format!("%{b:02X}"));
        }
    }
    out
}

/// How many rows of the grid open from `from` to `to`, and the open time of the last one when there may be `most`.
pub(super) fn rows(interval: Interval, from: Ts, to: Ts, most: u32) -> (u32, Ts) {
    let before = interval.index_of(Ts(from.0.clamp(0, LAST_TS) - 1));
    let last = interval.index_of(Ts(to.0.clamp(0, LAST_TS)));
    let n = (last - before).clamp(1, i64::from(most.max(1)));
    (n as u32, if last - before > n { interval.open_of(before + n) } else { to })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minute() -> Interval {
        Interval::parse("1m").expect("an interval")
    }

    #[test]
    fn only_plain_decimals_are_numbers() {
        for (text, value) in [("0", 0.0), ("88010.10", 88010.10), ("1e-7", 1e-7), ("007", 7.0)] {
            assert_eq!(decimal(text, Field::Volume), Ok(value), "{text}");
        }
        for text in ["", "-1", "-0", "+1", "nan", "inf", "NaN", ".5", " 1", "1 ", "1e999", "0x1", "1,5"] {
            assert!(matches!(decimal(text, Field::Volume), Err(WireError::Value(_))), "{text}");
        }
    }

    #[test]
    fn times_of_16_digits_are_microseconds() {
        assert_eq!(time(1_766_750_400_000), Ok(Ts(1_766_750_400_000)));
        assert_eq!(time(1_766_753_999_999_999), Ok(Ts(1_766_753_999_999)));
        assert!(time(-1).is_err() && time(i64::MAX).is_err() && time(999_999_999_999_999).is_err());
        assert_eq!(time_text("1766750400000"), Ok(Ts(1_766_750_400_000)));
        assert!(time_text("+1").is_err() && time_text("").is_err() && time_text("1.5").is_err());
    }

    #[test]
    fn bars_keep_the_rules_of_the_bar_files() {
        let with = |o, h, l, c| {
            let mut values = [NULL; N_FIELDS];
            values[..5].copy_from_slice(&[o, h, l, c, 1.0]);
            bar(minute(), Ts(60_000), Some(Ts(119_999)), values)
        };
        assert!(with(2.0, 3.0, 1.0, 2.5).is_ok() && with(2.0, 2.0, 2.0, 2.0).is_ok());
        for (o, h, l, c) in [
            (4.0, 3.0, 1.0, 2.0),
            (2.0, 3.0, 1.0, 0.5),
            (2.0, 1.0, 3.0, 2.0),
            (0.0, 3.0, 0.0, 2.0),
            (NULL, 3.0, 1.0, 2.0),
            (2.0, NULL, 1.0, 2.0),
            (2.0, 3.0, NULL, 2.0),
        ] {
            assert!(matches!(with(o, h, l, c), Err(WireError::Value(_))), "{o} {h} {l} {c}");
        }
        let flat = [1.0; N_FIELDS];
        for (open, last) in [(60_001, None), (60_000, Some(Ts(120_000))), (60_000, Some(Ts(119_998)))] {
            assert!(matches!(bar(minute(), Ts(open), last, flat), Err(WireError::OffGrid(_))), "{open}");
        }
    }

    #[test]
    fn rows_come_out_ascending_and_once() {
        let at = |t| Bar::ohlcv(Ts(t), 1.0, 1.0, 1.0, 1.0, 1.0);
        let times = |bars: Vec<Bar>| bars.iter().map(|b| b.open_time.0).collect::<Vec<_>>();
        assert_eq!(in_order(vec![at(3), at(2), at(2), at(1)]).map(times), Ok(vec![1, 2, 3]));
        let other = Bar::ohlcv(Ts(1), 2.0, 2.0, 2.0, 2.0, 1.0);
        assert!(in_order(vec![at(1), other]).is_err());
    }

    #[test]
    fn words_are_short_and_printable() {
        assert_eq!(words(b"  Invalid\r\n\x07 symbol. "), "Invalid symbol.");
        assert_eq!(words(b"<html><TITLE>502 Bad\nGateway</title>"), "502 Bad Gateway");
        assert_eq!(words(b"<html>"), "a HTML page");
        assert_eq!(words("€".repeat(5_000).as_bytes()).chars().count(), MAX_WORDS);
        assert_eq!(words(&[0xff, 0xfe]), "\u{fffd}\u{fffd}");
    }

    #[test]
    fn waits_are_seconds_or_dates() {
        let headers = |after: &'static str| {
            move |name: &str| match name {
                "retry-after" => Some(after.to_owned()),
                "date" => Some("Sun, 06 Nov 1994 08:49:37 GMT".to_owned()),
                _ => None,
            }
        };
        // `date -u -d 1994-11-06T08:49:37 +%s`
        assert_eq!(http_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Ts(784_111_777_000)));
        assert_eq!(retry_after(&headers("120")), Some(120_000));
        assert_eq!(retry_after(&headers("Sun, 06 Nov 1994 08:50:07 GMT")), Some(30_000));
        assert_eq!(retry_after(&headers("soon")), None);
    }

    #[test]
    fn a_request_covers_its_first_rows() {
        assert_eq!(rows(minute(), Ts(60_000), Ts(60_000), 499), (1, Ts(60_000)));
        assert_eq!(rows(minute(), Ts(60_000), Ts(180_000), 499), (3, Ts(180_000)));
        assert_eq!(rows(minute(), Ts(60_001), Ts(180_999), 499), (2, Ts(180_999)));
        assert_eq!(rows(minute(), Ts(0), Ts(600_000), 4), (4, Ts(180_000)));
        assert_eq!(rows(minute(), Ts(600_000), Ts(0), 4), (1, Ts(0)));
        assert_eq!(rows(minute(), Ts(i64::MIN), Ts(i64::MAX), 4).0, 4);
        assert_eq!(encoded("first%3DA b"), "first%253DA%20b");
    }
}
