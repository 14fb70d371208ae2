//! Answers over a real socket.

use super::openmetrics::read;
use super::until;
use serde_json::Value;
use sigc_live::observe::metrics::{Metrics, MetricsSpec, SourceNames};
use sigc_live::observe::redact::Redactor;
use sigc_live::observe::server::{Exposed, ServeError, Server};
use sigc_live::observe::status::{Phase, SinkView, SourceView, Status, StatusView, SymbolView};
use sigc_market::Ts;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
const HOUR: Duration = Duration::from_secs(3_600);

fn view() -> StatusView {
    let symbol = |name: &str, ready| SymbolView { symbol: name.into(), ready, ..SymbolView::default() };
    let mut view = StatusView {
        run: "r1".into(),
        pipeline: "examples/x.yaml".into(),
        fingerprint: "abc".into(),
        started: Some(Ts(0)),
        speed: 1.0,
        phase: Phase::Live,
        sources: vec![SourceView { name: "perp".into(), links_open: 1, links: 2, ..SourceView::default() }],
        symbols: vec![symbol("BTCUSDT", true), symbol("ETHUSDT", true)],
        rows_emitted: 12,
        sinks: vec![SinkView { name: "csv".into(), last_error: Some("pw hunter2!".into()), ..SinkView::default() }],
        ..StatusView::default()
    };
    view.note(Ts(1_500), "ready");
    view
}

pub fn exposed(limit: Duration) -> Exposed {
    let parts = ["compute", "journal"];
    let spec = MetricsSpec {
        sources: vec![SourceNames { name: "perp".into(), symbols: vec!["BTCUSDT".into()] }],
        parts: parts.map(str::to_owned).into(),
        ..MetricsSpec::default()
    };
    let redactor = Redactor::new();
    redactor.hide("hunter2!");
    let status = Status::new(&parts.map(|p| (p, limit)), view());
    Exposed { metrics: Metrics::new(&spec), status: Arc::new(status), redactor, log: None }
}

fn ask(addr: SocketAddr, request: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(addr).expect("a connection");
    stream.write_all(request.as_bytes()).expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let code = head.split(' ').nth(1).and_then(|c| c.parse().ok()).expect("a code");
    (code, head.to_lowercase(), body.to_owned())
}

