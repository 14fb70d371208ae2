//! Frames and rows against messages recorded from the real venues: the same keys, the same JSON types.

use crate::support::{Client, config, get, shared, start};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// The type of a JSON value; numbers are told apart by whether they are whole.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(n) if n.is_i64() || n.is_u64() => "integer",
        Value::Number(_) => "float",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Fails where two values differ in keys, their order aside, or types, at any depth.
fn same_shape(real: &Value, ours: &Value, at: &str) {
    assert_eq!(kind(real), kind(ours), "{at}: {real} and {ours}");
    match (real, ours) {
        (Value::Object(real), Value::Object(ours)) => {
            let keys = |map: &serde_json::Map<String, Value>| {
                let mut keys: Vec<String> = map.keys().cloned().collect();
                keys.sort();
                keys
            };
            assert_eq!(keys(real), keys(ours), "{at}");
            real.iter().for_each(|(key, value)| same_shape(value, &ours[key], &format!("{at}.{key}")));
        }
        (Value::Array(real), Value::Array(ours)) => {
            assert_eq!(real.len(), ours.len(), "{at}");
            real.iter().zip(ours).enumerate().for_each(|(i, (a, b))| same_shape(a, b, &format!("{at}[{i}]")));
        }
        (Value::String(real), Value::String(ours)) => {
            let number = |text: &str| text.parse::<f64>().is_ok();
            assert_eq!(number(real), number(ours), "{at}: {real} and {ours}");
        }
        _ => {}
    }
}

/// The kline messages of a capture.
fn captured(path: &Path) -> Vec<Value> {
    let out = Command::new("gzip").args(["-dc"]).arg(path).output().expect("gzip runs");
    let text = String::from_utf8(out.stdout).expect("text");
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    lines.map(|line| line["raw"].clone()).filter(|raw| raw["data"]["e"] == "kline").collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn binance_frames_have_the_recorded_shape() {
    let Some(shared) = shared() else { return };
    let exchange = start(config(1_000.0)).await;
    for (file, base) in [
        ("binance_um_ws_2021-07-22.jsonl.gz", exchange.futures_ws()),
        ("binance_spot_ws_2021-10-12.jsonl.gz", exchange.spot_ws()),
    ] {
        let real = captured(&shared.join("data/captures").join(file));
        assert!(!real.is_empty(), "{file}");
        let mut client = Client::connect(&format!("{base}/stream?streams=btcusdt@kline_1m")).await;
        for x in [false, true] {
            let ours = client.find(|f| f["data"]["k"]["x"] == x).await;
            real.iter().for_each(|real| same_shape(real, &ours, file));
            assert_eq!(ours["data"]["k"]["B"], "0");
        }
    }
    exchange.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bybit_frames_have_the_recorded_shape() {
    let Some(shared) = shared() else { return };
    let text = std::fs::read_to_string(shared.join("data/captures/bybit_ws_kline.jsonl")).expect("readable");
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON")["raw"].clone());
    let real: Vec<Value> = lines.filter(|raw| raw["topic"].as_str().is_some_and(|t| t.starts_with("kline."))).collect();
    assert_eq!(real.len(), 3);
    let exchange = start(config(1_000.0)).await;
    let mut client = Client::connect(&exchange.bybit_linear_ws()).await;
    client.say(r#"{"op":"subscribe","args":["kline.1.BTCUSDT"]}"#).await;
    for confirm in [false, true] {
        let ours = client.find(|f| f["data"][0]["confirm"] == confirm).await;
        real.iter().for_each(|real| same_shape(real, &ours, "bybit"));
    }
    exchange.stop().await;
}

#[tokio::test]
async fn rest_rows_have_the_recorded_shape() {
    let Some(shared) = shared() else { return };
    let path = shared.join("data/captures/binance_um_rest_klines_ETHUSDT_1m_2023-01-01.json");
    let real: Value = serde_json::from_str(&std::fs::read_to_string(path).expect("readable")).expect("JSON");
    let exchange = start(config(1.0)).await;
    for path in ["/fapi/v1/klines", "/api/v3/klines"] {
        let (_, ours) = get(&format!("{}{path}?symbol=ETHUSDT&interval=1m&limit=20", exchange.futures_rest())).await;
        same_shape(&real, &ours, path);
    }
    exchange.stop().await;
}
