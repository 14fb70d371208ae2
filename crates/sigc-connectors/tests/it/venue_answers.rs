//! Documented answers of REST interfaces to bars, lists and refusals.

use crate::{FUTURES, LINEAR, SPOT, interval, venue};
use sigc_connectors::VENUES;
use sigc_market::{Bar, NULL, Ts};
use sigc_runtime::venue::{Instrument, Refusal, Used, WireError};

const BINANCE: &str = r#"[[1766750400000,"88010.10","88200.00","87950.00","88120.40","1520.331",1766753999999,"133900112.55000",4321,"760.100","66950056.20000","0"],
 [1766754000000,"88120.40","88150.00","88100.10","88110.00","12.004",1766757599999,"1057700.10000",310,"6.100","537500.00000","0"]]"#;

const BYBIT: &str = r#"{"retCode":0,"retMsg":"OK","result":{"category":"linear","symbol":"BTCUSDT","list":[
 ["1766754000000","88121.5","88150","88100","88110.5","9.1","801900.2"],["1766750400000","88011.0","88201.0","87949.5","88121.5","812.114","71500200.1"]]},
 "retExtInfo":{},"time":1766754001333}"#;

#[test]
fn rows_come_ascending_with_the_open_bar_among_them() {
    let bar = |t, values| Bar { open_time: Ts(t), values };
    assert_eq!(
        venue(FUTURES).read_klines(interval("1h"), BINANCE.as_bytes()),
        Ok(vec![
            bar(
                1_766_750_400_000,
                [88010.1, 88200.0, 87950.0, 88120.4, 1520.331, 133900112.55, 4321.0, 760.1, 66950056.2]
            ),
            bar(1_766_754_000_000, [88120.4, 88150.0, 88100.1, 88110.0, 12.004, 1057700.1, 310.0, 6.1, 537500.0]),
        ])
    );
    assert_eq!(
        venue(LINEAR).read_klines(interval("1h"), BYBIT.as_bytes()),
        Ok(vec![
            bar(1_766_750_400_000, [88011.0, 88201.0, 87949.5, 88121.5, 812.114, 71500200.1, NULL, NULL, NULL]),
            bar(1_766_754_000_000, [88121.5, 88150.0, 88100.0, 88110.5, 9.1, 801900.2, NULL, NULL, NULL]),
        ])
    );
    assert_eq!(venue(SPOT).read_klines(interval("1h"), b"[]"), Ok(vec![]));
}

