//! Documented stream messages to frames.

use crate::{BYBIT_SPOT, FUTURES, LINEAR, SPOT, interval, symbol, venue};
use sigc_market::{Bar, Field, NULL, Ts};
use sigc_runtime::venue::{Frame, Kline, WireError};

const BINANCE: &str = r#"{"e":"kline","E":1766754000213,"s":"BTCUSDT","k":{
 "t":1766750400000,"T":1766753999999,"s":"BTCUSDT","i":"1h","f":8100000001,"L":8100004321,
 "o":"88010.10","c":"88120.40","h":"88200.00","l":"87950.00","v":"1520.331","n":4321,"x":true,
 "q":"133900112.55000","V":"760.100","Q":"66950056.20000","B":"0"}}"#;

const BYBIT: &str = r#"{"topic":"kline.60.BTCUSDT","type":"snapshot","ts":1766754000310,"data":[{"start":1766750400000,
 "end":1766753999999,"interval":"60","open":"88011.0","close":"88121.5","high":"88201.0","low":"87949.5",
 "volume":"812.114","turnover":"71500200.1","confirm":true,"timestamp":1766753999870}]}"#;

fn read(name: &str, text: &str) -> Result<Vec<Frame>, WireError> {
    let mut frames = vec![Frame::Pong]; // must be cleared
    venue(name).read_frame(text, &mut frames).map(|()| frames)
}

fn one(name: &str, text: &str) -> Frame {
    let mut frames = read(name, text).unwrap_or_else(|e| panic!("{text}: {e}"));
    assert_eq!(frames.len(), 1, "{text}");
    frames.remove(0)
}

fn btc_hour(values: [f64; 9], sent: i64) -> Frame {
    Frame::Kline(Kline {
        symbol: symbol("BTCUSDT"),
        interval: interval("1h"),
        bar: Bar { open_time: Ts(1_766_750_400_000), values },
        closed: true,
        sent: Some(Ts(sent)),
    })
}

