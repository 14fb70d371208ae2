//! A venue's REST interface.

use crate::web::{Reply, Web, serve, serve_slowly};
use crate::{fast, interval, symbol, venue};
use sigc_live::net::clock::VenueClock;
use sigc_live::net::gate::{Gate, IN_FLIGHT};
use sigc_live::net::http::{Http, NetworkFault};
use sigc_live::net::observe::{Observe, RequestKind, RequestOutcome};
use sigc_live::net::rest::{FetchError, MAX_BODY, Rest};
use sigc_live::pace::Pace;
use sigc_market::{Bar, Ts};
use sigc_runtime::venue::{Refusal, WireError};
use std::io::Write;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const ROW: &str = r#"[[0,"1","2","1","2","5",59999,"10",3,"1","2","0"]]"#;

fn rest(name: &str, base: &str, pace: Pace) -> Rest {
    let venue = venue(name);
    let gate = Gate::new(venue.limits(), pace, Arc::new(VenueClock::new(pace)));
    Rest::new(venue, base, Arc::new(Http::new(pace)), Arc::new(gate))
}

fn futures(base: &str) -> Rest {
    rest("data.binance_futures", base, Pace::REAL)
}

async fn minute(rest: &Rest) -> Result<Vec<Bar>, FetchError> {
    rest.klines(&symbol("BTCUSDT"), interval("1m"), Ts(0), Ts(0)).await
}

fn ok(body: &str) -> Reply {
    (200, vec![("x-mbx-used-weight-1m", "42".to_owned())], body.as_bytes().to_vec())
}

#[derive(Default)]
struct Seen(Mutex<Vec<String>>);

impl Observe for Seen {
    fn request(&self, kind: RequestKind, ms: f64, outcome: RequestOutcome) {
        assert!(ms >= 0.0);
        self.0.lock().expect("no panic").push(format!("{kind} {outcome}"));
    }

    fn used_weight(&self, used: u32, limit: u32) {
        self.0.lock().expect("no panic").push(format!("{used} of {limit}"));
    }
}

#[tokio::test]
async fn rows_come_with_the_venues_count_of_weight() {
    let web = serve(|_| ok(ROW)).await;
    let seen = Arc::new(Seen::default());
    let rest = futures(&format!("{}/", web.base)).observed(seen.clone());
    let bars = minute(&rest).await.expect("rows");
    assert_eq!((bars.len(), bars[0].open_time), (1, Ts(0)));
    assert_eq!(web.paths(), ["/fapi/v1/klines?symbol=BTCUSDT&interval=1m&startTime=0&endTime=0&limit=1"]);
    assert_eq!(rest.gate().stats().used, 42);
    assert_eq!(*seen.0.lock().expect("no panic"), ["42 of 2400", "klines ok"]);
}

#[tokio::test]
async fn packed_answers_are_unpacked() {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(ROW.as_bytes()).expect("a vector takes every byte");
    let packed = packed.finish().expect("a vector takes every byte");
    let web = serve(move |_| (200, vec![("content-encoding", "gzip".to_owned())], packed.clone())).await;
    assert_eq!(minute(&futures(&web.base)).await.map(|b| b.len()), Ok(1));
}

#[tokio::test]
async fn a_refusal_holds_every_other_request_until_it_is_over() {
    let first = Mutex::new(true);
    let web = serve(move |_| {
        if std::mem::take(&mut *first.lock().expect("no panic")) {
            return (429, vec![("retry-after", "60".to_owned())], b"{}".to_vec());
        }
        ok(ROW)
    })
    .await;
    // A minute is 300 ms at this speed.
    let rest = rest("data.binance_futures", &web.base, fast());
    let refused = Err(FetchError::Refused(Refusal::TooMany { after_ms: Some(60_000), banned: false }));
    assert_eq!(minute(&rest).await.map(|b| b.len()), refused);
    let begun = Instant::now();
    let (a, b, c) = tokio::join!(minute(&rest), minute(&rest), rest.sync_clock());
    assert!(a.is_ok() && b.is_ok() && matches!(c, Err(FetchError::Wire(_))));
    assert!(begun.elapsed() >= Duration::from_millis(280), "{:?}", begun.elapsed());
    assert_eq!(rest.gate().stats().refusals, 1);
}

#[tokio::test]
async fn few_requests_are_under_way_at_a_time() {
    let web = serve_slowly(30, |_| ok(ROW)).await;
    let rest = futures(&web.base);
    let all = (0..12).map(|_| minute(&rest));
    assert!(futures_util::future::join_all(all).await.iter().all(Result::is_ok));
    assert_eq!(web.most.load(Ordering::SeqCst), IN_FLIGHT);
    assert_eq!((rest.gate().stats().in_flight, rest.gate().stats().waiting), (0, 0));
}

