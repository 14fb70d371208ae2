//! What Binance's REST interface answers: rows, the clock, the list of symbols, refusals.

use super::super::wire::{Text, bar, count, http_date, in_order, json, retry_after, time, values, words};
use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, SeqAccess, Visitor};
use sigc_market::{Bar, Field, Interval, Symbol, Ts};
use sigc_runtime::venue::{Instrument, Instruments, Refusal, Used, WireError};
use std::fmt;

/// A perpetual's end, far in the future. Delivery dates from here on are none.
const NEVER: i64 = 4_000_000_000_000;
/// A first ban lasts two minutes.
const LEAST_BAN_MS: i64 = 120_000;

/// Reads the rows of a klines answer.
pub(super) fn klines(interval: Interval, body: &[u8]) -> Result<Vec<Bar>, WireError> {
    let rows: Vec<Row<'_>> = json(body)?;
    let bars: Result<Vec<Bar>, WireError> = rows.iter().map(|row| row.bar(interval)).collect();
    in_order(bars?)
}

/// A row: a list of eleven values, and whatever else the venue appends.
struct Row<'a> {
    open_time: i64,
    prices: [Text<'a>; 4],
    volume: Text<'a>,
    last: i64,
    quote_volume: Text<'a>,
    trades: i64,
    taker_base: Text<'a>,
    taker_quote: Text<'a>,
}

impl Row<'_> {
    fn bar(&self, interval: Interval) -> Result<Bar, WireError> {
        let [open, high, low, close] = &self.prices;
        let mut values = values([
            (Field::Open, &open.0),
            (Field::High, &high.0),
            (Field::Low, &low.0),
            (Field::Close, &close.0),
            (Field::Volume, &self.volume.0),
            (Field::QuoteVolume, &self.quote_volume.0),
            (Field::TakerBuyVolume, &self.taker_base.0),
            (Field::TakerBuyQuoteVolume, &self.taker_quote.0),
        ])?;
        values[Field::Trades.index()] = count(self.trades)?;
        bar(interval, time(self.open_time)?, Some(time(self.last)?), values)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Row<'a> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Row<'a>, D::Error> {
        d.deserialize_seq(RowVisitor)
    }
}

struct RowVisitor;

impl<'de> Visitor<'de> for RowVisitor {
    type Value = Row<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row of at least eleven values")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut row: A) -> Result<Row<'de>, A::Error> {
        fn next<'de, T: Deserialize<'de>, A: SeqAccess<'de>>(row: &mut A, at: usize) -> Result<T, A::Error> {
            row.next_element()?.ok_or_else(|| A::Error::invalid_length(at, &RowVisitor))
        }
        let row_read = Row {
            open_time: next(&mut row, 0)?,
            prices: [next(&mut row, 1)?, next(&mut row, 2)?, next(&mut row, 3)?, next(&mut row, 4)?],
            volume: next(&mut row, 5)?,
            last: next(&mut row, 6)?,
            quote_volume: next(&mut row, 7)?,
            trades: next(&mut row, 8)?,
            taker_base: next(&mut row, 9)?,
            taker_quote: next(&mut row, 10)?,
        };
        while row.next_element::<IgnoredAny>()?.is_some() {}
        Ok(row_read)
    }
}

#[derive(Deserialize)]
struct Clock {
    #[serde(rename = "serverTime")]
    server_time: i64,
}

/// Reads `{"serverTime":...}`.
pub(super) fn server_time(body: &[u8]) -> Result<Ts, WireError> {
    time(json::<Clock>(body)?.server_time)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExchangeInfo<'a> {
    #[serde(borrow, default)]
    rate_limits: Vec<RateLimit<'a>>,
    #[serde(borrow)]
    symbols: Vec<Listed<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RateLimit<'a> {
    #[serde(borrow)]
    rate_limit_type: Text<'a>,
    #[serde(borrow)]
    interval: Text<'a>,
    interval_num: u32,
    limit: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed<'a> {
    #[serde(borrow)]
    symbol: Text<'a>,
    #[serde(borrow)]
    status: Text<'a>,
    onboard_date: Option<i64>,
    delivery_date: Option<i64>,
}

/// Reads the list of symbols, which comes in one page.
pub(super) fn instruments(body: &[u8]) -> Result<Instruments, WireError> {
    let info: ExchangeInfo<'_> = json(body)?;
    let minute = |r: &&RateLimit<'_>| {
        r.rate_limit_type.0 == "REQUEST_WEIGHT" && r.interval.0 == "MINUTE" && r.interval_num == 1 && r.limit > 0
    };
    let mut listed = Vec::with_capacity(info.symbols.len());
    for s in &info.symbols {
        let Ok(symbol) = Symbol::new(&s.symbol.0) else { continue };
        listed.push(Instrument {
            symbol,
            trading: s.status.0 == "TRADING",
            status: words(s.status.0.as_bytes()),
            listed_at: s.onboard_date.and_then(|t| time(t).ok()),
            ends_at: s.delivery_date.filter(|t| (1..NEVER).contains(t)).map(Ts),
        });
    }
    let weight_per_window = info.rate_limits.iter().find(minute).map(|r| r.limit);
    Ok(Instruments { listed, next_page: None, weight_per_window })
}

/// `{"code":-1121,"msg":"Invalid symbol."}`.
#[derive(Deserialize)]
struct Fault<'a> {
    code: i64,
    #[serde(borrow)]
    msg: Text<'a>,
}

/// What an answer says beside its rows.
pub(super) fn check(status: u16, header: &dyn Fn(&str) -> Option<String>, body: &[u8]) -> Result<Used, Refusal> {
    if (200..300).contains(&status) {
        return Ok(Used { weight: header("x-mbx-used-weight-1m").and_then(|w| w.trim().parse().ok()) });
    }
    let fault: Option<Fault<'_>> = json(body).ok();
    let code = fault.as_ref().map(|f| f.code);
    let reason = match &fault {
        Some(f) => format!("{} (code {})", words(f.msg.0.as_bytes()), f.code),
        None => format!("status {status}: {}", words(body)),
    };
    Err(match (status, code) {
        (403 | 451, _) => Refusal::Blocked { status },
        (418 | 429, _) | (_, Some(-1003)) => {
            let msg = fault.as_ref().map_or("", |f| &f.msg.0);
            let banned = status == 418 || msg.contains("banned");
            let until = banned_until(msg).zip(header("date").and_then(|d| http_date(d.trim())));
            let wait = retry_after(header).max(until.map(|(until, now)| (until.0 - now.0).max(0)));
            Refusal::TooMany { after_ms: wait.or(banned.then_some(LEAST_BAN_MS)), banned }
        }
        (_, Some(-1121 | -1122)) => Refusal::UnknownSymbol { reason },
        (408 | 500.., _) | (_, Some(-1000 | -1001 | -1008..=-1006)) => Refusal::Server { status, reason },
        _ => Refusal::BadRequest { reason },
    })
}

/// The time in `... IP banned until 1766754123456. ...`.
fn banned_until(msg: &str) -> Option<Ts> {
    let after = msg.split_once("banned until ")?.1;
    let digits = after.split(|c: char| !c.is_ascii_digit()).next()?;
    time(digits.parse().ok()?).ok()
}
