//! The commands as a user calls them, on an example made from a seed.

use crate::support::{csv, root, sigc, sigc_ok};
use std::path::Path;
use std::sync::OnceLock;

/// The minimal example with bars and model, made once.
fn demo() -> &'static Path {
    static DEMO: OnceLock<tempfile::TempDir> = OnceLock::new();
    DEMO.get_or_init(|| {
        let dir = tempfile::tempdir().expect("a scratch folder");
        sigc_ok(dir.path(), &["demo", "--dir", "."]);
        dir
    })
    .path()
}

const FILE: &str = "minimal_signal_generation.yaml";
const PREDICTIONS: &str = "outputs/predictions/minimal_predictions.csv";

/// A private copy of the demo, for tests that write into it.
fn copy_of_demo() -> tempfile::TempDir {
    let to = tempfile::tempdir().expect("a scratch folder");
    let status =
        std::process::Command::new("cp").arg("-r").arg(format!("{}/.", demo().display())).arg(to.path()).status();
    assert!(status.expect("cp runs").success());
    to
}

#[test]
fn the_demo_writes_predictions() {
    let text = std::fs::read_to_string(demo().join(PREDICTIONS)).expect("predictions");
    let rows = csv(&text);
    assert!(rows.len() >= 2 * 190, "{} rows", rows.len());
    for row in &rows {
        let y: f64 = row["prediction"].parse().expect("a number");
        assert!(y.is_finite());
        assert_eq!(row["dag_name"], "minimal_signal_generation");
        assert_eq!(row["column"], "model.prediction");
    }
}

/// The first prediction comes exactly when `plan` says: one row per bar, minus the bars of warmup, plus one.
#[test]
fn the_first_row_comes_when_the_plan_says() {
    let plan: serde_json::Value =
        serde_json::from_str(&sigc_ok(demo(), &["plan", FILE, "--format", "json"])).expect("JSON");
    let warmup = plan["frames"][0]["warmup_bars"].as_u64().expect("a number") as usize;
    let rows = csv(&std::fs::read_to_string(demo().join(PREDICTIONS)).expect("predictions"));
    let per_symbol = rows.iter().filter(|r| r["symbol"] == "BTCUSDT").count();
    let out = demo().join("count.csv");
    sigc_ok(demo(), &["backfill", FILE, "--bars", "bars", "--out", "count.csv", "--overwrite"]);
    let bars = csv(&std::fs::read_to_string(out).expect("rows")).iter().filter(|r| r["symbol"] == "BTCUSDT").count();
    assert_eq!(per_symbol, bars - warmup + 1);
}

/// Batch and stream through the command line: the same text in every cell.
#[test]
fn backfill_gives_the_predictions_of_run() {
    sigc_ok(demo(), &["backfill", FILE, "--bars", "bars", "--out", "rows.csv", "--overwrite", "--threads", "2"]);
    let batch = csv(&std::fs::read_to_string(demo().join("rows.csv")).expect("rows"));
    let stream = csv(&std::fs::read_to_string(demo().join(PREDICTIONS)).expect("predictions"));
    assert!(!stream.is_empty());
    for row in &stream {
        let same = batch.iter().find(|b| b["ts"] == row["ts"] && b["symbol"] == row["symbol"]).expect("the row");
        assert_eq!(same["model.prediction"], row["prediction"]);
    }
}

#[test]
fn running_again_writes_nothing_twice() {
    let dir = copy_of_demo();
    let before = std::fs::read_to_string(dir.path().join(PREDICTIONS)).expect("predictions");
    sigc_ok(dir.path(), &["run", FILE, "--replay", "bars"]);
    assert_eq!(std::fs::read_to_string(dir.path().join(PREDICTIONS)).expect("predictions"), before);
    // A last line torn by a crash is cut off and written again.
    std::fs::write(dir.path().join(PREDICTIONS), &before[..before.len() - 17]).expect("writable");
    sigc_ok(dir.path(), &["run", FILE, "--replay", "bars"]);
    let mut after: Vec<String> = std::fs::read_to_string(dir.path().join(PREDICTIONS))
        .expect("predictions")
        .lines()
        .map(str::to_owned)
        .collect();
    let mut lines: Vec<String> = before.lines().map(str::to_owned).collect();
    lines.sort();
    after.sort();
    assert_eq!(after, lines);
}