pub fn get(addr: SocketAddr, path: &str) -> (u16, String, String) {
    ask(addr, &format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n"))
}

fn json(addr: SocketAddr, path: &str) -> (u16, Value) {
    let (code, head, body) = get(addr, path);
    assert!(head.contains("content-type: application/json") && head.contains("connection: close"), "{head}");
    (code, serde_json::from_str(&body).expect("json"))
}

#[test]
fn metrics_are_answered_with_what_the_process_uses() {
    let server = Server::start(ANY, exposed(HOUR)).expect("a server");
    let (code, head, body) = get(server.addr(), "/metrics");
    assert_eq!(code, 200);
    assert!(head.contains("content-type: application/openmetrics-text; version=1.0.0"), "{head}");
    let families = read(&body);
    assert_eq!(families["sigc_heartbeat_age_seconds"].samples.len(), 2);
    assert!(families["sigc_uptime_seconds"].samples[0].value > 0.0);
    if cfg!(target_os = "linux") {
        assert!(families["sigc_rss_bytes"].samples[0].value > 0.0);
    }
}

#[test]
fn a_silent_loop_is_named_with_its_silence() {
    let exposed = exposed(Duration::from_secs(100));
    let status = exposed.status.clone();
    let server = Server::start(ANY, exposed).expect("a server");
    let (code, body) = json(server.addr(), "/healthz");
    assert_eq!((code, &body["healthy"], &body["run"]), (200, &true.into(), &"r1".into()));
    assert_eq!(body["parts"].as_array().map(Vec::len), Some(2));
    drop(server);

    // One that may be silent for no time at all is late as soon as the clock moves on.
    let strict = Status::new(&[("compute", Duration::ZERO), ("journal", HOUR)], view());
    let exposed = Exposed { status: Arc::new(strict), ..super::server::exposed(HOUR) };
    let strict = exposed.status.clone();
    let server = Server::start(ANY, exposed).expect("a server");
    let begun = Instant::now();
    until("time passes", || begun.elapsed() > Duration::from_millis(5));
    let (code, body) = json(server.addr(), "/healthz");
    assert_eq!((code, &body["healthy"]), (503, &false.into()));
    assert_eq!((&body["silent"][0]["part"], body["silent"].as_array().map(Vec::len)), (&"compute".into(), Some(1)));
    assert!(body["silent"][0]["silent_seconds"].as_f64() > Some(0.0));
    strict.ended(strict.part("compute").expect("a part"));
    assert_eq!(json(server.addr(), "/healthz").0, 200, "one that has ended is not awaited");
    drop(status);
}

#[test]
fn who_is_not_ready_is_named_with_what_is_missing() {
    let exposed = exposed(HOUR);
    let status = exposed.status.clone();
    let server = Server::start(ANY, exposed).expect("a server");
    assert_eq!(json(server.addr(), "/readyz").0, 200);

    let mut behind = view();
    behind.symbols[0] =
        SymbolView { ready: false, bars_needed: Some(40), behind_ms: 90_000, ..behind.symbols[0].clone() };
    behind.symbols[1].quarantined = Some("the venue does not know it".into());
    behind.ready_in_seconds = Some(12.5);
    status.show(behind.clone());
    let (code, body) = json(server.addr(), "/readyz");
    assert_eq!((code, &body["ready"], &body["missing"]["ready_in_seconds"]), (503, &false.into(), &12.5.into()));
    let missing = &body["missing"]["symbols"];
    assert_eq!(missing.as_array().map(Vec::len), Some(1));
    assert_eq!((&missing[0]["symbol"], &missing[0]["bars_needed"]), (&"BTCUSDT".into(), &40.into()));
    assert_eq!(missing[0]["behind_ms"], 90_000);
    assert_eq!(body["missing"]["quarantined"][0]["quarantined"], "the venue does not know it");

    behind.symbols[0].ready = true;
    status.show(behind.clone());
    assert_eq!(json(server.addr(), "/readyz").0, 200, "nobody waits for a quarantined symbol");
    behind.phase = Phase::Draining;
    status.show(behind);
    assert_eq!(json(server.addr(), "/readyz").1["missing"]["why"], "the run ends");
    status.show(StatusView::default());
    assert_eq!(json(server.addr(), "/readyz").0, 503, "before the first view");
}

#[test]
fn the_status_is_whole_and_without_secrets() {
    let server = Server::start(ANY, exposed(HOUR)).expect("a server");
    let (code, body) = json(server.addr(), "/status");
    assert_eq!((code, &body["run"], &body["phase"]), (200, &"r1".into(), &"live".into()));
    assert_eq!((&body["started"], &body["notes"][0]["text"]), (&"1970-01-01T00:00:00Z".into(), &"ready".into()));
    assert_eq!((&body["rows_emitted"], &body["sources"][0]["links"]), (&12.into(), &2.into()));
    assert_eq!(body["sinks"][0]["last_error"], "pw [redacted]");
    assert!(body["view_age_seconds"].is_number() && body["uptime_seconds"].is_number());
}

#[test]
fn other_requests_are_refused() {
    let server = Server::start(ANY, exposed(HOUR)).expect("a server");
    assert_eq!(get(server.addr(), "/nowhere").0, 404);
    assert_eq!(ask(server.addr(), "POST /metrics HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n").0, 405);
    // Far more header than a request has: it is not read to its end.
    let mut stream = TcpStream::connect(server.addr()).expect("a connection");
    let begin = stream.write_all(b"GET /metrics HTTP/1.1\r\nx: ");
    let sent = begin.and_then(|()| stream.write_all(&vec![b'x'; 64 << 20]));
    let mut answer = Vec::new();
    let got = stream.read_to_end(&mut answer);
    assert!(sent.is_err() || got.is_err() || !answer.starts_with(b"HTTP/1.1 200"));
    assert_eq!(get(server.addr(), "/healthz").0, 200, "others are answered");
}

#[test]
fn a_slow_client_is_cut_off() {
    let server = Server::start_with_life(ANY, exposed(HOUR), Duration::from_millis(100)).expect("a server");
    let mut stream = TcpStream::connect(server.addr()).expect("a connection");
    stream.write_all(b"GET /met").expect("a part");
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Ok(_) => assert!(!answer.starts_with(b"HTTP/1.1 200")),
        Err(e) => assert_eq!(e.kind(), ErrorKind::ConnectionReset),
    }
    // More of them than may be connected at once.
    let idle: Vec<_> = (0..80).map(|_| TcpStream::connect(server.addr()).expect("a connection")).collect();
    let mut all_cut = idle;
    for stream in &mut all_cut {
        let _ = stream.read_to_end(&mut answer);
    }
    drop(server);
}

#[test]
fn an_address_in_use_is_an_error_that_names_it() {
    let server = Server::start(ANY, exposed(HOUR)).expect("a server");
    let error = Server::start(server.addr(), exposed(HOUR)).expect_err("in use");
    assert!(matches!(error, ServeError::Bind { .. }));
    assert!(error.to_string().contains(&server.addr().to_string()), "{error}");
}

#[test]
fn stopping_does_not_wait_longer_than_its_limit() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let server = Server::start(ANY, exposed(HOUR)).expect("a server");
        let addr = server.addr();
        let mut stream = TcpStream::connect(addr).expect("a connection");
        stream.write_all(b"GET /met").expect("a part");
        let begun = Instant::now();
        server.stop(Duration::from_millis(20)).await;
        assert!(begun.elapsed() < Duration::from_secs(9), "not as long as a connection may live");
        assert!(TcpStream::connect(addr).is_err(), "nobody listens");
    });
}
