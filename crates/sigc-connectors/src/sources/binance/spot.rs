//! `data.binance_spot`: bars of Binance spot markets.
//!
//! While trading is suspended there are no bars at all, and a bar without trades may never be sent as closed.

use super::super::spelling::joined_capitals;
use super::{BULK_URL, INTERVALS, Product};
use sigc_catalog::{DataStep, GAP, INTERVAL, Info, LABEL, Param, UNIVERSE};
use sigc_market::Field;
use sigc_runtime::venue::Limits;

const REST_URL: Param<String> =
    Param::url("rest_url", "base address of the REST interface").default("https://api.binance.com");
const WS_URL: Param<String> =
    Param::url("ws_url", "base address of the streams").default("wss://stream.binance.com:9443");

const NAME: &str = "data.binance_spot";

pub(in super::super) static BINANCE_SPOT: DataStep = DataStep {
    info: Info {
        name: NAME,
        capability: "shared",
        summary: "bars of Binance spot markets",
        doc: "Closed bars with quote volume, number of trades and taker volumes. A bar the venue does not have is a gap: see `gap`.",
        params: &[&UNIVERSE, &INTERVAL, &GAP, &LABEL, &REST_URL, &WS_URL, &BULK_URL],
    },
    fields: &Field::ALL,
    intervals: INTERVALS,
    respell: joined_capitals,
    request: Some((1000, 2)),
    check: |_| Vec::new(),
};

pub(in super::super) static VENUE: Product = Product {
    name: NAME,
    limits: Limits {
        streams_per_link: 200,
        symbols_per_message: 200,
        // Five messages a second are allowed, pings and pongs among them.
        message_gap_ms: 400,
        // 300 attempts in five minutes.
        connect_gap_ms: 1_000,
        heartbeat_ms: 20_000,
        silence_ms: 30_000,
        // The venue cuts a connection after 24 hours.
        lifetime_ms: 23 * 3_600_000,
        rows_per_request: 1_000,
        weight_per_window: 6_000,
        window_ms: 60_000,
        settle_ms: 2_000,
    },
    rest: "/api/v3",
    klines_weight: |_| 2,
    // The permission sets are most of the answer's size.
    instruments: ("?showPermissionSets=false", 20),
    archive: "spot",
};
