//! The truth as text: bar files that `sigc backfill --bars` reads, every bit kept.

use crate::market::Market;
use sigc_market::{Bar, Field, Interval, Symbol, Ts};
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

/// Bars as CSV: the open time in milliseconds and the nine fields, numbers in their shortest exact text.
pub(crate) fn csv(bars: &[Bar]) -> String {
    let mut out = String::from("open_time");
    for field in Field::ALL {
        out.push(',');
        out.push_str(field.name());
    }
    out.push('\n');
    for bar in bars {
        let mut written = write!(out, "{}", bar.open_time.0);
        for value in bar.values {
            written = written.and_then(|()| write!(out, ",{value}"));
        }
        debug_assert!(written.is_ok(), "writing to a string");
        out.push('\n');
    }
    out
}

/// Writes `SYMBOL-INTERVAL.csv` for each symbol into a folder; gives the files.
pub(crate) fn write(
    market: &Market,
    folder: &Path,
    symbols: impl IntoIterator<Item = Symbol>,
    interval: Interval,
    from: Ts,
    to: Ts,
) -> io::Result<Vec<PathBuf>> {
    std::fs::create_dir_all(folder)?;
    let one = |symbol: Symbol| {
        let path = folder.join(format!("{symbol}-{interval}.csv"));
        std::fs::write(&path, csv(&market.bars(&symbol, interval, from, to)))?;
        Ok(path)
    };
    symbols.into_iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_bits() {
        let bar = Bar { open_time: Ts(60_000), values: [0.1, 0.30000000000000004, 0.1, 1e-7, 5.0, 0.0, 7.0, 1.5, 2.0] };
        let text = csv(&[bar]);
        let (head, row) = text.split_once('\n').expect("two lines");
        assert_eq!(
            head,
            "open_time,open,high,low,close,volume,quote_volume,trades,taker_buy_volume,taker_buy_quote_volume"
        );
        let cells: Vec<f64> = row.trim().split(',').skip(1).map(|c| c.parse().expect("a number")).collect();
        assert!(cells.iter().zip(bar.values).all(|(a, b)| a.to_bits() == b.to_bits()));
    }
}
