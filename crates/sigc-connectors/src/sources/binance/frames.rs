//! What a stream of Binance says, bare or wrapped as `{"stream":...,"data":...}`.
//!
//! Nearly every frame is a wrapped kline, so that is tried first, without a tree and without copies. Whatever is no
//! kline, the general tree of the text tells. Fields that are not named here are not looked at: the venue adds some.

use super::super::wire::{Text, bar, count, time, values, wire_error, words};
use serde::Deserialize;
use serde_json::{Map, Value};
use sigc_market::{Field, Interval, Symbol};
use sigc_runtime::venue::{Frame, Kline, WireError};

#[derive(Deserialize)]
struct Wrapped<'a> {
    #[serde(borrow)]
    data: Event<'a>,
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    e: Text<'a>,
    #[serde(rename = "E")]
    sent: i64,
    #[serde(borrow)]
    s: Text<'a>,
    #[serde(borrow)]
    k: Candle<'a>,
}

#[derive(Deserialize)]
struct Candle<'a> {
    t: i64,
    #[serde(rename = "T")]
    last: i64,
    #[serde(borrow)]
    s: Text<'a>,
    #[serde(borrow)]
    i: Text<'a>,
    #[serde(borrow)]
    o: Text<'a>,
    #[serde(borrow)]
    h: Text<'a>,
    #[serde(borrow)]
    l: Text<'a>,
    #[serde(borrow)]
    c: Text<'a>,
    #[serde(borrow)]
    v: Text<'a>,
    n: i64,
    x: bool,
    #[serde(borrow)]
    q: Text<'a>,
    #[serde(rename = "V", borrow)]
    taker_base: Text<'a>,
    #[serde(rename = "Q", borrow)]
    taker_quote: Text<'a>,
}

/// Reads one text frame.
pub(super) fn read(text: &str) -> Result<Frame, WireError> {
    let wrapped = serde_json::from_str::<Wrapped<'_>>(text).map(|w| w.data);
    match wrapped.or_else(|_| serde_json::from_str::<Event<'_>>(text)) {
        Ok(event) => kline(&event),
        Err(_) => other(text),
    }
}

fn kline(event: &Event<'_>) -> Result<Frame, WireError> {
    let k = &event.k;
    if event.e.0 != "kline" {
        return Ok(Frame::Other);
    }
    if k.s.0 != event.s.0 {
        return Err(WireError::Shape("a kline of one symbol in a message of another".to_owned()));
    }
    // The venue lists symbols that sigc has no spelling for; nobody can have subscribed to them.
    let Ok(symbol) = Symbol::new(&k.s.0) else { return Ok(Frame::Other) };
    let interval = Interval::parse(&k.i.0)
        .map_err(|_| WireError::Shape(format!("`{}` is no interval", words(k.i.0.as_bytes()))))?;
    let mut values = values([
        (Field::Open, &k.o.0),
        (Field::High, &k.h.0),
        (Field::Low, &k.l.0),
        (Field::Close, &k.c.0),
        (Field::Volume, &k.v.0),
        (Field::QuoteVolume, &k.q.0),
        (Field::TakerBuyVolume, &k.taker_base.0),
        (Field::TakerBuyQuoteVolume, &k.taker_quote.0),
    ])?;
    values[Field::Trades.index()] = count(k.n)?;
    let bar = bar(interval, time(k.t)?, Some(time(k.last)?), values)?;
    Ok(Frame::Kline(Kline { symbol, interval, bar, closed: k.x, sent: Some(time(event.sent)?) }))
}

/// A frame that is no kline, or a faulty one.
fn other(text: &str) -> Result<Frame, WireError> {
    let tree: Value = serde_json::from_str(text).map_err(|e| wire_error(&e))?;
    let Value::Object(whole) = &tree else { return Err(WireError::Shape("a frame that is no object".to_owned())) };
    if whole.contains_key("stream") {
        return match whole.get("data") {
            Some(data @ Value::Object(event)) => of_kind(data, event),
            Some(_) => Ok(Frame::Other), // `!ticker@arr` and its like carry lists
            None => Err(WireError::Shape("a stream without data".to_owned())),
        };
    }
    if whole.contains_key("e") { of_kind(&tree, whole) } else { answer(whole) }
}

fn of_kind(event: &Value, fields: &Map<String, Value>) -> Result<Frame, WireError> {
    match fields.get("e").and_then(Value::as_str) {
        Some("serverShutdown") => Ok(Frame::Shutdown),
        Some("kline") => Err(WireError::Shape(match Event::deserialize(event) {
            Err(e) => format!("a kline: {}", words(e.to_string().as_bytes())),
            Ok(_) => "a kline with a field twice".to_owned(),
        })),
        Some(_) => Ok(Frame::Other),
        None => Err(WireError::Shape("an event without a kind".to_owned())),
    }
}

/// The answer to a message of ours.
fn answer(fields: &Map<String, Value>) -> Result<Frame, WireError> {
    let id = fields.get("id").and_then(Value::as_u64);
    // `{"error":{"code":2,"msg":"..."},"id":7}` and `{"code":2,"msg":"..."}` are both seen.
    let error = fields.get("error").and_then(Value::as_object).unwrap_or(fields);
    if let (Some(code), Some(msg)) = (error.get("code").and_then(Value::as_i64), error.get("msg")) {
        let msg = words(msg.as_str().unwrap_or_default().as_bytes());
        return Ok(Frame::Refused { id, reason: format!("{msg} (code {code})") });
    }
    match (fields.get("result"), id) {
        (Some(Value::Null), Some(id)) => Ok(Frame::Ack { id }),
        (Some(_), _) => Ok(Frame::Other),
        (None, _) => Err(WireError::Shape("neither an event nor an answer".to_owned())),
    }
}
