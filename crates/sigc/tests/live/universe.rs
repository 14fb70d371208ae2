//! `examples/top_k.yaml` over real sockets: symbols that wait for each other, through faults and kills.

use crate::exchange::{Exchange, audit, compare, csv, end, signal, start};
use std::path::Path;
use std::time::Duration;

const SYMBOLS: &str = "BTCUSDT,ETHUSDT,SOLUSDT,XRPUSDT,DOGEUSDT";
const SPEED: &str = "300";
const KILLS: u64 = 30;

/// Rows of a run that is killed again and again, while streams break, requests fail and bars are missing, are those
/// that a batch over the exchange's own bars gives: no rank depends on when bars came.
#[test]
fn ranks_survive_faults_and_kills() {
    let dir = tempfile::tempdir().expect("a scratch folder");
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/top_k.yaml");
    let text = std::fs::read_to_string(example).expect("the example");
    std::fs::write(dir.path().join("p.yaml"), text.replace("outputs/predictions/top_k.csv", "rows.csv")).expect("ours");
    let args = ["--symbols", SYMBOLS, "--speed", SPEED, "--history-days", "2", "--faults", "random-gaps"];
    let exchange = Exchange::open(dir.path(), &args);
    for kill in 0..KILLS {
        let mut run = start(dir.path(), "p.yaml", &exchange.addr, &["--speed", SPEED]);
        std::thread::sleep(Duration::from_millis(200 + 37 * (kill % 20)));
        assert_eq!(run.try_wait().expect("a child"), None, "the run ended by itself: see run.log");
        signal(&run, "KILL");
        run.wait().expect("it is dead");
    }
    let run = start(dir.path(), "p.yaml", &exchange.addr, &["--speed", SPEED]);
    std::thread::sleep(Duration::from_secs(20));
    signal(&run, "TERM");
    end(dir.path(), run, Duration::from_secs(60));
    exchange.close();
    assert_eq!(audit(dir.path(), "p.yaml")["whole"], true);
    let rows = dir.path().join("sigc-simulated/rows.csv");
    // A symbol whose newest bars are missing has no newest rows: what is compared ends where some symbol has one.
    let until = csv(&rows).iter().map(|r| r["ts"].clone()).max().expect("rows");
    let n = compare(dir.path(), "p.yaml", "position", &rows, "1m", &until);
    println!("{KILLS} kills, {n} rows equal");
    assert!(n > 5 * 60, "{n} rows");
}