#[test]
fn a_binance_kline_bare_and_wrapped() {
    let values = [88010.10, 88200.0, 87950.0, 88120.4, 1520.331, 133900112.55, 4321.0, 760.1, 66950056.2];
    for name in [FUTURES, SPOT] {
        assert_eq!(one(name, BINANCE), btc_hour(values, 1_766_754_000_213));
        let wrapped = format!(r#"{{"stream":"btcusdt@kline_1h","data":{BINANCE}}}"#);
        assert_eq!(one(name, &wrapped), btc_hour(values, 1_766_754_000_213));
        let turned = format!(r#"{{"data":{BINANCE},"stream":"btcusdt@kline_1h"}}"#);
        assert_eq!(one(name, &turned), btc_hour(values, 1_766_754_000_213));
    }
    // Fields added since: of no interest.
    let more = BINANCE.replacen(r#""e":"#, r#""st":1,"ps":"BTCUSDT","new":{"a":[1]},"e":"#, 1);
    assert_eq!(one(FUTURES, &more), btc_hour(values, 1_766_754_000_213));
    // 16 digits are microseconds.
    let micros = BINANCE
        .replace("1766750400000", "1766750400000000")
        .replace("1766753999999", "1766753999999999")
        .replace("1766754000213", "1766754000213456");
    assert_eq!(one(SPOT, &micros), btc_hour(values, 1_766_754_000_213));
    let Frame::Kline(open) = one(FUTURES, &BINANCE.replace("true", "false")) else { panic!("a kline") };
    assert!(!open.closed);
}

#[test]
fn a_bybit_kline() {
    let values = [88011.0, 88201.0, 87949.5, 88121.5, 812.114, 71500200.1, NULL, NULL, NULL];
    for name in [LINEAR, BYBIT_SPOT] {
        assert_eq!(one(name, BYBIT), btc_hour(values, 1_766_754_000_310));
    }
    let Frame::Kline(k) = one(LINEAR, &BYBIT.replace("kline.60.BTCUSDT", "kline.60.A.B.C")) else { panic!("a kline") };
    assert_eq!(k.symbol, symbol("A.B.C"));
    assert!(k.bar.get(Field::Trades).is_nan());
    // The list may hold the bar that ended and the one that begins.
    let item = &BYBIT[BYBIT.find("[{").expect("a list") + 1..BYBIT.len() - 2];
    let next = item
        .replace("1766750400000", "1766754000000")
        .replace("1766753999999", "1766757599999")
        .replace("true", "false");
    let frames = read(LINEAR, &BYBIT.replace(item, &format!("{item},{next}"))).expect("two klines");
    let closed: Vec<bool> = frames.iter().map(|f| matches!(f, Frame::Kline(k) if k.closed)).collect();
    assert_eq!(closed, [true, false]);
}

#[test]
fn answers_to_messages_of_ours() {
    let refused = |id, reason: &str| Frame::Refused { id, reason: reason.into() };
    for (name, text, frame) in [
        (FUTURES, r#"{"result":null,"id":7}"#, Frame::Ack { id: 7 }),
        (FUTURES, r#"{"result":["btcusdt@kline_1h"],"id":9}"#, Frame::Other),
        (FUTURES, r#"{"result":null,"id":null}"#, Frame::Other),
        (
            FUTURES,
            r#"{"error":{"code":2,"msg":"Invalid request: missing field"},"id":7}"#,
            refused(Some(7), "Invalid request: missing field (code 2)"),
        ),
        (
            SPOT,
            r#"{"code":2,"msg":"Invalid request: unknown variant"}"#,
            refused(None, "Invalid request: unknown variant (code 2)"),
        ),
        (SPOT, r#"{"e":"serverShutdown","E":1766754000213}"#, Frame::Shutdown),
        (SPOT, r#"{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1}}"#, Frame::Shutdown),
        (FUTURES, r#"{"e":"aggTrade","E":1,"s":"BTCUSDT","k":"not a candle"}"#, Frame::Other),
        (FUTURES, r#"{"stream":"!ticker@arr","data":[{"e":"24hrTicker"}]}"#, Frame::Other),
        (FUTURES, r#"{"e":"continuous_kline","E":1,"ps":"BTCUSDT","ct":"PERPETUAL","k":{"t":1}}"#, Frame::Other),
        (
            LINEAR,
            r#"{"success":true,"ret_msg":"","conn_id":"c-1","req_id":"7","op":"subscribe"}"#,
            Frame::Ack { id: 7 },
        ),
        (
            BYBIT_SPOT,
            r#"{"success":true,"ret_msg":"subscribe","conn_id":"c-1","req_id":"7","op":"subscribe"}"#,
            Frame::Ack { id: 7 },
        ),
        (
            LINEAR,
            r#"{"success":false,"ret_msg":"error:handler not found,topic:kline.60.NOPE","req_id":"7","op":"subscribe"}"#,
            refused(Some(7), "error:handler not found,topic:kline.60.NOPE"),
        ),
        (LINEAR, r#"{"success":true,"ret_msg":"pong","conn_id":"c-1","req_id":"","op":"ping"}"#, Frame::Pong),
        (LINEAR, r#"{"req_id":"1","op":"pong","args":["1"],"conn_id":"c"}"#, Frame::Pong),
        (LINEAR, r#"{"topic":"tickers.BTCUSDT","type":"delta","ts":1,"data":{"symbol":"BTCUSDT"}}"#, Frame::Other),
        (LINEAR, r#"{"topic":"klineV2.1.BTCUSD","data":[{"start":1654078800}]}"#, Frame::Other),
    ] {
        assert_eq!(one(name, text), frame, "{text}");
    }
    // A symbol sigc has no spelling for.
    assert_eq!(one(FUTURES, &BINANCE.replace("BTCUSDT", "币安人生USDT")), Frame::Other);
}

#[test]
fn faulty_klines_are_refused_by_kind() {
    type Kind = fn(&WireError) -> bool;
    let value: Kind = |e| matches!(e, WireError::Value(_));
    let shape: Kind = |e| matches!(e, WireError::Shape(_));
    let grid: Kind = |e| matches!(e, WireError::OffGrid(_));
    let json: Kind = |e| matches!(e, WireError::NotJson(_));
    let mut cases: Vec<(&str, String, Kind)> = Vec::new();
    for (from, to, kind) in [
        (r#""88010.10""#, r#""nan""#, value),
        (r#""88010.10""#, r#""-1""#, value),
        (r#""88010.10""#, r#""0""#, value),
        (r#""88010.10""#, r#""1""#, value),
        (r#""88010.10""#, "88010.10", shape),
        (r#""88200.00""#, r#""inf""#, value),
        (r#""88200.00""#, r#""87000""#, value),
        (r#""1520.331""#, r#""-0.1""#, value),
        (r#""n":4321"#, r#""n":-1"#, value),
        (r#""T":1766753999999"#, r#""T":1766754000000"#, grid),
        ("1766750400000", "1766750400001", grid),
        (r#""t":1766750400000"#, r#""t":-1"#, value),
        (r#""i":"1h""#, r#""i":"1m""#, grid),
        (r#""i":"1h""#, r#""i":"hour""#, shape),
        (r#""x":true"#, r#""x":1"#, shape),
        (r#""x":true,"#, "", shape),
        (r#""x":true"#, r#""x":true,"x":false"#, shape),
        (r#""E":1766754000213,"s":"BTCUSDT""#, r#""E":1,"s":"ETHUSDT""#, shape),
        (r#""B":"0"}}"#, r#""B":"0"}"#, json),
    ] {
        assert!(BINANCE.contains(from), "{from}");
        cases.push((FUTURES, BINANCE.replacen(from, to, 1), kind));
    }
    for (from, to, kind) in [
        (r#""88011.0""#, r#""NaN""#, value),
        (r#""812.114""#, r#""""#, value),
        (r#""end":1766753999999"#, r#""end":1766754000000"#, grid),
        ("kline.60.", "kline.61.", shape),
        ("kline.60.", "kline.30.", shape),
        (r#""confirm":true,"#, "", shape),
        ("}]}", "}]", json),
    ] {
        assert!(BYBIT.contains(from), "{from}");
        cases.push((LINEAR, BYBIT.replacen(from, to, 1), kind));
    }
    for text in ["", "[]", "{}", "1", "null", "\"x\"", "{\"stream\":\"a\"}", "{\"data\":{}}", "{\"e\":1}"] {
        cases.push((FUTURES, text.into(), |_| true));
        if text != "{\"e\":1}" {
            cases.push((LINEAR, text.into(), |_| true));
        }
    }
    for (name, text, kind) in cases {
        match read(name, &text) {
            Ok(frames) => panic!("{text} gave {frames:?}"),
            Err(e) => assert!(kind(&e), "{text}: {e:?}"),
        }
    }
}
