//! Bybit V5: USDT perpetuals and spot.
//!
//! Both speak the same messages. What differs from Binance:
//!
//! * The heartbeat is a text message, and a bad topic is refused, not acknowledged.
//! * The symbol stands in the topic only; `data` is a list; `confirm:true` is a closed bar, and may come twice.
//! * History comes newest first, the open bar on top, without a close time, a closed flag or a number of trades.
//! * Errors come with status 200 and a `retCode`. Status 403 is the limit of the address, and costs ten minutes.

pub(super) mod linear;
pub(super) mod spot;

mod answers;
mod frames;

use super::wire;
use serde_json::json;
use sigc_market::{Bar, Interval, Symbol, Ts};
use sigc_runtime::venue::{ArchiveSpan, Frame, Instruments, Limits, Refusal, Request, Used, Venue, WireError};

/// The intervals of both products as sigc writes them; there is no `8h`, no `3d` and nothing below a minute.
const INTERVALS: &[&str] = &["1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "12h", "1d", "1w", "1M"];
/// The same as Bybit writes them.
const WRITTEN: &[&str] = &["1", "3", "5", "15", "30", "60", "120", "240", "360", "720", "D", "W", "M"];

const LIMITS: Limits = Limits {
    // A connection takes 21,000 characters of topics.
    streams_per_link: 200,
    // Spot allows ten. On both it keeps the company of a refused topic small.
    symbols_per_message: 10,
    message_gap_ms: 250,
    // 500 connections in five minutes are allowed.
    connect_gap_ms: 1_000,
    // Without a ping the venue cuts after ten minutes.
    heartbeat_ms: 20_000,
    silence_ms: 30_000,
    lifetime_ms: 23 * 3_600_000,
    rows_per_request: 1_000,
    // 600 requests in any five seconds are allowed. Half of that: two of our windows may touch within one of theirs.
    weight_per_window: 300,
    window_ms: 5_000,
    settle_ms: 2_000,
};

/// One of Bybit's products.
#[derive(Debug)]
pub(super) struct Product {
    name: &'static str,
    category: &'static str,
}

/// The interval of a topic or of a message.
fn read_interval(text: &str) -> Option<Interval> {
    let at = WRITTEN.iter().position(|w| *w == text)?;
    Interval::parse(INTERVALS.get(at)?).ok()
}

impl Venue for Product {
    fn name(&self) -> &'static str {
        self.name
    }

    fn limits(&self) -> &Limits {
        &LIMITS
    }

    fn interval(&self, interval: Interval) -> Option<&'static str> {
        let text = interval.to_string();
        let at = INTERVALS.iter().position(|i| *i == text)?;
        WRITTEN.get(at).copied()
    }

    fn stream_url(&self, base: &str) -> String {
        base.trim_end_matches('/').to_owned()
    }

    fn subscribe(&self, symbols: &[&Symbol], interval: Interval, id: u64) -> String {
        let interval = self.interval(interval).unwrap_or_default();
        let args: Vec<String> = symbols.iter().map(|s| format!("kline.{interval}.{s}")).collect();
        json!({"req_id": id.to_string(), "op": "subscribe", "args": args}).to_string()
    }

    fn heartbeat(&self, id: u64) -> Option<String> {
        Some(json!({"req_id": id.to_string(), "op": "ping"}).to_string())
    }

    fn read_frame(&self, text: &str, frames: &mut Vec<Frame>) -> Result<(), WireError> {
        frames.clear();
        let read = frames::read(text, frames);
        if read.is_err() {
            frames.clear();
        }
        read
    }

    fn klines(&self, symbol: &Symbol, interval: Interval, from: Ts, to: Ts) -> Request {
        let (n, to) = wire::rows(interval, from, to, LIMITS.rows_per_request);
        let interval = self.interval(interval).unwrap_or_default();
        let (category, from, to) = (self.category, from.0, to.0);
        let path = format!(
            "/v5/market/kline?category={category}&symbol={symbol}&interval={interval}&start={from}&end={to}&limit={n}"
        );
        Request { path, weight: 1 }
    }

    fn read_klines(&self, interval: Interval, body: &[u8]) -> Result<Vec<Bar>, WireError> {
        answers::klines(interval, body)
    }

    fn time(&self) -> Request {
        Request { path: "/v5/market/time".to_owned(), weight: 1 }
    }

    fn read_time(&self, body: &[u8]) -> Result<Ts, WireError> {
        answers::server_time(body)
    }

    fn instruments(&self, page: Option<&str>) -> Request {
        let cursor = page.map(|p| format!("&cursor={}", wire::encoded(p))).unwrap_or_default();
        let category = self.category;
        Request { path: format!("/v5/market/instruments-info?category={category}&limit=1000{cursor}"), weight: 1 }
    }

    fn read_instruments(&self, body: &[u8]) -> Result<Instruments, WireError> {
        answers::instruments(body)
    }

    fn check(&self, status: u16, header: &dyn Fn(&str) -> Option<String>, body: &[u8]) -> Result<Used, Refusal> {
        answers::check(status, header, body)
    }

    /// None: what Bybit keeps for download are trades, not bars.
    fn archive(&self, _: &Symbol, _: Interval, _: ArchiveSpan) -> Option<String> {
        None
    }
}