#[tokio::test]
async fn what_goes_wrong_is_said_by_kind() {
    let seen = Arc::new(Seen::default());
    let ask = async |web: &Web| minute(&futures(&web.base).observed(seen.clone())).await.expect_err("a fault");

    let web = serve(|_| (400, vec![], br#"{"code":-1121,"msg":"Invalid symbol."}"#.to_vec())).await;
    assert!(matches!(ask(&web).await, FetchError::Refused(Refusal::UnknownSymbol { .. })));
    let web = serve(|_| (200, vec![], b"<html>maintenance</html>".to_vec())).await;
    assert!(matches!(ask(&web).await, FetchError::Wire(WireError::NotJson(_))));
    let web = serve(|_| (200, vec![], vec![b' '; MAX_BODY + 1])).await;
    assert_eq!(ask(&web).await, FetchError::TooLarge { limit: MAX_BODY });

    // Small on the wire, large in memory.
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(&vec![b' '; MAX_BODY + 1]).expect("a vector takes every byte");
    let packed = packed.finish().expect("a vector takes every byte");
    let web = serve(move |_| (200, vec![("content-encoding", "gzip".to_owned())], packed.clone())).await;
    assert_eq!(ask(&web).await, FetchError::TooLarge { limit: MAX_BODY });

    // Cut short.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let base = format!("http://{}", listener.local_addr().expect("bound"));
    let cut = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (mut tcp, _) = listener.accept().await.expect("a connection");
        let mut request = [0; 1024];
        let _ = tcp.read(&mut request).await.expect("a request");
        tcp.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n[[").await.expect("taken");
    });
    let e = minute(&futures(&base)).await.expect_err("cut short");
    assert!(matches!(e, FetchError::Network { what: NetworkFault::Read, .. }), "{e}");
    cut.await.expect("no panic");

    let said = seen.0.lock().expect("no panic").clone();
    assert_eq!(said, ["klines refused", "klines unreadable", "klines unreadable", "klines unreadable"]);
}

#[tokio::test]
async fn no_connection_and_no_answer_are_told_apart_and_name_no_query() {
    let e = minute(&futures("http://no-such-host.invalid")).await.expect_err("no such host");
    assert!(matches!(e, FetchError::Network { what: NetworkFault::Connect, .. }), "{e:?}");
    assert!(e.to_string().starts_with("cannot connect: "), "{e}");
    assert!(!e.to_string().contains("BTCUSDT") && !e.to_string().contains('?'), "{e}");

    let e = minute(&futures("http://127.0.0.1:1")).await.expect_err("nobody listens");
    assert!(e.to_string().contains("refused"), "{e}");
    let e = minute(&futures("no address")).await.expect_err("no address");
    assert!(matches!(e, FetchError::Network { what: NetworkFault::Address, .. }), "{e:?}");

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let base = format!("http://{}", listener.local_addr().expect("bound"));
    let begun = Instant::now();
    let e = minute(&rest("data.binance_futures", &base, fast())).await.expect_err("no answer");
    assert!(matches!(e, FetchError::Network { what: NetworkFault::Timeout, .. }), "{e:?}");
    assert!(begun.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn redirects_are_followed_within_the_host_only() {
    let elsewhere = serve(|_| ok(ROW)).await;
    let there = format!("{}/fapi/v1/klines", elsewhere.base);
    let web = serve(move |path| {
        let to = if path.starts_with("/fapi") { "/moved" } else { "" };
        match path {
            "/moved" => ok(ROW),
            p if p.contains("ETHUSDT") => (302, vec![("location", there.clone())], vec![]),
            _ => (302, vec![("location", to.to_owned())], vec![]),
        }
    })
    .await;
    let rest = futures(&web.base);
    assert_eq!(minute(&rest).await.map(|b| b.len()), Ok(1));
    let e = rest.klines(&symbol("ETHUSDT"), interval("1m"), Ts(0), Ts(0)).await.expect_err("elsewhere");
    assert!(matches!(e, FetchError::Refused(Refusal::BadRequest { .. })), "{e:?}");
    assert!(elsewhere.paths().is_empty());
}

#[tokio::test]
async fn the_clock_is_set_with_half_the_round_trip() {
    let web = serve_slowly(40, |_| ok(r#"{"serverTime":1766754000000}"#)).await;
    let rest = futures(&web.base);
    assert_eq!(rest.sync_clock().await, Ok(Ts(1_766_754_000_000)));
    let ahead = rest.gate().clock().now().0 - 1_766_754_000_000;
    assert!((15..400).contains(&ahead), "{ahead}");
    assert_eq!(rest.gate().clock().measurements(), 1);
}

#[tokio::test]
async fn the_list_of_symbols_is_read_page_by_page_and_the_limit_kept() {
    let info = r#"{"rateLimits":[{"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":1200}],
        "symbols":[{"symbol":"BTCUSDT","status":"TRADING"}]}"#;
    let web = serve(move |_| ok(info)).await;
    let rest = futures(&web.base);
    let listing = rest.instruments().await.expect("a list");
    assert_eq!((listing.listed.len(), listing.weight_per_window), (1, Some(1_200)));
    assert_eq!(rest.gate().stats().limit, 1_200);

    let page = |name: &str, next: &str| {
        let body = format!(
            r#"{{"retCode":0,"result":{{"nextPageCursor":"{next}","list":[{{"symbol":"{name}","status":"Trading"}}]}}}}"#
        );
        (200, vec![], body.into_bytes())
    };
    let web = serve(move |path| if path.contains("cursor=x%2525") { page("B", "") } else { page("A", "x%25") }).await;
    let listing = self::rest("data.bybit_linear", &web.base, Pace::REAL).instruments().await.expect("two pages");
    let names: Vec<&str> = listing.listed.iter().map(|i| i.symbol.as_str()).collect();
    assert_eq!(names, ["A", "B"]);
    // A venue that gives the same page again and again.
    let web = serve(move |_| page("A", "same")).await;
    let listing = self::rest("data.bybit_linear", &web.base, Pace::REAL).instruments().await.expect("ends");
    assert_eq!((listing.listed.len(), web.paths().len()), (2, 2));
}
