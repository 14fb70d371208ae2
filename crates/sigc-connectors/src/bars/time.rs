//! The instants of a time column.
//!
//! A column holds whole seconds, milliseconds, microseconds or nanoseconds since the epoch, or ISO 8601. The unit is
//! told by the size of the first number and then holds for the whole file: a mixture is an error, never a guess per row.
//! Numbers below 1e11 are seconds (up to the year 5138), below 1e14 milliseconds (from 1973 on), below 1e17
//! microseconds, all others nanoseconds.

use sigc_market::Ts;

/// How a column tells time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Seconds,
    Millis,
    Micros,
    Nanos,
    Iso,
    Days,
}

impl Unit {
    fn of(value: i64) -> Unit {
        match value.unsigned_abs() {
            0..100_000_000_000 => Unit::Seconds,
            100_000_000_000..100_000_000_000_000 => Unit::Millis,
            100_000_000_000_000..100_000_000_000_000_000 => Unit::Micros,
            _ => Unit::Nanos,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Unit::Seconds => "seconds",
            Unit::Millis => "milliseconds",
            Unit::Micros => "microseconds",
            Unit::Nanos => "nanoseconds",
            Unit::Iso => "ISO 8601",
            Unit::Days => "days",
        }
    }
}

/// The reader of one file's time column.
#[derive(Debug, Default)]
pub(super) struct TimeColumn {
    unit: Option<Unit>,
}

impl TimeColumn {
    /// A column whose type states the unit.
    pub fn of_unit(unit: Unit) -> TimeColumn {
        TimeColumn { unit: Some(unit) }
    }

    /// Reads a cell of text. The error is what was found instead of a time.
    pub fn text(&mut self, cell: &[u8]) -> Result<Ts, String> {
        if let Some(value) = integer(cell) {
            return self.guess(value);
        }
        let parsed = std::str::from_utf8(cell).ok().and_then(Ts::parse_iso);
        let ts = parsed.ok_or_else(|| format!("`{}` is no open time", excerpt(cell)))?;
        self.expect(Unit::Iso, cell)?;
        Ok(ts)
    }

    /// Reads a whole number whose unit its size tells.
    pub fn guess(&mut self, value: i64) -> Result<Ts, String> {
        let unit = Unit::of(value);
        self.expect(unit, value.to_string().as_bytes())?;
        self.number(value)
    }

    /// Reads a whole number of the column's unit.
    pub fn number(&self, value: i64) -> Result<Ts, String> {
        let per_milli = match self.unit.unwrap_or(Unit::Millis) {
            Unit::Seconds => return self.scaled(value, 1_000),
            Unit::Days => return self.scaled(value, 86_400_000),
            Unit::Millis | Unit::Iso => 1,
            Unit::Micros => 1_000,
            Unit::Nanos => 1_000_000,
        };
        if value % per_milli != 0 {
            return Err(format!("open time `{value}` is not a whole number of milliseconds"));
        }
        in_range(Ts(value / per_milli), value)
    }

    fn scaled(&self, value: i64, by: i64) -> Result<Ts, String> {
        let millis = value.checked_mul(by).ok_or_else(|| format!("`{value}` is no open time"))?;
        in_range(Ts(millis), value)
    }

    fn expect(&mut self, unit: Unit, cell: &[u8]) -> Result<(), String> {
        match self.unit {
            None => self.unit = Some(unit),
            Some(first) if first == unit => {}
            Some(first) => {
                let (cell, unit, first) = (excerpt(cell), unit.name(), first.name());
                return Err(format!("open time `{cell}` is in {unit}, and the file began in {first}"));
            }
        }
        Ok(())
    }
}

/// Years 0000 to 9999; everything outside is a broken cell, and grid arithmetic stays far from overflow.
fn in_range(ts: Ts, value: i64) -> Result<Ts, String> {
    const FIRST: i64 = -62_167_219_200_000;
    const LAST: i64 = 253_402_300_799_999;
    if (FIRST..=LAST).contains(&ts.0) { Ok(ts) } else { Err(format!("`{value}` is no open time")) }
}

/// A cell of decimal digits with an optional minus sign.
fn integer(cell: &[u8]) -> Option<i64> {
    let digits = cell.strip_prefix(b"-").unwrap_or(cell);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(cell).ok()?.parse().ok()
}

/// A cell for a message: printable and not long.
pub(super) fn excerpt(cell: &[u8]) -> String {
    let text = String::from_utf8_lossy(&cell[..cell.len().min(200)]);
    let mut short: String = text.chars().take(40).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().count() > 40 {
        short.push_str("...");
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_told_by_size() {
        // 2024-01-31T12:00:00Z is 1706702400 s: `date -u -d 2024-01-31T12:00 +%s`.
        for cell in [
            "1706702400",
            "1706702400000",
            "1706702400000000",
            "1706702400000000000",
            "2024-01-31T12:00:00Z",
            "2024-01-31 12:00:00",
            "2024-01-31T13:00:00+01:00",
            "2024-01-31 12:00:00+00:00",
        ] {
            assert_eq!(TimeColumn::default().text(cell.as_bytes()), Ok(Ts(1_706_702_400_000)), "{cell}");
        }
        assert_eq!(TimeColumn::default().text(b"2024-01-31"), Ok(Ts(1_706_659_200_000)));
    }

    #[test]
    fn a_mixture_is_refused() {
        let mut column = TimeColumn::default();
        column.text(b"1706702400000").expect("milliseconds");
        let error = column.text(b"1706702400000000").expect_err("microseconds");
        assert_eq!(error, "open time `1706702400000000` is in microseconds, and the file began in milliseconds");
        assert!(column.text(b"2024-01-31").is_err());
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for cell in ["", "-", "abc", "1.5", "99999999999999999999", "1706702400000001", "9223372036854775807"] {
            assert!(TimeColumn::default().text(cell.as_bytes()).is_err(), "{cell}");
        }
    }
}
