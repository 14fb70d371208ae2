//! `kill -9` at random moments: no row is lost, none comes twice.

use crate::exchange::{Exchange, compare, end, linear_pipeline, signal, start};
use std::time::Duration;

const KILLS: u64 = 200;
/// A minute in a fifth of a second: several bars in every life of a process.
const SPEED: &str = "300";

#[test]
fn two_hundred_kills() {
    let dir = tempfile::tempdir().expect("a scratch folder");
    let symbols: Vec<String> = ["BTCUSDT", "ETHUSDT", "SOLUSDT"].map(str::to_owned).to_vec();
    let file = linear_pipeline(dir.path(), &symbols, "1m");
    let exchange = Exchange::open(
        dir.path(),
        &["--symbols", &symbols.join(","), "--speed", SPEED, "--history-days", "2", "--faults", "random-gaps"],
    );
    let mut state = 7_u64;
    for _ in 0..KILLS {
        let mut run = start(dir.path(), file, &exchange.addr, &["--speed", SPEED]);
        // A linear congruential step (Knuth, MMIX) is random enough for a moment to die at.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        std::thread::sleep(Duration::from_millis(30 + (state >> 33) % 700));
        assert_eq!(run.try_wait().expect("a child"), None, "the run ended by itself: see run.log");
        signal(&run, "KILL");
        run.wait().expect("it is dead");
    }
    // A last life that ends in order: everything that closed by then must be there.
    let clock = std::fs::read_to_string(dir.path().join("sim.log")).unwrap_or_default();
    assert!(!clock.is_empty());
    let run = start(dir.path(), file, &exchange.addr, &["--speed", SPEED]);
    std::thread::sleep(Duration::from_secs(4));
    signal(&run, "INT");
    end(dir.path(), run, Duration::from_secs(60));
    let rows = crate::exchange::csv(&dir.path().join("sigc-simulated/rows.csv"));
    let until = rows.iter().map(|r| r["ts"].clone()).max().expect("rows");
    // The newest row of each symbol may be one bar apart: what is compared ends where all have their row.
    let of = |s: &String| rows.iter().filter(|r| r["symbol"] == *s).map(|r| r["ts"].clone()).max();
    let until = symbols.iter().filter_map(of).min().unwrap_or(until);
    exchange.close();
    let live = dir.path().join("live.csv");
    let text = std::fs::read_to_string(dir.path().join("sigc-simulated/rows.csv")).expect("rows");
    let kept = text.lines().enumerate().filter(|(i, l)| *i == 0 || l.split(',').next() <= Some(until.as_str()));
    std::fs::write(&live, kept.map(|(_, l)| format!("{l}\n")).collect::<String>()).expect("the folder is ours");
    let n = compare(dir.path(), file, "score", &live, "1m", &until);
    println!("{KILLS} kills, {n} rows equal");
    assert!(n > 300, "{n} rows");
}
