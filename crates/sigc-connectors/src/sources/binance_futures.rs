//! `data.binance_futures`: bars of Binance USDT-margined futures.

use super::spelling::joined_capitals;
use sigc_catalog::{DataStep, GAP, INTERVAL, Info, LABEL, Param, UNIVERSE};
use sigc_market::Field;

const REST_URL: Param<String> =
    Param::url("rest_url", "base address of the REST interface").default("https://fapi.binance.com");
const WS_URL: Param<String> =
    Param::url("ws_url", "base address of the streams").default("wss://fstream.binance.com/market");

pub(super) static BINANCE_FUTURES: DataStep = DataStep {
    info: Info {
        name: "data.binance_futures",
        capability: "shared",
        summary: "bars of Binance USDT-margined futures",
        doc: "Closed bars with quote volume, number of trades and taker volumes. A bar the venue does not have is a gap: see `gap`.",
        params: &[&UNIVERSE, &INTERVAL, &GAP, &LABEL, &REST_URL, &WS_URL],
    },
    fields: &Field::ALL,
    intervals: &["1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1M"],
    respell: joined_capitals,
    request: Some((499, 2)),
};
