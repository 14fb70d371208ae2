//! Every captured message against a plain read of its tree: a second implementation, as simple as can be.

use crate::{BYBIT_SPOT, FUTURES, LINEAR, SPOT, interval, shared, venue};
use serde_json::Value;
use sigc_market::{Bar, Field, NULL, Ts};
use sigc_runtime::venue::Frame;
use std::io::Read;

/// A captured file; `None`, with a note, where it is absent. With SIGC_NEED_SHARED it must be there.
fn capture(name: &str) -> Option<String> {
    let Some(path) = shared(&format!("captures/{name}")) else {
        assert!(std::env::var_os("SIGC_NEED_SHARED").is_none(), "SIGC_NEED_SHARED is set and {name} is not there");
        return None;
    };
    let bytes = std::fs::read(path).expect("readable");
    if !name.ends_with(".gz") {
        return Some(String::from_utf8(bytes).expect("text"));
    }
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(&bytes[..]).read_to_string(&mut text).expect("a gzip");
    Some(text)
}

fn number(v: &Value) -> f64 {
    v.as_str().map_or(NULL, |s| s.parse().expect("a decimal"))
}

fn same(bar: &Bar, open_time: i64, expect: [f64; 9]) {
    assert_eq!(*bar, Bar { open_time: Ts(open_time), values: expect });
}

#[test]
fn binance_streams() {
    let files = [
        (FUTURES, "binance_um_ws_2021-07-22.jsonl.gz", 67, 4),
        (FUTURES, "binance_cm_ws_2021-07-22.jsonl.gz", 33, 0),
        (SPOT, "binance_spot_ws_2021-10-12.jsonl.gz", 2, 0),
        (SPOT, "binance_us_ws_2021-10-12.jsonl.gz", 5, 1),
        (SPOT, "binance_tr_ws_2023-04-10.jsonl.gz", 8, 4),
    ];
    for (name, file, n_klines, n_closed) in files {
        let Some(text) = capture(file) else { return };
        let (mut klines, mut closed) = (0, 0);
        for line in text.lines() {
            let tree: Value = serde_json::from_str(line).expect("JSON");
            let wrapped = &tree["raw"];
            // The number of `recv` would not survive; the message has none.
            let raw = wrapped.to_string();
            let bare = wrapped["data"].to_string();
            assert!(line.contains(&raw), "the message as it was received");
            for message in [&raw, &bare] {
                let mut frames = Vec::new();
                venue(name).read_frame(message, &mut frames).unwrap_or_else(|e| panic!("{file}: {message}: {e}"));
                let [frame] = &frames[..] else { panic!("{file}: {frames:?}") };
                let data = &wrapped["data"];
                if data["e"] != "kline" {
                    assert_eq!(*frame, Frame::Other, "{message}");
                    continue;
                }
                let Frame::Kline(kline) = frame else { panic!("{message}: {frame:?}") };
                let k = &data["k"];
                assert_eq!(Value::from(kline.symbol.as_str()), k["s"]);
                assert_eq!(Value::from(kline.interval.to_string()), k["i"]);
                assert_eq!(Value::from(kline.closed), k["x"]);
                assert_eq!(kline.sent.map(|t| Value::from(t.0)), Some(data["E"].clone()));
                let n = k["n"].as_i64().expect("a count") as f64;
                let f = |key: &str| number(&k[key]);
                let values = [f("o"), f("h"), f("l"), f("c"), f("v"), f("q"), n, f("V"), f("Q")];
                same(&kline.bar, k["t"].as_i64().expect("a time"), values);
                klines += 1;
                closed += usize::from(kline.closed);
            }
        }
        assert_eq!((klines / 2, closed / 2), (n_klines, n_closed), "{file}");
    }
}

#[test]
fn binance_history() {
    let Some(text) = capture("binance_um_rest_klines_ETHUSDT_1m_2023-01-01.json") else { return };
    let tree: Value = serde_json::from_str(&text).expect("JSON");
    let rows = tree.as_array().expect("a list");
    let bars = venue(FUTURES).read_klines(interval("1m"), text.as_bytes()).expect("rows");
    assert_eq!((bars.len(), rows.len()), (20, 20));
    for (bar, row) in bars.iter().zip(rows) {
        let f = |at: usize| number(&row[at]);
        let n = row[8].as_i64().expect("a count") as f64;
        same(bar, row[0].as_i64().expect("a time"), [f(1), f(2), f(3), f(4), f(5), f(7), n, f(9), f(10)]);
    }
}

#[test]
fn bybit_streams() {
    let Some(text) = capture("bybit_ws_kline.jsonl") else { return };
    let (mut klines, mut others) = (0, 0);
    for line in text.lines() {
        let tree: Value = serde_json::from_str(line).expect("JSON");
        let raw = &tree["raw"];
        let topic = raw["topic"].as_str().expect("a topic");
        for name in [LINEAR, BYBIT_SPOT] {
            let mut frames = Vec::new();
            venue(name).read_frame(&raw.to_string(), &mut frames).expect("a frame");
            if !topic.starts_with("kline.") {
                assert_eq!(frames, [Frame::Other], "the old protocol");
                others += 1;
                continue;
            }
            let items = raw["data"].as_array().expect("a list");
            assert_eq!(frames.len(), items.len());
            for (frame, item) in frames.iter().zip(items) {
                let Frame::Kline(kline) = frame else { panic!("{frame:?}") };
                assert_eq!(kline.symbol.as_str(), topic.rsplit('.').next().expect("a symbol"));
                assert_eq!(kline.interval, interval(&format!("{}m", item["interval"].as_str().expect("minutes"))));
                assert_eq!(Value::from(kline.closed), item["confirm"]);
                assert_eq!(kline.sent.map(|t| Value::from(t.0)), Some(raw["ts"].clone()));
                let mut values = [NULL; 9];
                let keys = ["open", "high", "low", "close", "volume", "turnover"];
                for (field, key) in Field::ALL.into_iter().zip(keys) {
                    values[field.index()] = number(&item[key]);
                }
                same(&kline.bar, item["start"].as_i64().expect("a time"), values);
                klines += 1;
            }
        }
    }
    assert_eq!((klines / 2, others / 2), (3, 3));
}
