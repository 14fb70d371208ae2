//! The query for the bars of many symbols.
//!
//! Names of the pipeline were checked and are quoted; values go beside the text as parameters of the query. Numbers
//! come back as texts, because a text can be read to the nearest number and a JSON number was rounded before. The first
//! part of the union is the server's time, taken before the rows are read.

use super::{Table, Wanted};
use std::fmt::Write;

/// Bars per symbol that a query should ask for.
pub const ROWS_PER_REQUEST: i64 = 1_000;

/// A query and its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// The text, for the body of a POST request.
    pub text: String,
    /// What goes into the address, in this order: names and values, not encoded.
    pub params: Vec<(&'static str, String)>,
}

impl Table {
    /// The query for what is wanted. With nothing wanted it still needs the table and all its columns, and tells the
    /// server's time.
    pub fn query(&self, wanted: &[Wanted<'_>]) -> Query {
        let merged = if self.merged { " FINAL" } else { "" };
        let closed = self.closed.as_ref().map_or(String::new(), |column| format!("\n  AND {column} != 0"));
        let text = format!(
            "SELECT '' AS s, toString(toUnixTimestamp64Milli(now64(3))) AS t, '' AS o, '' AS h, '' AS l, '' AS c, '' AS v\n\
             UNION ALL\n\
             SELECT toString(symbol), toString(toUnixTimestamp64Milli(toDateTime64(open_time, 3, 'UTC'))),\n  \
             toString(open), toString(high), toString(low), toString(close), toString(volume)\n\
             FROM {name}{merged}\n\
             WHERE interval = {{interval:String}} AND symbol IN {{symbols:Array(String)}}\n  \
             AND open_time >= fromUnixTimestamp64Milli({{from:Int64}}, 'UTC')\n  \
             AND open_time <= fromUnixTimestamp64Milli({{to:Int64}}, 'UTC')\n  \
             AND toUnixTimestamp64Milli(toDateTime64(open_time, 3, 'UTC'))\n    \
             BETWEEN arrayElement({{froms:Array(Int64)}}, indexOf({{symbols:Array(String)}}, toString(symbol)))\n    \
             AND arrayElement({{tos:Array(Int64)}}, indexOf({{symbols:Array(String)}}, toString(symbol))){closed}\n\
             FORMAT JSONCompactEachRow",
            name = self.name,
        );
        let list = |item: &dyn Fn(&Wanted<'_>) -> String| {
            let mut out = String::from("[");
            for (i, w) in wanted.iter().enumerate() {
                let comma = if i > 0 { "," } else { "" };
                let _ = write!(out, "{comma}{}", item(w)); // writing to a text cannot fail
            }
            out + "]"
        };
        let from = wanted.iter().map(|w| w.from.0).min().unwrap_or(0);
        let to = wanted.iter().map(|w| w.to.0).max().unwrap_or(0);
        let params = vec![
            // Errors come with their status instead of behind half the rows.
            ("wait_end_of_query", "1".to_owned()),
            ("param_interval", self.interval.to_string()),
            // A symbol has no quote and no backslash, see `Symbol::new`.
            ("param_symbols", list(&|w| format!("'{}'", w.symbol))),
            ("param_from", from.to_string()),
            ("param_to", to.to_string()),
            ("param_froms", list(&|w| w.from.0.to_string())),
            ("param_tos", list(&|w| w.to.0.to_string())),
        ];
        Query { text, params }
    }
}

/// True for at most `parts` names with dots between them, each of letters, digits and `_`, none beginning with a digit.
pub(crate) fn is_name(text: &str, parts: usize) -> bool {
    let name = |part: &str| {
        let begins = part.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
        begins && part.len() <= 200 && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    };
    text.split('.').count() <= parts && text.split('.').all(name)
}

/// A name that [`is_name`] in back quotes.
pub(crate) fn quoted(name: &str) -> String {
    name.split('.').map(|part| format!("`{part}`")).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::clickhouse::answer::tests::{symbol, table};
    use sigc_market::Ts;

    #[test]
    fn names_are_plain() {
        for (text, parts) in [("klines", 2), ("market.klines_1h", 2), ("_x", 1)] {
            assert!(is_name(text, parts), "{text}");
        }
        for (text, parts) in
            [("", 2), ("a.b.c", 2), ("a.b", 1), ("1a", 2), ("a.", 2), ("a b", 2), ("a`b", 2), ("a;--", 2), ("ä", 2)]
        {
            assert!(!is_name(text, parts), "{text}");
        }
        assert_eq!(quoted("market.klines"), "`market`.`klines`");
    }

    #[test]
    fn values_stand_beside_the_text() {
        let (btc, eth) = (symbol("BTCUSDT"), symbol("ETH/USDT"));
        let wanted = [
            Wanted { symbol: &btc, from: Ts(120_000), to: Ts(240_000) },
            Wanted { symbol: &eth, from: Ts(60_000), to: Ts(180_000) },
        ];
        let query = table(None).query(&wanted);
        assert!(query.text.contains("FROM `market`.`klines` FINAL") && query.text.ends_with("JSONCompactEachRow"));
        assert!(!query.text.contains("USDT") && !query.text.contains("120000") && !query.text.contains("1m"));
        let param = |name: &str| query.params.iter().find(|p| p.0 == name).map(|p| p.1.as_str());
        assert_eq!(param("param_symbols"), Some("['BTCUSDT','ETH/USDT']"));
        assert_eq!((param("param_froms"), param("param_tos")), (Some("[120000,60000]"), Some("[240000,180000]")));
        assert_eq!((param("param_from"), param("param_to")), (Some("60000"), Some("240000")));
        assert_eq!((param("param_interval"), param("wait_end_of_query")), (Some("1m"), Some("1")));
        let closed = table(Some("is_closed")).query(&[]);
        assert!(closed.text.contains("AND `is_closed` != 0"));
        assert!(closed.params.contains(&("param_symbols", "[]".into())));
    }
}
