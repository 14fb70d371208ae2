//! What a stream of Bybit says.
//!
//! Nearly every frame is a list of klines under a topic; that is tried first, without a tree and without copies.

use super::super::wire::{Text, bar, time, values, wire_error, words};
use super::read_interval;
use serde::Deserialize;
use serde_json::{Map, Value};
use sigc_market::{Field, Interval, Symbol};
use sigc_runtime::venue::{Frame, Kline, WireError};

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    topic: Text<'a>,
    ts: i64,
    #[serde(borrow)]
    data: Vec<Candle<'a>>,
}

#[derive(Deserialize)]
struct Candle<'a> {
    start: i64,
    end: i64,
    #[serde(borrow)]
    interval: Text<'a>,
    #[serde(borrow)]
    open: Text<'a>,
    #[serde(borrow)]
    high: Text<'a>,
    #[serde(borrow)]
    low: Text<'a>,
    #[serde(borrow)]
    close: Text<'a>,
    #[serde(borrow)]
    volume: Text<'a>,
    #[serde(borrow)]
    turnover: Text<'a>,
    confirm: bool,
}

/// Reads one text frame; `frames` is empty before, and of no meaning after an error.
pub(super) fn read(text: &str, frames: &mut Vec<Frame>) -> Result<(), WireError> {
    match serde_json::from_str::<Message<'_>>(text) {
        Ok(message) => klines(&message, frames),
        Err(_) => {
            frames.push(other(text)?);
            Ok(())
        }
    }
}

fn klines(message: &Message<'_>, frames: &mut Vec<Frame>) -> Result<(), WireError> {
    // `kline.60.BTCUSDT`: a symbol may hold further dots.
    let mut parts = message.topic.0.splitn(3, '.');
    let (Some("kline"), Some(written), Some(symbol)) = (parts.next(), parts.next(), parts.next()) else {
        frames.push(Frame::Other);
        return Ok(());
    };
    let interval = read_interval(written)
        .ok_or_else(|| WireError::Shape(format!("`{}` is no interval", words(written.as_bytes()))))?;
    let Ok(symbol) = Symbol::new(symbol) else {
        frames.push(Frame::Other);
        return Ok(());
    };
    let sent = time(message.ts)?;
    for candle in &message.data {
        if candle.interval.0 != written {
            return Err(WireError::Shape("a kline of one interval under the topic of another".to_owned()));
        }
        let bar = candle.bar(interval)?;
        let (symbol, closed) = (symbol.clone(), candle.confirm);
        frames.push(Frame::Kline(Kline { symbol, interval, bar, closed, sent: Some(sent) }));
    }
    Ok(())
}

impl Candle<'_> {
    fn bar(&self, interval: Interval) -> Result<sigc_market::Bar, WireError> {
        let values = values([
            (Field::Open, &self.open.0),
            (Field::High, &self.high.0),
            (Field::Low, &self.low.0),
            (Field::Close, &self.close.0),
            (Field::Volume, &self.volume.0),
            (Field::QuoteVolume, &self.turnover.0),
        ])?;
        bar(interval, time(self.start)?, Some(time(self.end)?), values)
    }
}

/// A frame that holds no klines, or faulty ones.
fn other(text: &str) -> Result<Frame, WireError> {
    let tree: Value = serde_json::from_str(text).map_err(|e| wire_error(&e))?;
    let Value::Object(fields) = &tree else { return Err(WireError::Shape("a frame that is no object".to_owned())) };
    match fields.get("topic").and_then(Value::as_str) {
        Some(topic) if topic.starts_with("kline.") => Err(WireError::Shape(match Message::deserialize(&tree) {
            Err(e) => format!("a kline: {}", words(e.to_string().as_bytes())),
            Ok(_) => "a kline with a field twice".to_owned(),
        })),
        Some(_) => Ok(Frame::Other),
        None => answer(fields),
    }
}

/// The answer to a message of ours.
fn answer(fields: &Map<String, Value>) -> Result<Frame, WireError> {
    let text = |name: &str| fields.get(name).and_then(Value::as_str);
    let id = text("req_id").and_then(|id| id.parse::<u64>().ok());
    let said = text("ret_msg").unwrap_or_default();
    match (text("op"), fields.get("success").and_then(Value::as_bool)) {
        // The answer to a ping names the operation `ping` on some products and `pong` on others.
        (Some("ping" | "pong"), _) => Ok(Frame::Pong),
        (_, Some(false)) => Ok(Frame::Refused { id, reason: words(said.as_bytes()) }),
        (Some("subscribe"), Some(true)) => Ok(id.map_or(Frame::Other, |id| Frame::Ack { id })),
        (Some(_), _) | (None, Some(true)) => Ok(Frame::Other),
        (None, None) => Err(WireError::Shape("neither a topic nor an answer".to_owned())),
    }
}
