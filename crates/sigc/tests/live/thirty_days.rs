//! Both examples for thirty simulated days, with faults of every kind.

use crate::exchange::{Exchange, compare, end, ok, start};
use std::time::Duration;

/// The exchange begins at 2026-01-05; a day of slack for the start of the run.
const UNTIL: &str = "2026-02-05T00:00:00Z";
/// Thirty days in five minutes.
const SPEED: &str = "9000";

fn thirty_days(example: &str, file: &str, symbols: &str, base: &str, csv: &str) {
    let dir = tempfile::tempdir().expect("a scratch folder");
    ok(dir.path(), &["demo", example, "--dir", "."]);
    let exchange = Exchange::open(
        dir.path(),
        &["--symbols", symbols, "--speed", SPEED, "--base", base, "--faults", "random", "--history-days", "120"],
    );
    let run = start(dir.path(), file, &exchange.addr, &["--speed", SPEED, "--until", UNTIL]);
    end(dir.path(), run, Duration::from_secs(900));
    exchange.close();
    let live = dir.path().join("sigc-simulated").join(csv);
    let n = compare(dir.path(), file, "model.prediction", &live, base, UNTIL);
    let log = std::fs::read_to_string(dir.path().join("run.log")).expect("a log");
    let ended = log.matches("a connection ended").count();
    println!("{example}: {n} rows equal, {ended} connections ended");
    assert!(ended >= 20, "the faults did not reach the run: {ended} connections ended");
}

#[test]
fn minimal() {
    let csv = "outputs/predictions/minimal_predictions.csv";
    thirty_days("minimal", "minimal_signal_generation.yaml", "BTCUSDT,ETHUSDT", "1h", csv);
}

#[test]
fn bilstm() {
    let csv = "outputs/predictions/bilstm_improved_realtime.csv";
    thirty_days("bilstm", "bilstm_realtime_signal.yaml", "BTCUSDT,ETHUSDT,SOLUSDT,XRPUSDT", "15m", csv);
}
