//! A hundred starts and stops in one process leave nothing behind; a stop under load ends in time.

use crate::exchange::{Exchange, end, linear_pipeline, signal, start};
use std::time::{Duration, Instant};

/// Ctrl+C and SIGTERM end a run in order, whatever it is doing.
#[test]
fn stops_at_any_moment() {
    let dir = tempfile::tempdir().expect("a scratch folder");
    let symbols = vec!["BTCUSDT".to_owned(), "ETHUSDT".to_owned()];
    let file = linear_pipeline(dir.path(), &symbols, "1m");
    let exchange =
        Exchange::open(dir.path(), &["--symbols", "BTCUSDT,ETHUSDT", "--speed", "600", "--history-days", "2"]);
    for i in 0..20 {
        let run = start(dir.path(), file, &exchange.addr, &["--speed", "600"]);
        // The signals are heeded once the run says so; before, the default action ends the process.
        let begun = Instant::now();
        while !std::fs::read_to_string(dir.path().join("run.log")).unwrap_or_default().contains("Ctrl+C stops it") {
            assert!(begun.elapsed() < Duration::from_secs(20));
            std::thread::sleep(Duration::from_millis(5));
        }
        std::thread::sleep(Duration::from_millis(i * 40));
        signal(&run, if i % 2 == 0 { "INT" } else { "TERM" });
        end(dir.path(), run, Duration::from_secs(20));
        std::fs::remove_file(dir.path().join("run.log")).ok();
    }
    exchange.close();
}
