//! Whatever comes from a venue, reading ends in values or an error; what comes out keeps the rules of a bar.

use crate::interval;
use proptest::prelude::*;
use sigc_connectors::VENUES;
use sigc_market::{Bar, Field, Ts};
use sigc_runtime::venue::Frame;

const FRAMES: &[&str] = &[
    r#"{"stream":"btcusdt@kline_1h","data":{"e":"kline","E":1766754000213,"s":"BTCUSDT","k":{"t":1766750400000,"T":1766753999999,"s":"BTCUSDT","i":"1h","f":1,"L":2,"o":"88010.10","c":"88120.40","h":"88200.00","l":"87950.00","v":"1520.331","n":4321,"x":true,"q":"133900112.55","V":"760.1","Q":"66950056.2","B":"0"}}}"#,
    r#"{"topic":"kline.60.BTCUSDT","type":"snapshot","ts":1766754000310,"data":[{"start":1766750400000,"end":1766753999999,"interval":"60","open":"88011.0","close":"88121.5","high":"88201.0","low":"87949.5","volume":"812.114","turnover":"71500200.1","confirm":true,"timestamp":1766753999870}]}"#,
    r#"{"error":{"code":2,"msg":"Invalid request: missing field"},"id":7}"#,
    r#"{"success":false,"ret_msg":"error:handler not found","req_id":"7","op":"subscribe"}"#,
];

const BODIES: &[&str] = &[
    r#"[[1766750400000,"88010.10","88200.00","87950.00","88120.40","1520.331",1766753999999,"133900112.55",4321,"760.1","66950056.2","0"]]"#,
    r#"{"retCode":0,"retMsg":"OK","result":{"list":[["1766750400000","88011.0","88201.0","87949.5","88121.5","812.114","71500200.1"]]},"time":1766754001333}"#,
    r#"{"rateLimits":[{"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":2400}],"symbols":[{"symbol":"BTCUSDT","status":"TRADING","deliveryDate":4133404800000,"onboardDate":1567965300000}]}"#,
    r#"{"retCode":0,"result":{"nextPageCursor":"x","list":[{"symbol":"BTCUSDT","status":"Trading","launchTime":"1","deliveryTime":"0"}]}}"#,
    r#"{"code":-1003,"msg":"Way too much request weight used; IP banned until 1766754123456."}"#,
    r#"{"retCode":10006,"retMsg":"Too many visits!","time":1766754001333}"#,
];

fn keeps_the_rules(bar: &Bar) {
    let [open, high, low, close] = [Field::Open, Field::High, Field::Low, Field::Close].map(|f| bar.get(f));
    assert!(low > 0.0 && low <= open && open <= high && low <= close && close <= high && high.is_finite());
    assert!(bar.get(Field::Volume) >= 0.0);
    assert!(bar.values.iter().all(|v| v.is_nan() || (v.is_finite() && *v >= 0.0)));
}

fn survive(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut frames = Vec::new();
    for v in VENUES {
        if v.read_frame(&text, &mut frames).is_ok() {
            for frame in &frames {
                if let Frame::Kline(k) = frame {
                    assert!(k.interval.is_aligned(k.bar.open_time));
                    keeps_the_rules(&k.bar);
                }
            }
        } else {
            assert!(frames.is_empty());
        }
        for every in ["1m", "1h", "1w", "1M"] {
            if let Ok(bars) = v.read_klines(interval(every), bytes) {
                bars.iter().for_each(keeps_the_rules);
                assert!(bars.is_sorted_by(|a, b| a.open_time < b.open_time));
            }
        }
        if let Ok(Ts(now)) = v.read_time(bytes) {
            assert!(now >= 0);
        }
        let page = v.read_instruments(bytes).ok().and_then(|i| i.next_page);
        assert!(v.instruments(page.as_deref()).path.is_ascii());
        for status in [200, 400, 403, 418, 429, 451, 500] {
            let header = |_: &str| Some(text.chars().take(40).collect());
            if let Err(refusal) = v.check(status, &header, bytes) {
                let words = refusal.to_string();
                assert!(words.chars().count() < 400 && !words.chars().any(char::is_control));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        survive(&bytes);
    }

    #[test]
    fn sound_messages_with_some_bytes_changed(
        which in any::<proptest::sample::Index>(),
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..5),
    ) {
        let all: Vec<&str> = FRAMES.iter().chain(BODIES).copied().collect();
        let mut bytes = all[which.index(all.len())].as_bytes().to_vec();
        for (at, value) in &changes {
            let at = at.index(bytes.len());
            bytes[at] = *value;
        }
        survive(&bytes);
    }

    #[test]
    fn sound_messages_with_other_numbers(
        which in any::<proptest::sample::Index>(),
        at in any::<proptest::sample::Index>(),
        number in "-?[0-9]{1,22}|[0-9]{1,4}\\.[0-9]{1,20}|[0-9]e[0-9]{1,4}",
    ) {
        let all: Vec<&str> = FRAMES.iter().chain(BODIES).copied().collect();
        let text = all[which.index(all.len())];
        let starts: Vec<usize> = text.bytes().enumerate().filter(|(_, b)| b.is_ascii_digit()).map(|(i, _)| i).collect();
        let from = starts[at.index(starts.len())];
        let end = text[from..].find(|c: char| !c.is_ascii_digit()).map_or(text.len(), |n| from + n);
        survive(format!("{}{number}{}", &text[..from], &text[end..]).as_bytes());
    }

    #[test]
    fn text_that_looks_like_messages(text in "[\\[\\]{}:,\"a-zA-Z0-9. -]{0,120}") {
        survive(text.as_bytes());
    }
}

#[test]
fn deeply_nested_text_is_an_error() {
    survive("[".repeat(100_000).as_bytes());
    survive(format!("{}{}", "{\"data\":".repeat(50_000), "}".repeat(50_000)).as_bytes());
}
