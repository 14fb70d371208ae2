//! `data.timer`: rows on the clock, with recorded bars of other frames joined to them.

use crate::support::{csv, sigc_ok};
use std::fmt::Write;
use std::path::Path;

/// 2025-01-01T00:00:00Z.
const START: i64 = 1_735_689_600_000;
const MIN: i64 = 60_000;

/// The timer's rows of five minutes with the closes of 15m bars and of the 30m rows made of them; `{...}` are its
/// further data steps.
fn pipeline(rest: &str) -> String {
    format!(
        "name: ticking
signal_generation:
  mode: stream
  warmup: auto
  on_prediction:
    - using: sinks.csv_append
      params: {{path: out.csv, dedup_key: [ts, symbol]}}
      columns: [quick, slow]
pipeline:
  - data:
      using: data.timer
      outputs: {{frame: clock}}
      params: {{universe: [BTCUSDT, ETHUSDT], interval: 5m}}
{rest}"
    )
}

const BARS: &str = "  - data:
      using: data.files
      outputs: {frame: bars}
      params: {universe: [BTCUSDT, ETHUSDT], interval: 15m}
  - transform:
      using: transforms.resample
      inputs: {frame: bars}
      outputs: {frame: half_hours}
      params: {target_freq: 30m}
  - transform:
      using: transforms.align
      inputs: {frame: clock, columns: [bars.close, half_hours.close]}
      outputs: {columns: [quick, slow]}
  - model:
      using: models.linear
      inputs: {frame: clock}
      outputs: {columns: [sum]}
      params: {weights: {quick: 1, slow: 1000}}
";

/// Bars of 15m whose close is their number from 1; without the bar number `missing`.
fn write_bars(folder: &Path, symbol: &str, n: i64, missing: i64) {
    let mut text = String::from("open_time,open,high,low,close,volume\n");
    for i in (0..n).filter(|&i| i + 1 != missing) {
        let close = i + 1;
        writeln!(text, "{},{close},{close},{close},{close},1", START + i * 15 * MIN).expect("a text takes every byte");
    }
    std::fs::create_dir_all(folder.join("bars")).expect("writable");
    std::fs::write(folder.join(format!("bars/{symbol}.csv")), text).expect("writable");
}

#[test]
fn every_row_of_the_clock_has_what_was_known_by_its_close() {
    let dir = tempfile::tempdir().expect("a scratch folder");
    std::fs::write(dir.path().join("p.yaml"), pipeline(BARS)).expect("writable");
    write_bars(dir.path(), "BTCUSDT", 8, 5);
    write_bars(dir.path(), "ETHUSDT", 4, 0);
    sigc_ok(dir.path(), &["run", "p.yaml", "--replay", "bars"]);
    let rows = csv(&std::fs::read_to_string(dir.path().join("out.csv")).expect("rows"));

    let mut expected = Vec::new();
    for (symbol, n) in [("BTCUSDT", 8), ("ETHUSDT", 4)] {
        for tick in 1..=n * 3 {
            // At a close the bars that close there are known.
            let (quick, slow) = (tick / 3, tick / 6 * 2);
            // BTCUSDT lacks bar 5: its row is null until bar 6 closes; half an hour is made of the bars it has.
            if slow > 0 && !(symbol == "BTCUSDT" && quick == 5) {
                expected.push((START + tick * 5 * MIN, symbol.to_owned(), (quick + 1_000 * slow) as f64));
            }
        }
    }
    let ts = |text: &str| sigc_market::Ts::parse_iso(text).expect("an instant").0;
    let number = |text: &str| text.parse::<f64>().expect("a number");
    let mut found: Vec<_> =
        rows.iter().map(|r| (ts(&r["ts"]), r["symbol"].clone(), number(&r["prediction"]))).collect();
    found.sort_by(|a, b| (&a.1, a.0).cmp(&(&b.1, b.0)));
    assert_eq!(found, expected);

    // Batch gives the same, and `verify` compares them.
    sigc_ok(dir.path(), &["verify", "p.yaml", "--bars", "bars"]);
    sigc_ok(dir.path(), &["verify", "p.yaml", "--bars", "bars=bars"]);
}
