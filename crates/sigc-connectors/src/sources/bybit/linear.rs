//! `data.bybit_linear`: bars of Bybit USDT perpetuals.

use super::super::spelling::joined_capitals;
use super::{INTERVALS, Product};
use sigc_catalog::{DataStep, GAP, INTERVAL, Info, LABEL, Param, UNIVERSE};
use sigc_market::Field;

const REST_URL: Param<String> =
    Param::url("rest_url", "base address of the REST interface").default("https://api.bybit.com");
const WS_URL: Param<String> =
    Param::url("ws_url", "base address of the streams").default("wss://stream.bybit.com/v5/public/linear");

const NAME: &str = "data.bybit_linear";

pub(in super::super) static BYBIT_LINEAR: DataStep = DataStep {
    info: Info {
        name: NAME,
        capability: "shared",
        summary: "bars of Bybit USDT perpetuals",
        doc: "Closed bars with quote volume (the venue calls it turnover); no number of trades and no taker volumes.",
        params: &[&UNIVERSE, &INTERVAL, &GAP, &LABEL, &REST_URL, &WS_URL],
    },
    fields: &[Field::Open, Field::High, Field::Low, Field::Close, Field::Volume, Field::QuoteVolume],
    intervals: INTERVALS,
    respell: joined_capitals,
    request: Some((1000, 1)),
    check: |_| Vec::new(),
};

pub(in super::super) static VENUE: Product = Product { name: NAME, category: "linear" };
