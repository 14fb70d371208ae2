//! What Bybit's REST interface answers: rows, the clock, the list of symbols, refusals.

use super::super::wire::{Text, bar, in_order, json, time, time_text, values, words};
use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, SeqAccess, Visitor};
use sigc_market::{Bar, Field, Interval, Symbol, Ts};
use sigc_runtime::venue::{Instrument, Instruments, Refusal, Used, WireError};
use std::fmt;

/// Pause after `access too frequent`, which the venue asks for.
const FREQUENT_MS: i64 = 600_000;
/// Pause after the limit of one interface, whose windows last seconds, where its reset is not stated.
const INTERFACE_MS: i64 = 5_000;

/// What every answer is wrapped in.
#[derive(Deserialize)]
struct Answer<T> {
    result: T,
}

#[derive(Deserialize)]
struct Klines<'a> {
    #[serde(borrow)]
    list: Vec<Row<'a>>,
}

/// A row: start, open, high, low, close, volume, turnover, and whatever else the venue appends.
struct Row<'a>([Text<'a>; 7]);

/// Reads the rows of a kline answer, which come newest first.
pub(super) fn klines(interval: Interval, body: &[u8]) -> Result<Vec<Bar>, WireError> {
    let answer: Answer<Klines<'_>> = json(body)?;
    let mut bars: Vec<Bar> = Vec::with_capacity(answer.result.list.len());
    for Row([start, open, high, low, close, volume, turnover]) in answer.result.list.iter().rev() {
        let values = values([
            (Field::Open, &open.0),
            (Field::High, &high.0),
            (Field::Low, &low.0),
            (Field::Close, &close.0),
            (Field::Volume, &volume.0),
            (Field::QuoteVolume, &turnover.0),
        ])?;
        bars.push(bar(interval, time_text(&start.0)?, None, values)?);
    }
    in_order(bars)
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
        f.write_str("a row of at least seven texts")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut row: A) -> Result<Row<'de>, A::Error> {
        let mut at = 0;
        let mut next = || {
            at += 1;
            row.next_element::<Text<'de>>()?.ok_or_else(|| A::Error::invalid_length(at - 1, &RowVisitor))
        };
        let read = Row([next()?, next()?, next()?, next()?, next()?, next()?, next()?]);
        while row.next_element::<IgnoredAny>()?.is_some() {}
        Ok(read)
    }
}

#[derive(Deserialize)]
struct Clock {
    time: i64,
}

/// Reads the time an answer was made at, to the millisecond.
pub(super) fn server_time(body: &[u8]) -> Result<Ts, WireError> {
    time(json::<Clock>(body)?.time)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InstrumentsInfo<'a> {
    #[serde(borrow)]
    list: Vec<Listed<'a>>,
    #[serde(borrow)]
    next_page_cursor: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed<'a> {
    #[serde(borrow)]
    symbol: Text<'a>,
    #[serde(borrow)]
    status: Text<'a>,
    #[serde(borrow)]
    launch_time: Option<Text<'a>>,
    #[serde(borrow)]
    delivery_time: Option<Text<'a>>,
}

/// Reads one page of the list of symbols.
pub(super) fn instruments(body: &[u8]) -> Result<Instruments, WireError> {
    let info = json::<Answer<InstrumentsInfo<'_>>>(body)?.result;
    // A perpetual's delivery time is `0`.
    let at = |text: &Option<Text<'_>>| text.as_ref().and_then(|t| time_text(&t.0).ok()).filter(|t| t.0 > 0);
    let mut listed = Vec::with_capacity(info.list.len());
    for s in &info.list {
        let Ok(symbol) = Symbol::new(&s.symbol.0) else { continue };
        listed.push(Instrument {
            symbol,
            trading: s.status.0 == "Trading",
            status: words(s.status.0.as_bytes()),
            listed_at: at(&s.launch_time),
            ends_at: at(&s.delivery_time),
        });
    }
    let next_page = info.next_page_cursor.map(|c| c.0.into_owned()).filter(|c| !c.is_empty());
    Ok(Instruments { listed, next_page, weight_per_window: None })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Outcome<'a> {
    ret_code: i64,
    #[serde(borrow)]
    ret_msg: Option<Text<'a>>,
    time: Option<i64>,
}

/// What an answer says beside its rows. How much of the limit is used, Bybit does not say.
pub(super) fn check(status: u16, header: &dyn Fn(&str) -> Option<String>, body: &[u8]) -> Result<Used, Refusal> {
    let outcome: Option<Outcome<'_>> = json(body).ok();
    let code = outcome.as_ref().map(|o| o.ret_code);
    // A success that is no answer of the interface is for the reader of the answer to refuse.
    if (200..300).contains(&status) && matches!(code, None | Some(0)) {
        return Ok(Used::default());
    }
    let said = outcome.as_ref().and_then(|o| o.ret_msg.as_ref()).map_or("", |m| &m.0);
    let reason = match code {
        Some(code) => format!("{} (code {code})", words(said.as_bytes())),
        None => format!("status {status}: {}", words(body)),
    };
    Err(match (status, code) {
        (403, _) if region_lock(body) => Refusal::Blocked { status },
        (403, _) => Refusal::TooMany { after_ms: Some(FREQUENT_MS), banned: true },
        (451, _) => Refusal::Blocked { status },
        (429, _) | (_, Some(10_006 | 10_018)) => {
            let now = outcome.as_ref().and_then(|o| time(o.time?).ok());
            let reset = header("x-bapi-limit-reset-timestamp").and_then(|t| time_text(t.trim()).ok());
            let stated = reset.zip(now).map(|(reset, now): (Ts, Ts)| (reset.0 - now.0).max(0));
            let after_ms = stated.or((code == Some(10_006)).then_some(INTERFACE_MS));
            Refusal::TooMany { after_ms, banned: false }
        }
        (_, Some(10_029)) => Refusal::UnknownSymbol { reason },
        (_, Some(10_001)) if said.to_ascii_lowercase().contains("symbol") => Refusal::UnknownSymbol { reason },
        (408 | 500.., _) | (_, Some(10_000 | 10_016)) => Refusal::Server { status, reason },
        _ => Refusal::BadRequest { reason },
    })
}

/// The content network's page for regions that are not served, which comes with the status of the limit.
fn region_lock(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body).to_ascii_lowercase();
    text.contains("block access from your country")
}
