//! Binance: USDT-margined futures and spot.
//!
//! Both speak the same messages; they differ in addresses, limits and request weights, which stand in the product's
//! own file. What the venue documents and what was measured beside it:
//!
//! * A subscription is acknowledged even for a symbol that does not exist. Only a first frame proves a stream.
//! * `x:true` is the only sign of a closed bar; the last row of a history request is the bar still open.
//! * The weight that counts is the one in the answer's header: it covers every client of the address.

pub(super) mod futures;
pub(super) mod spot;

mod answers;
mod frames;

use super::wire;
use serde_json::json;
use sigc_catalog::Param;
use sigc_market::{Bar, Interval, Symbol, Ts};
use sigc_runtime::venue::{ArchiveSpan, Frame, Instruments, Limits, Refusal, Request, Used, Venue, WireError};

/// The intervals of both products, as they and sigc write them. `1M` is a month, `1m` a minute.
const INTERVALS: &[&str] =
    &["1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1M"];
/// Where the archives of all products are; a long history is loaded from there, with checksums.
const BULK_URL: Param<String> =
    Param::url("bulk_url", "base address of the archive files").default("https://data.binance.vision");
/// Those whose archives come by the month only.
const MONTHLY_ONLY: &[&str] = &["3d", "1w", "1M"];

/// One of Binance's products.
#[derive(Debug)]
pub(super) struct Product {
    name: &'static str,
    limits: Limits,
    /// What REST paths begin with.
    rest: &'static str,
    /// What a klines request costs by its `limit`.
    klines_weight: fn(u32) -> u32,
    /// The query of the list of symbols, and what it costs.
    instruments: (&'static str, u32),
    /// The product's folder of the archives.
    archive: &'static str,
}

impl Venue for Product {
    fn name(&self) -> &'static str {
        self.name
    }

    fn limits(&self) -> &Limits {
        &self.limits
    }

    fn interval(&self, interval: Interval) -> Option<&'static str> {
        let text = interval.to_string();
        INTERVALS.iter().copied().find(|i| *i == text)
    }

    /// The address of combined streams; the streams themselves are subscribed by message, because an address with
    /// hundreds of names is too long for the venue.
    fn stream_url(&self, base: &str) -> String {
        format!("{}/stream", base.trim_end_matches('/'))
    }

    fn subscribe(&self, symbols: &[&Symbol], interval: Interval, id: u64) -> String {
        let stream = |s: &&Symbol| format!("{}@kline_{interval}", s.as_str().to_ascii_lowercase());
        let params: Vec<String> = symbols.iter().map(stream).collect();
        json!({"method": "SUBSCRIBE", "params": params, "id": id}).to_string()
    }

    /// None: the venue takes the ping frames of the protocol.
    fn heartbeat(&self, _: u64) -> Option<String> {
        None
    }

    fn read_frame(&self, text: &str, frames: &mut Vec<Frame>) -> Result<(), WireError> {
        frames.clear();
        frames.push(frames::read(text)?);
        Ok(())
    }

    fn klines(&self, symbol: &Symbol, interval: Interval, from: Ts, to: Ts) -> Request {
        let (n, to) = wire::rows(interval, from, to, self.limits.rows_per_request);
        let (rest, from, to) = (self.rest, from.0, to.0);
        let path = format!("{rest}/klines?symbol={symbol}&interval={interval}&startTime={from}&endTime={to}&limit={n}");
        Request { path, weight: (self.klines_weight)(n) }
    }

    fn read_klines(&self, interval: Interval, body: &[u8]) -> Result<Vec<Bar>, WireError> {
        answers::klines(interval, body)
    }

    fn time(&self) -> Request {
        Request { path: format!("{}/time", self.rest), weight: 1 }
    }

    fn read_time(&self, body: &[u8]) -> Result<Ts, WireError> {
        answers::server_time(body)
    }

    fn instruments(&self, _: Option<&str>) -> Request {
        let (query, weight) = self.instruments;
        Request { path: format!("{}/exchangeInfo{query}", self.rest), weight }
    }

    fn read_instruments(&self, body: &[u8]) -> Result<Instruments, WireError> {
        answers::instruments(body)
    }

    fn check(&self, status: u16, header: &dyn Fn(&str) -> Option<String>, body: &[u8]) -> Result<Used, Refusal> {
        answers::check(status, header, body)
    }

    fn archive(&self, symbol: &Symbol, interval: Interval, span: ArchiveSpan) -> Option<String> {
        let name = self.interval(interval)?;
        // A symbol of other characters would name another folder.
        if !symbol.as_str().bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            return None;
        }
        let (folder, date) = match span {
            ArchiveSpan::Day(_) if MONTHLY_ONLY.contains(&name) => return None,
            ArchiveSpan::Day(at) => ("daily", at.to_string().get(..10)?.to_owned()),
            ArchiveSpan::Month(at) => ("monthly", at.to_string().get(..7)?.to_owned()),
        };
        let (product, i) = (self.archive, if name == "1M" { "1mo" } else { name });
        Some(format!("data/{product}/{folder}/klines/{symbol}/{i}/{symbol}-{i}-{date}.zip"))
    }
}
