//! Two predictions and two events on two frames, live, through faults and kills: the rows are those of a replay of the
//! exchange's own bars, each once.

use crate::exchange::{Exchange, csv, end, ok, same_history, signal, start};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// A quarter of an hour in a twentieth of a second.
const SPEED: &str = "18000";
const FILES: [&str; 3] = ["positions.csv", "answers.csv", "events.csv"];

/// The rows of a file by what identifies them, with what they say.
fn rows(file: &Path) -> BTreeMap<[String; 4], String> {
    let mut all = BTreeMap::new();
    for row in csv(file) {
        let key = ["frame", "column", "symbol", "ts"].map(|c| row[c].clone());
        let says = format!("{} {}", row["prediction"], row.get("outlook").map_or("", String::as_str));
        assert_eq!(all.insert(key, says), None, "{}: twice", file.display());
    }
    all
}

#[test]
fn several_signals_live_as_in_a_replay() {
    let dir = tempfile::tempdir().expect("a scratch folder");
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/events.yaml");
    let text = std::fs::read_to_string(example).expect("the example");
    // Conditions that hold more often than those of the example.
    let text = text.replace("crosses_above(close, sma_20) and rsi_14 < 60", "crosses_above(close, sma_20)");
    let text = text.replace("when: \"position > 0\"", "when: \"position > -2\"");
    std::fs::write(dir.path().join("p.yaml"), text).expect("the folder is ours");
    let exchange = Exchange::open(
        dir.path(),
        &[
            "--symbols",
            "BTCUSDT,ETHUSDT",
            "--speed",
            SPEED,
            "--base",
            "15m",
            "--faults",
            "random",
            "--history-days",
            "60",
        ],
    );
    for life in 0..6 {
        let mut run = start(dir.path(), "p.yaml", &exchange.addr, &["--speed", SPEED]);
        std::thread::sleep(Duration::from_millis(if life == 5 { 8_000 } else { 2_500 }));
        if life < 5 {
            signal(&run, "KILL");
            run.wait().expect("it is dead");
        } else {
            signal(&run, "INT");
            end(dir.path(), run, Duration::from_secs(60));
        }
    }
    exchange.close();
    let from = same_history(dir.path(), "p.yaml");
    ok(dir.path(), &["run", "p.yaml", "--replay", "truth", "--bars-interval", "15m", "-q"]);
    let live = dir.path().join("sigc-simulated/outputs/events");
    let positions = rows(&live.join("positions.csv"));
    // Where both symbols have their row of the hour: a run may end between two closes.
    let last = |s: &str| positions.keys().filter(|k| k[2] == s).map(|k| k[3].clone()).max().expect("rows");
    let until = last("BTCUSDT").min(last("ETHUSDT"));
    let mut counts = Vec::new();
    for file in FILES {
        let within = |k: &[String; 4]| k[3] > from && k[3] <= until;
        let kept = |file: &Path| rows(file).into_iter().filter(|(k, _)| within(k)).collect::<BTreeMap<_, _>>();
        let wanted = kept(&dir.path().join("outputs/events").join(file));
        assert_eq!(kept(&live.join(file)), wanted, "{file}");
        counts.push(wanted.len());
    }
    println!("{FILES:?}: {counts:?} rows equal");
    assert!(counts.iter().all(|n| *n >= 5), "{counts:?}");
}
