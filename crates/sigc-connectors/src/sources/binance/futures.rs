//! `data.binance_futures`: bars of Binance USDT-margined futures.
//!
//! The base address of the streams ends in `/market`: since 2026-04-23 the old address without it takes subscriptions,
//! acknowledges them and sends no bars.

use super::super::spelling::joined_capitals;
use super::{BULK_URL, INTERVALS, Product};
use sigc_catalog::{DataStep, GAP, INTERVAL, Info, LABEL, Param, UNIVERSE};
use sigc_market::Field;
use sigc_runtime::venue::Limits;

const REST_URL: Param<String> =
    Param::url("rest_url", "base address of the REST interface").default("https://fapi.binance.com");
const WS_URL: Param<String> =
    Param::url("ws_url", "base address of the streams").default("wss://fstream.binance.com/market");

const NAME: &str = "data.binance_futures";

pub(in super::super) static BINANCE_FUTURES: DataStep = DataStep {
    info: Info {
        name: NAME,
        capability: "shared",
        summary: "bars of Binance USDT-margined futures",
        doc: "Closed bars with quote volume, number of trades and taker volumes. A bar the venue does not have is a gap: see `gap`.",
        params: &[&UNIVERSE, &INTERVAL, &GAP, &LABEL, &REST_URL, &WS_URL, &BULK_URL],
    },
    fields: &Field::ALL,
    intervals: INTERVALS,
    respell: joined_capitals,
    request: Some((499, 2)),
    check: |_| Vec::new(),
};

pub(in super::super) static VENUE: Product = Product {
    name: NAME,
    limits: Limits {
        // 1024 are allowed; one too many loses them all, and a lost connection should not take everything with it.
        streams_per_link: 200,
        symbols_per_message: 200,
        // Ten messages a second are allowed, pings and pongs among them.
        message_gap_ms: 250,
        connect_gap_ms: 1_000,
        // The venue itself notices a dead connection after ten minutes only.
        heartbeat_ms: 20_000,
        silence_ms: 30_000,
        // The venue cuts a connection after 24 hours.
        lifetime_ms: 23 * 3_600_000,
        rows_per_request: 499,
        weight_per_window: 2_400,
        window_ms: 60_000,
        settle_ms: 2_000,
    },
    rest: "/fapi/v1",
    klines_weight,
    instruments: ("", 1),
    archive: "futures/um",
};

/// Measured in October 2026; 499 rows are the best rows per weight.
fn klines_weight(limit: u32) -> u32 {
    match limit {
        0..=100 => 1,
        101..=500 => 2,
        501..=1_000 => 5,
        _ => 10,
    }
}
