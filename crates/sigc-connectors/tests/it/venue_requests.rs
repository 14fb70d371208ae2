//! What is asked of a venue: addresses, messages, weights.

use crate::{BYBIT_SPOT, FUTURES, LINEAR, SPOT, interval, symbol, venue};
use sigc_connectors::{SOURCES, VENUES};
use sigc_market::{Interval, Ts};
use sigc_runtime::venue::{ArchiveSpan, Request};

#[test]
fn every_venue_belongs_to_a_data_step_and_offers_its_intervals() {
    for v in VENUES {
        let step = SOURCES.iter().find(|s| s.info.name == v.name()).expect("a data step of that name");
        for text in step.intervals {
            assert!(v.interval(interval(text)).is_some(), "{} {text}", v.name());
        }
        let offered = ["1s", "10m", "2d", "5d"].iter().filter(|i| v.interval(interval(i)).is_some()).count();
        assert_eq!(offered, 0, "{}", v.name());
        let (rows, weight) = step.request.expect("a venue's step says what a request costs");
        let widest = v.klines(&symbol("BTCUSDT"), interval("1m"), Ts(0), Ts(86_400_000_000));
        assert_eq!((v.limits().rows_per_request, widest.weight), (rows, weight));
    }
    assert_eq!(SOURCES.iter().filter(|s| s.request.is_some()).count(), VENUES.len());
    assert!(sigc_connectors::venue("data.files").is_none());
}

#[test]
fn intervals_are_written_as_the_venue_does() {
    assert_eq!(venue(FUTURES).interval(Interval::MONTH), Some("1M"));
    assert_eq!(venue(FUTURES).interval(interval("60m")), Some("1h"));
    for (text, written) in [("1m", "1"), ("2h", "120"), ("12h", "720"), ("1d", "D"), ("1w", "W"), ("1M", "M")] {
        assert_eq!(venue(LINEAR).interval(interval(text)), Some(written), "{text}");
    }
    assert_eq!(venue(LINEAR).interval(interval("8h")), None);
    assert_eq!(venue(LINEAR).interval(interval("3d")), None);
}

