//! How venues spell symbols.

use sigc_market::Symbol;

/// Capital letters and digits without a separator, as Binance and Bybit spell them: the likely spelling of a symbol
/// that looks otherwise. `BTCUSDT_240628`, a dated contract, keeps its underscore.
pub(super) fn joined_capitals(symbol: &Symbol) -> Option<String> {
    let s = symbol.as_str();
    let upper = s.to_uppercase();
    let dated = upper.rsplit_once('_').is_some_and(|(_, d)| d.len() == 6 && d.bytes().all(|b| b.is_ascii_digit()));
    let respelt: String = if dated { upper } else { upper.chars().filter(|c| c.is_ascii_alphanumeric()).collect() };
    (respelt != s).then_some(respelt)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unusual_spellings_are_recognised() {
        for (text, respelt) in [
            ("BTCUSDT", None),
            ("1000PEPEUSDT", None),
            ("BTCUSDT_240628", None),
            ("btcusdt", Some("BTCUSDT")),
            ("BTC/USDT", Some("BTCUSDT")),
            ("BTC-USDT", Some("BTCUSDT")),
        ] {
            let symbol = Symbol::new(text).expect("listed above");
            assert_eq!(joined_capitals(&symbol).as_deref(), respelt, "{text}");
        }
    }
}
