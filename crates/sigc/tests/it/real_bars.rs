//! The examples and the wide pipeline on recorded bars of a real venue, where the shared data is there.

use crate::checkpoint::pipeline;
use crate::support::{csv, root, shared, sigc, sigc_ok};
use std::path::Path;

fn report(folder: &Path, args: &[&str]) -> serde_json::Value {
    let text = sigc_ok(folder, args);
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

/// Batch, stream, 20 splits, 20 restarts from exactly the needed bars and truncation: no bit differs, on a month of
/// real 1m bars of five symbols.
#[test]
fn verify_on_real_minutes() {
    let Some(shared) = shared() else { return };
    let dir = tempfile::tempdir().expect("a scratch folder");
    let file = root().join("tests/pipelines/wide_1m.yaml");
    let bars = shared.join("data/binance_um_1m");
    let args = ["verify", file.to_str().expect("plain"), "--bars", bars.to_str().expect("plain"), "--json", "-q"];
    let report = report(dir.path(), &args);
    assert_eq!(report["differing"], 0, "{report}");
    let check = |name: &str| {
        let checks = report["checks"].as_array().expect("a list");
        checks.iter().find(|c| c["name"] == name).cloned().expect("the check")
    };
    assert_eq!(check("stream")["runs"], 5);
    assert_eq!(check("splits")["runs"], 20);
    assert_eq!(check("restarts from exactly the needed bars")["runs"], 20);
    assert_eq!(check("restarts from one bar less")["runs"], 20);
    // Recursive columns forget their seed to 1e-9 of their input's range; their own scale differs by a small factor.
    assert!(check("restarts from exactly the needed bars")["worst_deviation"].as_f64() < Some(1e-7));
}

/// Both originals run as they stand on real bars: made into their interval from the venue's 5m files, with a model
/// that the demo makes, for the symbols that were recorded.
#[test]
fn both_originals_on_real_bars() {
    let Some(shared) = shared() else { return };
    let bars = shared.join("data/binance_um_5m");
    let bars = bars.to_str().expect("plain");
    for (example, file, symbols, out, at_least) in [
        (
            "minimal",
            "minimal_signal_generation.yaml",
            "BTCUSDT,ETHUSDT",
            "outputs/predictions/minimal_predictions.csv",
            // 719 whole hours of bars, 324 of them warmup.
            2 * 390,
        ),
        (
            "bilstm",
            "bilstm_realtime_signal.yaml",
            "BTCUSDT,ETHUSDT,SOLUSDT",
            "outputs/predictions/bilstm_improved_realtime.csv",
            // 30 days are 359 rows of 2h, fewer than the 541 that RSI(24) needs to settle: no row may come out.
            0,
        ),
    ] {
        let dir = tempfile::tempdir().expect("a scratch folder");
        sigc_ok(dir.path(), &["demo", example, "--dir", ".", "-q"]);
        std::fs::remove_dir_all(dir.path().join("outputs")).expect("the demo wrote rows");
        let read = ["--bars-interval", "5m", "--symbols", symbols, "-q"];
        sigc_ok(dir.path(), &[&["run", file, "--replay", bars][..], &read].concat());
        let rows = csv(&std::fs::read_to_string(dir.path().join(out)).expect("rows"));
        assert!(rows.len() >= at_least, "{example}: {} rows", rows.len());
        assert!(at_least > 0 || rows.is_empty(), "{example}: {} rows before the model is warm", rows.len());
        let report = report(dir.path(), &[&["verify", file, "--bars", bars, "--json"][..], &read].concat());
        assert_eq!(report["differing"], 0, "{example}: {report}");
    }
}

/// With a tolerance that 30 days can reach the second original emits on the same bars.
#[test]
fn the_second_original_at_a_wider_tolerance() {
    let Some(shared) = shared() else { return };
    let dir = tempfile::tempdir().expect("a scratch folder");
    sigc_ok(dir.path(), &["demo", "bilstm", "--dir", ".", "-q"]);
    std::fs::remove_dir_all(dir.path().join("outputs")).expect("the demo wrote rows");
    let text = std::fs::read_to_string(dir.path().join("bilstm_realtime_signal.yaml")).expect("readable");
    let wider = text.replace("lookback_days: 90", "lookback_days: 30\n    tolerance: 1e-4");
    std::fs::write(dir.path().join("wider.yaml"), wider).expect("writable");
    let bars = shared.join("data/binance_um_5m");
    let args = ["run", "wider.yaml", "--replay", bars.to_str().expect("plain"), "--bars-interval", "5m"];
    sigc_ok(dir.path(), &[&args[..], &["--symbols", "BTCUSDT,ETHUSDT,SOLUSDT", "-q"]].concat());
    let out = dir.path().join("outputs/predictions/bilstm_improved_realtime.csv");
    let rows = csv(&std::fs::read_to_string(out).expect("rows"));
    assert!(rows.len() >= 3 * 50, "{} rows", rows.len());
}

/// The real PyTorch checkpoint, from bars to predictions: features, order, scaler and net all have to be right. The
/// expected rows are PyTorch's own in float64 (models/README.md there); 1e-6 is its stated tolerance for f32, and the
/// RSI of a run that starts with the file is the reference's own.
#[test]
fn the_pytorch_fixture_end_to_end() {
    let Some(shared) = shared() else { return };
    let expected = std::fs::read_to_string(shared.join("models/bilstm_expected_BTCUSDT_5m.csv")).expect("the fixture");
    let bars = shared.join("data/binance_um_5m");
    for model in [
        format!(
            "using: models.pytorch_bilstm_predictor\n      params: {{checkpoint_dir: {0}/models, strategy: bilstm, window_size: 30}}",
            shared.display()
        ),
        format!(
            "using: models.onnx\n      params: {{path: {0}/models/bilstm.onnx, window_size: 30}}",
            shared.display()
        ),
    ] {
        let dir = tempfile::tempdir().expect("a scratch folder");
        std::fs::write(dir.path().join("p.yaml"), pipeline("data.files", &model)).expect("writable");
        let args = ["backfill", "p.yaml", "--bars", bars.to_str().expect("plain"), "--out", "rows.csv", "-q"];
        sigc_ok(dir.path(), &args);
        let rows = csv(&std::fs::read_to_string(dir.path().join("rows.csv")).expect("rows"));
        let mut compared = 0;
        for want in csv(&expected) {
            let open = sigc_market::Ts(want["open_time"].parse().expect("milliseconds")).to_string();
            let got = rows.iter().find(|r| r["open_time"] == open).expect("the row");
            let number = |text: &str| text.parse::<f64>().expect("a number");
            // In units of the target's scale, where the reference states its tolerance.
            let scale = 0.005_128_959_546_923_964;
            let off = (number(&got["prediction"]) - number(&want["denormalised_f64"])).abs() / scale;
            assert!(off <= 1e-6, "{open}: off by {off}");
            for feature in ["rsi6", "rsi24", "ma60rocp", "level20", "mom_20"] {
                let (a, b) = (number(&got[feature]), number(&want[feature]));
                assert!((a - b).abs() <= 1e-9 * b.abs().max(1e-3), "{open} {feature}: {a} and {b}");
            }
            compared += 1;
        }
        assert_eq!(compared, 32);
        // The same through the live driver; its first rows come when RSI(24) has settled, behind the eight early ones.
        sigc_ok(dir.path(), &["run", "p.yaml", "--replay", bars.to_str().expect("plain"), "-q"]);
        let rows = csv(&std::fs::read_to_string(dir.path().join("out.csv")).expect("rows"));
        let mut compared = 0;
        for want in csv(&expected) {
            let open = sigc_market::Ts(want["open_time"].parse().expect("milliseconds")).to_string();
            let Some(got) = rows.iter().find(|r| r["open_time"] == open) else { continue };
            let number = |text: &str| text.parse::<f64>().expect("a number");
            let off =
                (number(&got["prediction"]) - number(&want["denormalised_f64"])).abs() / 0.005_128_959_546_923_964;
            assert!(off <= 1e-6, "{open}: off by {off}");
            compared += 1;
        }
        assert_eq!(compared, 24);
        // And after restarts from every kind of state, to the bit.
        let report = report(dir.path(), &["verify", "p.yaml", "--bars", bars.to_str().expect("plain"), "--json", "-q"]);
        assert_eq!(report["differing"], 0, "{report}");
    }
}

/// A run on bars with real holes (ADA against BTC, 2018): rows beside a hole are null and not emitted, and the two
/// drivers still agree.
#[test]
fn real_gaps_are_counted_and_change_no_bit() {
    let Some(shared) = shared() else { return };
    let dir = tempfile::tempdir().expect("a scratch folder");
    let text = std::fs::read_to_string(root().join("tests/pipelines/wide_1m.yaml")).expect("readable");
    let text = text.replace(
        "[BTCUSDT, ETHUSDT, SOLUSDT, ADAUSDT, DOGEUSDT], interval: 1m",
        "[ADABTC, DASHBTC, ETHBTC], interval: 5m",
    );
    std::fs::write(dir.path().join("p.yaml"), text).expect("writable");
    let bars = shared.join("data/spot_btc_5m_2018");
    let bars = bars.to_str().expect("plain");
    let report = report(dir.path(), &["verify", "p.yaml", "--bars", bars, "--json", "-q"]);
    assert_eq!(report["differing"], 0, "{report}");
    let out = sigc(dir.path(), &["run", "p.yaml", "--replay", bars]);
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.success() && said.contains("bars missing in"), "{said}");
}