#[test]
fn faulty_rows_are_refused() {
    let read = |text: &str| venue(SPOT).read_klines(interval("1h"), text.as_bytes());
    assert!(matches!(read("<html>"), Err(WireError::NotJson(_))));
    assert!(matches!(read(&BINANCE[..200]), Err(WireError::NotJson(_))));
    assert!(matches!(read(r#"{"code":-1121,"msg":"Invalid symbol."}"#), Err(WireError::Shape(_))));
    assert!(matches!(
        read(r#"[[1766750400000,"1","1","1","1","1",1766753999999,"1",1,"1"]]"#),
        Err(WireError::Shape(_))
    ));
    assert!(matches!(read(&BINANCE.replace("88010.10", "nan")), Err(WireError::Value(_))));
    // February 2018 had bars that opened in the middle of a minute.
    assert!(matches!(read(&BINANCE.replace("1766750400000", "1766750414788")), Err(WireError::OffGrid(_))));
    // Twice the same row is one row; two states of a row are not to be chosen from.
    let row = &BINANCE[1..BINANCE.find("],").expect("a row") + 1];
    assert_eq!(read(&format!("[{row},{row}]")).map(|rows| rows.len()), Ok(1));
    let revised = row.replace("1520.331", "1520.332");
    assert!(matches!(read(&format!("[{row},{revised}]")), Err(WireError::Shape(_))));
    let bybit = |text: &str| venue(LINEAR).read_klines(interval("1h"), text.as_bytes());
    assert!(matches!(bybit(&BYBIT.replace("\"88011.0\"", "88011.0")), Err(WireError::Shape(_))));
    assert!(matches!(bybit(&BYBIT.replace(",\"801900.2\"", "")), Err(WireError::Shape(_))));
    assert!(bybit(r#"{"retCode":0,"result":{}}"#).is_err());
}

#[test]
fn clocks() {
    assert_eq!(venue(FUTURES).read_time(br#"{"serverTime":1766754001234}"#), Ok(Ts(1_766_754_001_234)));
    let bybit = br#"{"retCode":0,"retMsg":"OK","result":{"timeSecond":"1766754001","timeNano":"1766754001333000000"},"time":1766754001333}"#;
    assert_eq!(venue(LINEAR).read_time(bybit), Ok(Ts(1_766_754_001_333)));
    for v in VENUES {
        assert!(v.read_time(b"{}").is_err() && v.read_time(br#"{"serverTime":-1,"time":-1}"#).is_err());
    }
}

#[test]
fn lists_of_symbols() {
    let info = r#"{"timezone":"UTC","serverTime":1766754001234,"rateLimits":[{"rateLimitType":"ORDERS","interval":"MINUTE","intervalNum":1,"limit":1200},
     {"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":2400}],"exchangeFilters":[],"assets":[],"symbols":[
     {"symbol":"BTCUSDT","pair":"BTCUSDT","contractType":"PERPETUAL","status":"TRADING","deliveryDate":4133404800000,"onboardDate":1567965300000,"filters":[]},
     {"symbol":"OLDUSDT","status":"SETTLING","deliveryDate":1738314000000,"onboardDate":1567965300000},
     {"symbol":"币安人生USDT","status":"TRADING"}]}"#;
    let read = venue(FUTURES).read_instruments(info.as_bytes()).expect("a list");
    let listed = |name: &str, trading, status: &str, ends_at| Instrument {
        symbol: crate::symbol(name),
        trading,
        status: status.into(),
        listed_at: Some(Ts(1_567_965_300_000)),
        ends_at,
    };
    let ends = Some(Ts(1_738_314_000_000));
    assert_eq!(read.listed, [listed("BTCUSDT", true, "TRADING", None), listed("OLDUSDT", false, "SETTLING", ends)]);
    assert_eq!((read.weight_per_window, read.next_page), (Some(2_400), None));

    let page = r#"{"retCode":0,"retMsg":"OK","result":{"category":"linear","nextPageCursor":"first%3DB","list":[
     {"symbol":"BTCUSDT","status":"Trading","launchTime":"1567965300000","deliveryTime":"0"},
     {"symbol":"BTC-26DEC25","status":"Delivering","launchTime":"1567965300000","deliveryTime":"1738314000000"}]},"time":1}"#;
    let read = venue(LINEAR).read_instruments(page.as_bytes()).expect("a page");
    assert_eq!(
        read.listed,
        [listed("BTCUSDT", true, "Trading", None), listed("BTC-26DEC25", false, "Delivering", ends)]
    );
    assert_eq!(read.next_page.as_deref(), Some("first%3DB"));
    let last = venue(LINEAR).read_instruments(br#"{"result":{"nextPageCursor":"","list":[]}}"#).expect("a page");
    assert_eq!(last.next_page, None);
}

/// `name: value` pairs as headers.
fn check(name: &str, status: u16, headers: &[(&str, &str)], body: &str) -> Result<Used, Refusal> {
    let header = |h: &str| headers.iter().find(|(n, _)| *n == h).map(|(_, v)| (*v).to_owned());
    venue(name).check(status, &header, body.as_bytes())
}

#[test]
fn what_binance_refuses() {
    let too_many = |after_ms, banned| Err(Refusal::TooMany { after_ms, banned });
    assert_eq!(check(FUTURES, 200, &[("x-mbx-used-weight-1m", "42")], "[]"), Ok(Used { weight: Some(42) }));
    assert_eq!(check(FUTURES, 200, &[("x-mbx-used-weight-1m", "many")], "[]"), Ok(Used { weight: None }));
    let over = r#"{"code":-1003,"msg":"Way too much request weight used; IP banned until 784111897000. Please use the websocket."}"#;
    let date = ("date", "Sun, 06 Nov 1994 08:49:37 GMT"); // 784111777 s
    assert_eq!(check(FUTURES, 429, &[("retry-after", "17")], "{}"), too_many(Some(17_000), false));
    assert_eq!(check(FUTURES, 429, &[], ""), too_many(None, false));
    assert_eq!(check(FUTURES, 418, &[("retry-after", "17"), date], over), too_many(Some(120_000), true));
    assert_eq!(check(FUTURES, 418, &[date], over), too_many(Some(120_000), true));
    assert_eq!(check(FUTURES, 418, &[], "<html>I'm a teapot</html>"), too_many(Some(120_000), true));
    assert_eq!(check(SPOT, 400, &[], r#"{"code":-1003,"msg":"Too many requests."}"#), too_many(None, false));
    let kinds = [
        (
            400,
            r#"{"code":-1121,"msg":"Invalid symbol."}"#,
            "the venue does not know the symbol: Invalid symbol. (code -1121)",
        ),
        (
            400,
            r#"{"code":-1122,"msg":"Invalid symbol status."}"#,
            "the venue does not know the symbol: Invalid symbol status. (code -1122)",
        ),
        (
            400,
            r#"{"code":-1120,"msg":"Invalid interval."}"#,
            "the venue refused the request: Invalid interval. (code -1120)",
        ),
        (
            400,
            r#"{"code":-1001,"msg":"Internal error."}"#,
            "the venue failed (status 400): Internal error. (code -1001)",
        ),
        (400, r#"{"code":-1007,"msg":"Timeout."}"#, "the venue failed (status 400): Timeout. (code -1007)"),
        (
            502,
            "<html><head><title>502 Bad Gateway</title></head></html>",
            "the venue failed (status 502): status 502: 502 Bad Gateway",
        ),
        (503, "", "the venue failed (status 503): status 503: "),
        (404, "<html></html>", "the venue refused the request: status 404: a HTML page"),
        (302, "", "the venue refused the request: status 302: "),
        (403, "<html>WAF</html>", "the venue does not serve this address (status 403)"),
        (
            451,
            r#"{"code":0,"msg":"Service unavailable from a restricted location"}"#,
            "the venue does not serve this address (status 451)",
        ),
    ];
    for (status, body, text) in kinds {
        let refusal = check(SPOT, status, &[], body).expect_err(body);
        assert_eq!(refusal.to_string(), text, "{status} {body}");
    }
    let long = format!(r#"{{"code":-1100,"msg":"{}"}}"#, "x\\n".repeat(10_000));
    assert!(check(SPOT, 400, &[], &long).expect_err("refused").to_string().len() < 300);
}

#[test]
fn what_bybit_refuses() {
    let too_many = |after_ms, banned| Err(Refusal::TooMany { after_ms, banned });
    assert_eq!(check(LINEAR, 200, &[], BYBIT), Ok(Used { weight: None }));
    assert_eq!(check(LINEAR, 403, &[], "access too frequent"), too_many(Some(600_000), true));
    let locked = "<html>The Amazon CloudFront distribution is configured to block access from your country.</html>";
    assert_eq!(check(LINEAR, 403, &[], locked), Err(Refusal::Blocked { status: 403 }));
    assert_eq!(check(LINEAR, 451, &[], ""), Err(Refusal::Blocked { status: 451 }));
    assert_eq!(check(LINEAR, 429, &[], ""), too_many(None, false));
    let limit = r#"{"retCode":10006,"retMsg":"Too many visits!","result":{},"time":1766754001333}"#;
    assert_eq!(check(LINEAR, 200, &[], limit), too_many(Some(5_000), false));
    let reset = [("x-bapi-limit-reset-timestamp", "1766754002000")];
    assert_eq!(check(LINEAR, 200, &reset, limit), too_many(Some(667), false));
    for (status, body, text) in [
        (
            200,
            r#"{"retCode":10029,"retMsg":"symbol invalid"}"#,
            "the venue does not know the symbol: symbol invalid (code 10029)",
        ),
        (
            200,
            r#"{"retCode":10001,"retMsg":"Not supported symbols"}"#,
            "the venue does not know the symbol: Not supported symbols (code 10001)",
        ),
        (
            200,
            r#"{"retCode":10001,"retMsg":"Invalid period!"}"#,
            "the venue refused the request: Invalid period! (code 10001)",
        ),
        (
            200,
            r#"{"retCode":10016,"retMsg":"Server error"}"#,
            "the venue failed (status 200): Server error (code 10016)",
        ),
        (502, "<html><title>502 Bad Gateway</title>", "the venue failed (status 502): status 502: 502 Bad Gateway"),
        (404, "", "the venue refused the request: status 404: "),
    ] {
        assert_eq!(check(LINEAR, status, &[], body).expect_err(body).to_string(), text);
    }
    // A page in place of an answer is no refusal, and no answer either.
    assert!(check(LINEAR, 200, &[], "<html>maintenance</html>").is_ok());
    assert!(venue(LINEAR).read_klines(interval("1h"), b"<html>maintenance</html>").is_err());
}
