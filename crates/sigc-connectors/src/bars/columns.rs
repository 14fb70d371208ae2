//! Which column of a file holds what.
//!
//! Takes the names of a header; gives a [`Layout`]. Exchanges and archives spell the same columns differently, so each
//! one has a list of names, best first.

use super::error::BarsError;
use sigc_diag::nearest;
use sigc_market::{Field, N_FIELDS};
use std::path::Path;
use std::sync::Arc;

/// Names of the column with a bar's first instant. `open_time` wins: other columns may carry the close.
const TIME_NAMES: &[&str] = &["open_time", "ts", "timestamp", "time", "date", "datetime"];
const SYMBOL_NAMES: &[&str] = &["symbol", "ticker"];

/// Columns of a Binance kline archive without a header:
/// open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore.
const KLINE_WIDTH: usize = 12;

/// Positions of the columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    pub time: usize,
    pub symbol: Option<usize>,
    /// By [`Field::index`].
    pub fields: [Option<usize>; N_FIELDS],
    /// How many columns a row has.
    pub width: usize,
}

impl Layout {
    /// The layout of a headerless kline archive.
    pub fn kline() -> Layout {
        let fields = [1, 2, 3, 4, 5, 7, 8, 9, 10].map(Some);
        Layout { time: 0, symbol: None, fields, width: KLINE_WIDTH }
    }

    /// True if these cells are a row of a headerless kline archive: twelve cells, the first one a number.
    pub fn is_kline_row<'a>(mut cells: impl Iterator<Item = &'a [u8]>) -> bool {
        let first_is_number = cells.next().is_some_and(|c| !c.is_empty() && c.iter().all(u8::is_ascii_digit));
        first_is_number && cells.count() == KLINE_WIDTH - 1
    }

    /// Finds the columns in a header.
    pub fn of_header(file: &Arc<Path>, names: &[String]) -> Result<Layout, BarsError> {
        let plain: Vec<String> = names.iter().map(|n| normal(n)).collect();
        let find = |wanted: &[&str]| wanted.iter().find_map(|w| plain.iter().position(|n| n == w));
        let time = find(TIME_NAMES);
        let mut fields = [None; N_FIELDS];
        let mut missing = Vec::new();
        if time.is_none() {
            missing.push(TIME_NAMES[0]);
        }
        for field in Field::ALL {
            fields[field.index()] = find(names_of(field));
            if fields[field.index()].is_none() && Field::OHLCV.contains(&field) {
                missing.push(field.name());
            }
        }
        match time {
            Some(time) if missing.is_empty() => {
                Ok(Layout { time, symbol: find(SYMBOL_NAMES), fields, width: names.len() })
            }
            _ => {
                let nearest = missing.first().and_then(|m| nearest(m, names.iter().map(|n| n.trim())));
                Err(BarsError::MissingColumn {
                    file: file.clone(),
                    nearest: nearest.map(str::to_owned),
                    missing,
                    found: names.iter().take(40).map(|n| n.chars().take(64).collect()).collect(),
                })
            }
        }
    }

    /// The position of the symbol column in a header, if there is one.
    pub fn symbol_in(names: &[String]) -> Option<usize> {
        SYMBOL_NAMES.iter().find_map(|w| names.iter().position(|n| normal(n) == *w))
    }
}

/// Names of a field's column, best first.
fn names_of(field: Field) -> &'static [&'static str] {
    match field {
        Field::Open => &["open"],
        Field::High => &["high"],
        Field::Low => &["low"],
        Field::Close => &["close"],
        Field::Volume => &["volume"],
        Field::QuoteVolume => &["quote_volume", "quote_asset_volume"],
        Field::Trades => &["trades", "count", "number_of_trades", "num_trades"],
        Field::TakerBuyVolume => {
            &["taker_buy_volume", "taker_buy_base_volume", "taker_buy_base_asset_volume", "taker_buy_base"]
        }
        Field::TakerBuyQuoteVolume => &["taker_buy_quote_volume", "taker_buy_quote_asset_volume", "taker_buy_quote"],
    }
}

/// `Open Time` and `open_time` are the same name.
fn normal(name: &str) -> String {
    name.trim().to_ascii_lowercase().replace(' ', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(header: &str) -> Result<Layout, BarsError> {
        let names: Vec<String> = header.split(',').map(str::to_owned).collect();
        Layout::of_header(&Arc::from(Path::new("X.csv")), &names)
    }

    #[test]
    fn the_kline_header_and_the_headerless_order_agree() {
        let header = "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,\
                      taker_buy_quote_volume,ignore";
        assert_eq!(layout(header).expect("complete"), Layout::kline());
    }

    #[test]
    fn open_time_wins_over_a_label_and_case_does_not_matter() {
        let l = layout("ts,Symbol,Open Time,Open,High,Low,Close,Volume").expect("complete");
        assert_eq!((l.time, l.symbol), (2, Some(1)));
    }

    #[test]
    fn a_slip_is_recognised() {
        let error = layout("open_time,open,high,low,colse,volume").expect_err("no close");
        assert_eq!(error.code(), "E0502");
        assert_eq!(error.to_string(), "`X.csv` has no column `close`");
        assert!(error.help().contains("rename `colse` to `close`"), "{}", error.help());
    }
}
