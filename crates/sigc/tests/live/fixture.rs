//! The real PyTorch checkpoint and its ONNX twin in a live run that is killed and started again.
//!
//! `tests/it/real_bars.rs` holds `backfill` against PyTorch's own predictions; here the live rows, before and behind the
//! restart, must be those of `backfill` to the last bit.

use crate::exchange::{Exchange, compare, csv, end, signal, start};
use std::path::Path;
use std::time::Duration;

/// Five minutes in a tenth of a second.
const SPEED: &str = "3000";

const PIPELINE: &str = r#"
name: fixture
expand:
  rsi: [6, 12, 24]
  ma: [5, 10, 20, 60]
  level: [10, 20, 60]
signal_generation:
  mode: stream
  on_prediction:
    - using: sinks.csv_append
      params: {path: rows.csv, dedup_key: [ts, symbol]}
pipeline:
  - data:
      using: data.binance_futures
      outputs: {frame: f}
      params: {universe: [BTCUSDT], interval: 5m}
  - features:
      using: features.rsi
      inputs: {column: f.close}
      outputs: {columns: ["rsi{window}"]}
      params: {window: "${expand.rsi}"}
  - features:
      using: features.ma_rocp
      inputs: {column: f.close}
      outputs: {columns: ["ma{window}rocp"]}
      params: {window: "${expand.ma}", rocp_factor: 10}
  - features:
      using: features.level
      inputs: {frame: f}
      outputs: {columns: ["level{window}"]}
      params: {window: "${expand.level}", kind: resistance}
  - features:
      using: features.momentum
      inputs: {column: f.close}
      outputs: {columns: [mom_20]}
      params: {window: 20}
  - features:
      using: features.rocp
      inputs: {column: f.close}
      outputs: {columns: [rocp_1]}
      params: {window: 1}
  - model:
      MODEL
      inputs: {frame: f}
      outputs: {columns: [prediction]}
"#;

#[test]
fn real_checkpoints_live_and_behind_a_restart() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    if !shared.join("models").exists() {
        println!("skipped: ../shared/models is not there");
        assert!(std::env::var_os("SIGC_NEED_SHARED").is_none());
        return;
    }
    let models = shared.canonicalize().expect("it is there").join("models");
    for model in [
        format!(
            "using: models.pytorch_bilstm_predictor\n      params: {{checkpoint_dir: {}, strategy: bilstm, window_size: 30}}",
            models.display()
        ),
        format!("using: models.onnx\n      params: {{path: {}/bilstm.onnx, window_size: 30}}", models.display()),
    ] {
        let dir = tempfile::tempdir().expect("a scratch folder");
        std::fs::write(dir.path().join("p.yaml"), PIPELINE.replace("MODEL", &model)).expect("the folder is ours");
        let exchange = Exchange::open(
            dir.path(),
            &["--symbols", "BTCUSDT", "--speed", SPEED, "--base", "5m", "--faults", "random", "--history-days", "30"],
        );
        let mut run = start(dir.path(), "p.yaml", &exchange.addr, &["--speed", SPEED]);
        std::thread::sleep(Duration::from_secs(6));
        signal(&run, "KILL");
        run.wait().expect("it is dead");
        let live = dir.path().join("sigc-simulated/rows.csv");
        let before = csv(&live).len();
        let run = start(dir.path(), "p.yaml", &exchange.addr, &["--speed", SPEED]);
        std::thread::sleep(Duration::from_secs(6));
        signal(&run, "INT");
        end(dir.path(), run, Duration::from_secs(60));
        exchange.close();
        let until = csv(&live).pop().expect("rows")["ts"].clone();
        let n = compare(dir.path(), "p.yaml", "prediction", &live, "5m", &until);
        println!("{before} rows before the restart, {n} in all");
        assert!(before > 20 && n > before + 20, "{before} and {n}");
    }
}
