//! `15m`, `2h`, `1d`.

use super::{Grammar, Place, refusal, shorten};
use chumsky::prelude::*;
use sigc_diag::{Applicability, Diag, E0113, Span};

/// An interval as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IntervalText {
    /// How many units, at least 1.
    pub count: u32,
    /// The unit.
    pub unit: Unit,
}

/// The unit of an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// `s`
    Second,
    /// `m`
    Minute,
    /// `h`
    Hour,
    /// `d`
    Day,
    /// `w`
    Week,
    /// `M`
    Month,
}

fn grammar<'a>() -> Grammar<'a, IntervalText> {
    let count = text::int(10).labelled("a whole number").try_map(|digits: &str, span| match digits.parse::<u32>() {
        Ok(0) => Err(Rich::custom(span, "an interval cannot be zero")),
        Ok(count) => Ok(count),
        Err(_) => Err(Rich::custom(span, "this number is too large")),
    });
    let unit = choice((
        just('s').to(Unit::Second),
        just('m').to(Unit::Minute),
        just('h').to(Unit::Hour),
        just('d').to(Unit::Day),
        just('w').to(Unit::Week),
        just('M').to(Unit::Month),
    ))
    .labelled("a unit (`s`, `m`, `h`, `d`, `w`, `M`)");
    count.boxed().then(unit.boxed()).map(|(count, unit)| IntervalText { count, unit }).then_ignore(end()).boxed()
}

/// Reads a count and a unit.
///
/// # Errors
/// E0113, with the spelling that was probably meant.
pub fn interval(text: &str, at: Span) -> Result<IntervalText, Diag> {
    let place = Place::new(text, at);
    let errors = match grammar().parse(text).into_result() {
        Ok(interval) => return Ok(interval),
        Err(errors) => errors,
    };
    let diag = refusal(&E0113, format!("`{}` is not an interval", shorten(text)), &errors, place);
    Err(match meant(text) {
        Some(meant) if place.offset.is_some() => {
            let whole = place.part((0..text.len()).into());
            let title = format!("write `{meant}`");
            diag.help(title.clone()).fix(whole, meant, title, Applicability::Guess)
        }
        Some(meant) => diag.help(format!("write `{meant}`")),
        None if !text.is_empty() && text.len() <= 9 && text.bytes().all(|b| b.is_ascii_digit()) => {
            diag.help(format!("add the unit, for example `{text}m` for minutes; `1h` is one hour, `1M` one month"))
        }
        None => diag.help("write a whole number and a unit: `30s`, `15m`, `2h`, `1d`, `1w`, `1M`"),
    })
}

/// The usual other spellings: `15min`, `1H`, `2 hours`, `1mo`.
fn meant(text: &str) -> Option<String> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let count: u32 = text[..digits].parse().ok().filter(|&n| n > 0)?;
    let unit = match text[digits..].trim() {
        "M" => "M",
        unit => match unit.to_lowercase().as_str() {
            "s" | "sec" | "secs" | "second" | "seconds" => "s",
            "m" | "min" | "mins" | "minute" | "minutes" | "t" => "m",
            "h" | "hr" | "hrs" | "hour" | "hours" => "h",
            "d" | "day" | "days" => "d",
            "w" | "wk" | "week" | "weeks" => "w",
            "mo" | "mon" | "month" | "months" => "M",
            _ => return None,
        },
    };
    Some(format!("{count}{unit}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<IntervalText, Diag> {
        interval(text, Span::new(0, text.len()))
    }

    #[test]
    fn every_unit() {
        let units = [
            ("s", Unit::Second),
            ("m", Unit::Minute),
            ("h", Unit::Hour),
            ("d", Unit::Day),
            ("w", Unit::Week),
            ("M", Unit::Month),
        ];
        for (letter, unit) in units {
            assert_eq!(read(&format!("15{letter}")).unwrap(), IntervalText { count: 15, unit });
        }
    }

    #[test]
    fn other_spellings_get_the_right_one() {
        for (text, meant) in [
            ("15min", "15m"),
            ("1H", "1h"),
            ("2 hours", "2h"),
            ("1mo", "1M"),
            ("1D", "1d"),
            ("015m", "15m"),
            ("15 m", "15m"),
        ] {
            let diag = read(text).unwrap_err();
            assert_eq!(
                (diag.code.id, diag.help.as_deref()),
                ("E0113", Some(format!("write `{meant}`").as_str())),
                "{text}"
            );
            assert_eq!((diag.fixes[0].span, diag.fixes[0].replacement.as_str()), (Span::new(0, text.len()), meant));
        }
        assert!(read("60").unwrap_err().help.unwrap().contains("`60m`"));
        assert_eq!(read("0m").unwrap_err().labels[0].text, "an interval cannot be zero");
        for bad in ["", "m", "-1m", "1.5h", "1h30m", "99999999999m", "fast"] {
            assert_eq!(read(bad).unwrap_err().code.id, "E0113", "{bad}");
        }
    }
}