#[test]
fn subscriptions() {
    let (btc, pepe) = (symbol("BTCUSDT"), symbol("1000PEPEUSDT"));
    assert_eq!(
        venue(FUTURES).stream_url("wss://fstream.binance.com/market/"),
        "wss://fstream.binance.com/market/stream"
    );
    assert_eq!(
        venue(FUTURES).subscribe(&[&btc, &pepe], interval("1h"), 7),
        r#"{"method":"SUBSCRIBE","params":["btcusdt@kline_1h","1000pepeusdt@kline_1h"],"id":7}"#
    );
    assert_eq!(venue(SPOT).heartbeat(1), None);
    assert_eq!(venue(LINEAR).stream_url("wss://x/v5/public/linear"), "wss://x/v5/public/linear");
    assert_eq!(
        venue(BYBIT_SPOT).subscribe(&[&btc], interval("1h"), 7),
        r#"{"req_id":"7","op":"subscribe","args":["kline.60.BTCUSDT"]}"#
    );
    assert_eq!(venue(LINEAR).heartbeat(9).as_deref(), Some(r#"{"req_id":"9","op":"ping"}"#));
}

#[test]
fn a_request_asks_for_no_more_rows_than_its_range_holds() {
    let btc = symbol("BTCUSDT");
    let ask = |name, from, to| venue(name).klines(&btc, interval("1h"), Ts(from), Ts(to));
    let hour = 3_600_000;
    let start = 1_766_700_000_000;
    assert_eq!(
        ask(FUTURES, start, start + hour),
        Request {
            path: "/fapi/v1/klines?symbol=BTCUSDT&interval=1h&startTime=1766700000000&endTime=1766703600000&limit=2"
                .into(),
            weight: 1
        }
    );
    // 100 rows cost one, the 101st costs the second; the 500th row is the next request's.
    assert_eq!(ask(FUTURES, start, start + 99 * hour).weight, 1);
    assert_eq!(ask(FUTURES, start, start + 100 * hour).weight, 2);
    let wide = ask(FUTURES, start, start + 9_999 * hour).path;
    assert!(wide.ends_with(&format!("&endTime={}&limit=499", start + 498 * hour)), "{wide}");
    assert_eq!(
        ask(SPOT, start, start),
        Request {
            path: "/api/v3/klines?symbol=BTCUSDT&interval=1h&startTime=1766700000000&endTime=1766700000000&limit=1"
                .into(),
            weight: 2
        }
    );
    // Of a range with more rows than its limit Bybit gives the newest, so the range ends with the limit.
    let bybit = ask(LINEAR, start, start + 5_000 * hour).path;
    let end = start + 999 * hour;
    assert_eq!(
        bybit,
        format!("/v5/market/kline?category=linear&symbol=BTCUSDT&interval=60&start={start}&end={end}&limit=1000")
    );
    assert!(ask(BYBIT_SPOT, 0, 0).path.contains("category=spot"));
}

#[test]
fn ranges_of_any_kind_make_a_request() {
    for v in VENUES {
        for every in ["1m", "1w", "1M", "1d"] {
            for (from, to) in [(i64::MIN, i64::MAX), (i64::MAX, i64::MIN), (0, 0), (5, 3)] {
                let request = v.klines(&symbol("BTCUSDT"), interval(every), Ts(from), Ts(to));
                assert!(request.path.starts_with('/') && request.weight >= 1);
            }
        }
    }
}

#[test]
fn symbols_and_clock() {
    assert_eq!(venue(FUTURES).time(), Request { path: "/fapi/v1/time".into(), weight: 1 });
    assert_eq!(venue(SPOT).instruments(None).path, "/api/v3/exchangeInfo?showPermissionSets=false");
    assert_eq!(venue(SPOT).instruments(None).weight, 20);
    assert_eq!(
        venue(LINEAR).instruments(Some("a%3D1&b")).path,
        "/v5/market/instruments-info?category=linear&limit=1000&cursor=a%253D1%26b"
    );
}

#[test]
fn archives_are_named_by_day_or_month() {
    let day = |v: &str, every, at| venue(v).archive(&symbol("BTCUSDT"), interval(every), ArchiveSpan::Day(iso(at)));
    let month = |v: &str, every, at| venue(v).archive(&symbol("BTCUSDT"), interval(every), ArchiveSpan::Month(iso(at)));
    assert_eq!(
        day(FUTURES, "1h", "2025-12-25").as_deref(),
        Some("data/futures/um/daily/klines/BTCUSDT/1h/BTCUSDT-1h-2025-12-25.zip")
    );
    assert_eq!(
        month(SPOT, "1h", "2025-11-01").as_deref(),
        Some("data/spot/monthly/klines/BTCUSDT/1h/BTCUSDT-1h-2025-11.zip")
    );
    assert_eq!(
        month(FUTURES, "1M", "2025-11-01").as_deref(),
        Some("data/futures/um/monthly/klines/BTCUSDT/1mo/BTCUSDT-1mo-2025-11.zip")
    );
    for every in ["3d", "1w", "1M"] {
        assert_eq!(day(FUTURES, every, "2025-11-03"), None, "{every}");
        assert!(month(FUTURES, every, "2025-11-01").is_some(), "{every}");
    }
    assert_eq!(day(LINEAR, "1h", "2025-12-25"), None);
    // A symbol never leaves its folder.
    for name in ["../../etc", "A/B", "A.B"] {
        assert_eq!(venue(SPOT).archive(&symbol(name), interval("1h"), ArchiveSpan::Day(Ts(0))), None);
    }
}

fn iso(text: &str) -> Ts {
    Ts::parse_iso(text).expect("a date")
}
