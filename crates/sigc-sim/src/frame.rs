//! Bars in the venues' own words.
//!
//! Numbers are the shortest decimal text that reads back as the same bits, so a client that parses them as `f64` has
//! the truth exactly. Which of them are JSON strings and which are numbers follows the venues.

use crate::market::Values;
use sigc_market::{Field, Ts};
use std::fmt::Write;

/// Room for trade ids in a minute; no minute has so many trades.
const IDS_PER_MINUTE: i64 = 10_000;

/// A bar to be told, closed or not.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told<'a> {
    pub symbol: &'a str,
    /// In the venue's spelling.
    pub interval: &'a str,
    pub open: Ts,
    /// First instant after the bar.
    pub close: Ts,
    pub values: &'a Values,
    pub closed: bool,
    /// When it is told.
    pub event: Ts,
    /// With fields nobody knows.
    pub strange: bool,
}

impl Told<'_> {
    fn trades(&self) -> i64 {
        self.values[Field::Trades.index()] as i64
    }

    /// First and last trade id; -1 where there is no trade.
    fn ids(&self) -> (i64, i64) {
        let first = self.open.0.div_euclid(60_000) * IDS_PER_MINUTE;
        if self.trades() == 0 { (-1, -1) } else { (first, first + self.trades() - 1) }
    }

    /// Binance's `kline` event, or `continuous_kline`, which names the pair elsewhere.
    pub fn binance(&self, out: &mut String, continuous: bool) {
        let event = self.event.0;
        let written = if continuous {
            write!(out, r#"{{"e":"continuous_kline","E":{event},"ps":"{}","ct":"PERPETUAL","#, self.symbol)
        } else {
            write!(out, r#"{{"e":"kline","E":{event},"s":"{}","#, self.symbol)
        };
        debug_assert!(written.is_ok(), "writing to a string");
        if self.strange {
            out.push_str(r#""st":1,"note":{"why":["new",null]},"#);
        }
        let ((first, last), [o, h, l, c, v, q, _, taker, taker_quote]) = (self.ids(), *self.values);
        let (open, end, interval, n, x) = (self.open.0, self.close.0 - 1, self.interval, self.trades(), self.closed);
        let name = if continuous { String::new() } else { format!(r#""s":"{}","#, self.symbol) };
        let written = write!(
            out,
            r#""k":{{"t":{open},"T":{end},{name}"i":"{interval}","f":{first},"L":{last},"o":"{o}","c":"{c}","h":"{h}","l":"{l}","v":"{v}","n":{n},"x":{x},"q":"{q}","V":"{taker}","Q":"{taker_quote}","B":"0"}}}}"#
        );
        debug_assert!(written.is_ok(), "writing to a string");
    }

    /// Bybit's `kline` topic.
    pub fn bybit(&self, out: &mut String, topic: &str) {
        let [o, h, l, c, v, q, ..] = *self.values;
        let (open, end, interval, closed) = (self.open.0, self.close.0 - 1, self.interval, self.closed);
        let strange = if self.strange { r#","note":{"why":["new",null]}"# } else { "" };
        let (ts, last_trade) = (self.event.0, self.event.0.min(end));
        let written = write!(
            out,
            r#"{{"topic":"{topic}","type":"snapshot","ts":{ts},"data":[{{"start":{open},"end":{end},"interval":"{interval}","open":"{o}","close":"{c}","high":"{h}","low":"{l}","volume":"{v}","turnover":"{q}","confirm":{closed},"timestamp":{last_trade}{strange}}}]}}"#
        );
        debug_assert!(written.is_ok(), "writing to a string");
    }
}

/// A row of Binance's REST answer.
pub(crate) fn binance_row(out: &mut String, open: Ts, close: Ts, values: &Values) {
    let [o, h, l, c, v, q, n, taker, taker_quote] = *values;
    let (open, end, n) = (open.0, close.0 - 1, n as i64);
    let written =
        write!(out, r#"[{open},"{o}","{h}","{l}","{c}","{v}",{end},"{q}",{n},"{taker}","{taker_quote}","0"]"#);
    debug_assert!(written.is_ok(), "writing to a string");
}

/// A row of Bybit's REST answer.
pub(crate) fn bybit_row(out: &mut String, open: Ts, values: &Values) {
    let [o, h, l, c, v, q, ..] = *values;
    let written = write!(out, r#"["{}","{o}","{h}","{l}","{c}","{v}","{q}"]"#, open.0);
    debug_assert!(written.is_ok(), "writing to a string");
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    const FLAT: Values = [0.00000638, 0.00000638, 0.00000638, 0.00000638, 0.0, 0.0, 0.0, 0.0, 0.0];

    fn told(values: &Values) -> Told<'_> {
        let (open, close, event) = (Ts(60_000), Ts(120_000), Ts(120_050));
        Told { symbol: "LRCBTC", interval: "1m", open, close, values, closed: true, event, strange: false }
    }

    #[test]
    fn a_bar_without_trades_has_no_trade_ids() {
        let mut out = String::new();
        told(&FLAT).binance(&mut out, false);
        let frame: Value = serde_json::from_str(&out).expect("JSON");
        let k = &frame["k"];
        assert_eq!((k["f"].as_i64(), k["L"].as_i64(), k["n"].as_i64()), (Some(-1), Some(-1), Some(0)));
        assert_eq!((k["o"].as_str(), k["v"].as_str()), (Some("0.00000638"), Some("0")));
        assert_eq!((k["t"].as_i64(), k["T"].as_i64()), (Some(60_000), Some(119_999)));
    }

    #[test]
    fn values_read_back_as_the_same_bits() {
        let values: Values = [0.1 + 0.2, 1e15 / 3.0, 1e-7, 123_456.789, 5.0, 1.0 / 3.0, 7.0, 0.3, 1e-5];
        let mut out = String::new();
        binance_row(&mut out, Ts(0), Ts(60_000), &values);
        let row: Vec<Value> = serde_json::from_str(&out).expect("JSON");
        for (cell, value) in [1, 2, 3, 4, 5, 7, 9, 10].into_iter().zip([0, 1, 2, 3, 4, 5, 7, 8]) {
            let read: f64 = row[cell].as_str().expect("text").parse().expect("a number");
            assert_eq!(read.to_bits(), f64::to_bits(values[value]));
        }
        assert_eq!(row[8].as_i64(), Some(7));
    }

    #[test]
    fn strange_frames_and_continuous_ones_are_json() {
        let mut bar = told(&FLAT);
        bar.strange = true;
        let (mut a, mut b) = (String::new(), String::new());
        bar.binance(&mut a, true);
        bar.bybit(&mut b, "kline.1.LRCBTC");
        let a: Value = serde_json::from_str(&a).expect("JSON");
        assert_eq!((a["ps"].as_str(), a["ct"].as_str(), a["k"].get("s")), (Some("LRCBTC"), Some("PERPETUAL"), None));
        assert!(a.get("note").is_some());
        let b: Value = serde_json::from_str(&b).expect("JSON");
        assert_eq!(b["data"][0]["confirm"].as_bool(), Some(true));
        assert!(b["data"][0].get("note").is_some());
    }
}
