//! 500 symbols of one-minute bars that all close in one second, and 20,000 forming frames a second.

use crate::exchange::{Exchange, end, http, linear_pipeline, signal, start};
use std::time::Duration;

/// How long the load lasts: two closes of all bars at real speed.
const SECONDS: u64 = 150;

#[test]
fn five_hundred_symbols() {
    let dir = tempfile::tempdir().expect("a scratch folder");
    let symbols: Vec<String> = (0..500).map(|i| format!("S{i:03}USDT")).collect();
    let file = linear_pipeline(dir.path(), &symbols, "1m");
    let exchange = Exchange::open(
        dir.path(),
        &["--symbols", &symbols.join(","), "--speed", "1", "--history-days", "1", "--frame-ms", "25"],
    );
    let mut run = start(dir.path(), file, &exchange.addr, &["--speed", "1", "--listen", "127.0.0.1:19464"]);
    let mut memory = Vec::new();
    for _ in 0..SECONDS / 10 {
        std::thread::sleep(Duration::from_secs(10));
        assert_eq!(run.try_wait().expect("a child"), None, "the run ended by itself");
        memory.push(rss(run.id()));
    }
    let metrics = http("GET", "127.0.0.1:19464", "/metrics", "");
    let stats = http("GET", &exchange.addr, "/sim/stats", "");
    signal(&run, "INT");
    end(dir.path(), run, Duration::from_secs(60));
    let rows = crate::exchange::csv(&dir.path().join("sigc-simulated/rows.csv"));
    println!("{} rows; resident memory in MiB every ten seconds: {memory:?}", rows.len());
    let wanted = [
        "sigc_event_latency",
        "sigc_bar_latency",
        "sigc_emit_latency",
        "sigc_sink_latency",
        "sigc_sink_write",
        "sigc_store",
        "sigc_step",
        "sigc_queue",
    ];
    let told = |l: &&str| wanted.iter().any(|w| l.starts_with(w)) && !l.ends_with(" 0") && !l.ends_with(" 0.0");
    for line in metrics.lines().filter(told) {
        println!("{line}");
    }
    println!("{stats}");
    assert!(rows.len() >= 2 * 500, "{} rows", rows.len());
    // Flat: the last third is not above the middle third by more than a tenth.
    let (middle, last) = (memory[memory.len() / 2], memory[memory.len() - 1]);
    assert!(last <= middle + middle / 10 + 5, "memory grows: {memory:?}");
    exchange.close();
}

/// Resident memory in MiB.
fn rss(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap_or(0) / 1_024
}