#[test]
fn verify_finds_no_difference() {
    let text = sigc_ok(demo(), &["verify", FILE, "--bars", "bars", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(report["differing"], 0, "{text}");
    assert!(report["checks"].as_array().expect("a list").iter().all(|c| c["cells"].as_u64() > Some(0)), "{text}");
}

#[test]
fn exit_codes() {
    let code = |args: &[&str]| sigc(demo(), args).status.code();
    assert_eq!(code(&["check", FILE]), Some(0));
    assert_eq!(code(&["check", "nowhere.yaml"]), Some(1));
    assert_eq!(code(&["check"]), Some(2));
    assert_eq!(code(&["plan", FILE, "--column", "ohlcv.nothing"]), Some(2));
    // Files have no venue behind them: E0518, at once.
    let files = std::fs::read_to_string(demo().join(FILE)).expect("a pipeline").replace("binance_futures", "files");
    std::fs::write(demo().join("files.yaml"), files).expect("writable");
    assert_eq!(code(&["run", "files.yaml", "--state", "files-state"]), Some(1));
    assert_eq!(code(&["--version"]), Some(0));
    std::fs::write(demo().join("wrong.yaml"), "name: [").expect("writable");
    assert_eq!(code(&["check", "wrong.yaml"]), Some(1));
    for file in ["missing/bars", "wrong.yaml"] {
        assert_eq!(code(&["backfill", FILE, "--bars", file, "--out", "never.csv"]), Some(1));
        assert!(!demo().join("never.csv").exists(), "nothing is half-written");
    }
}

#[test]
fn every_format_prints() {
    for format in ["human", "json", "sarif", "github", "junit"] {
        sigc_ok(demo(), &["check", FILE, "--format", format]);
    }
    for format in ["human", "json", "dot", "mermaid", "svg"] {
        assert!(!sigc_ok(demo(), &["plan", FILE, "--format", format]).is_empty());
    }
    for stage in ["tree", "expanded", "typed", "dag", "schedule", "plan"] {
        assert!(!sigc_ok(demo(), &["plan", FILE, "--stage", stage]).is_empty());
    }
    assert!(sigc_ok(demo(), &["plan", FILE, "--column", "ohlcv.rsi_14"]).contains("smooth"));
}

/// `expand` prints a pipeline that compiles to the same plan.
#[test]
fn the_expanded_pipeline_is_the_same_pipeline() {
    for example in ["bilstm_realtime_signal", "grids", "joined_timeframes", "events", "top_k"] {
        let file = root().join(format!("examples/{example}.yaml"));
        let expanded = sigc_ok(demo(), &["expand", file.to_str().expect("a plain path")]);
        std::fs::write(demo().join(format!("{example}.expanded.yaml")), expanded).expect("writable");
        let fingerprint = |path: &str| {
            let text = sigc_ok(demo(), &["plan", path, "--format", "json", "-q"]);
            serde_json::from_str::<serde_json::Value>(&text).expect("JSON")["fingerprint"].clone()
        };
        let original = fingerprint(file.to_str().expect("a plain path"));
        assert_eq!(fingerprint(&format!("{example}.expanded.yaml")), original, "{example}");
    }
}

/// The number the requirements name (S60, S61): 30 rows of the model, RSI(24) with its 24 + 487 rows; and the slack of
/// one bucket for a start between two closes. Source: features.md section 6.6.
#[test]
fn the_plan_of_the_second_original() {
    let file = root().join("examples/bilstm_realtime_signal.yaml");
    let text = sigc_ok(demo(), &["plan", file.to_str().expect("a plain path"), "--format", "json", "-q"]);
    let plan: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let frame = |name: &str| plan["frames"].as_array().expect("a list").iter().find(|f| f["name"] == name).cloned();
    assert_eq!(frame("ohlcv_2h").expect("the frame")["warmup_bars"], 541);
    assert_eq!(plan["sources"][0]["warmup_bars"], 4_335);
    assert_eq!(plan["sources"][0]["warmup_bars_aligned"], 4_328);
    let columns = frame("ohlcv_2h").expect("the frame")["columns"].clone();
    let column =
        |name: &str| columns.as_array().expect("a list").iter().find(|c| c["name"] == name).cloned().expect("it");
    assert_eq!((column("rsi24")["lookback"].clone(), column("rsi24")["settle"].clone()), (24.into(), 487.into()));
    assert_eq!(
        (column("ma60rocp")["lookback"].clone(), column("ma60rocp")["tier"].clone()),
        (60.into(), "exact".into())
    );
}

#[test]
fn explain_and_features_answer_or_suggest() {
    assert!(sigc_ok(demo(), &["explain", "e0203"]).contains("E0203"));
    assert!(sigc_ok(demo(), &["features", "rsi"]).contains("Wilder"));
    let out = sigc(demo(), &["features", "features.rsj"]);
    assert!(String::from_utf8_lossy(&out.stderr).contains("did you mean `features.rsi`"));
    assert_eq!(out.status.code(), Some(2));
}

/// `check --fix` mends the slips of the first originals (S15) and changes nothing else.
#[test]
fn fix_mends_missing_blanks() {
    let dir = tempfile::tempdir().expect("a scratch folder");
    let text = std::fs::read_to_string(root().join("examples/minimal_signal_generation.yaml")).expect("readable");
    let broken = text.replace("lookback_days: 30", "lookback_days:30").replace("dedup_key: [", "dedup_key:[");
    assert_ne!(broken, text);
    let path = dir.path().join("p.yaml");
    std::fs::write(&path, &broken).expect("writable");
    assert_eq!(sigc(dir.path(), &["check", "p.yaml"]).status.code(), Some(1));
    sigc_ok(dir.path(), &["check", "p.yaml", "--fix"]);
    assert_eq!(std::fs::read_to_string(&path).expect("readable"), text);
}
