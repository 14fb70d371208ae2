//! What stalls holds up nobody else, and a symbol the venue does not know costs no retries.

use crate::exchange::{Exchange, csv, end, http, linear_pipeline, ok, signal, start};
use std::time::Duration;

/// The venue does not know NOPEUSDT: it is named once, and the others go on.
#[test]
fn an_unknown_symbol_is_named_once() {
    let dir = tempfile::tempdir().expect("a scratch folder");
    let symbols: Vec<String> = ["BTCUSDT", "NOPEUSDT", "ETHUSDT"].map(str::to_owned).to_vec();
    let file = linear_pipeline(dir.path(), &symbols, "1m");
    let exchange =
        Exchange::open(dir.path(), &["--symbols", "BTCUSDT,ETHUSDT", "--speed", "300", "--history-days", "2"]);
    let run = start(dir.path(), file, &exchange.addr, &["--speed", "300", "--until", "2026-01-05T01:00:00Z"]);
    end(dir.path(), run, Duration::from_secs(120));
    let log = std::fs::read_to_string(dir.path().join("run.log")).expect("a log");
    assert_eq!(log.matches("a symbol is not asked for any more").count(), 1, "{log}");
    let stats = ok(dir.path(), &["audit", file, "--state", "state"]);
    assert!(stats.contains("BTCUSDT"), "{stats}");
    let rows = csv(&dir.path().join("sigc-simulated/rows.csv"));
    let of = |s: &str| rows.iter().filter(|r| r["symbol"] == s).count();
    assert!(of("BTCUSDT") >= 50 && of("ETHUSDT") >= 50 && of("NOPEUSDT") == 0);
    exchange.close();
}

/// One connection frozen for five real seconds: the bars of all symbols come all the same, by request.
#[test]
fn a_frozen_stream_delays_nobody() {
    let dir = tempfile::tempdir().expect("a scratch folder");
    let symbols: Vec<String> = ["BTCUSDT", "ETHUSDT"].map(str::to_owned).to_vec();
    let file = linear_pipeline(dir.path(), &symbols, "1m");
    let exchange =
        Exchange::open(dir.path(), &["--symbols", "BTCUSDT,ETHUSDT", "--speed", "60", "--history-days", "2"]);
    let run = start(dir.path(), file, &exchange.addr, &["--speed", "60"]);
    std::thread::sleep(Duration::from_secs(4));
    http("POST", &exchange.addr, "/sim/fault", r#"{"kind":"freeze","ms":300000}"#);
    std::thread::sleep(Duration::from_secs(8));
    signal(&run, "INT");
    end(dir.path(), run, Duration::from_secs(30));
    let rows = csv(&dir.path().join("sigc-simulated/rows.csv"));
    assert!(rows.len() >= 2 * 8, "{} rows in twelve minutes", rows.len());
    exchange.close();
}
