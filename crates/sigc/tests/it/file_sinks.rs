//! The examples of `sinks.jsonl` and `sinks.parquet`, run on recorded bars.

use crate::support::{root, sigc_ok};
use std::fmt::Write as _;
use std::path::Path;

/// One-minute bars of the examples' symbols.
fn bars(folder: &Path) {
    std::fs::create_dir_all(folder).expect("a folder");
    for (symbol, price) in [("BTCUSDT", 100.0), ("ETHUSDT", 50.0), ("SOLUSDT", 20.0)] {
        let mut text = "open_time,open,high,low,close,volume\n".to_owned();
        for i in 0..1_000_i64 {
            let close = price + (i as f64 * 0.7).sin();
            let open_time = 1_748_131_200_000 + i * 60_000;
            writeln!(text, "{open_time},{close},{},{},{close},1", close + 1.0, close - 1.0).expect("a text grows");
        }
        std::fs::write(folder.join(format!("{symbol}.csv")), text).expect("written");
    }
}

#[test]
fn rows_go_to_a_file_of_json_lines_and_to_stdout_alone() {
    let dir = tempfile::tempdir().expect("a scratch folder");
    bars(&dir.path().join("bars"));
    let file = root().join("examples/jsonl.yaml");
    let args = ["run", file.to_str().expect("text"), "--replay", "bars"];
    let printed = sigc_ok(dir.path(), &args);
    let rows: Vec<serde_json::Value> =
        printed.lines().map(|l| serde_json::from_str(l).expect("nothing but rows")).collect();
    assert!(rows.len() > 300, "{} rows", rows.len());
    assert!(rows.iter().all(|r| r["prediction"].is_f64() && r["rsi_14"].is_f64()));
    let stored = || std::fs::read_to_string(dir.path().join("outputs/predictions/live.jsonl")).expect("the file");
    assert_eq!(stored(), printed);
    // Printed again, stored once.
    assert_eq!(sigc_ok(dir.path(), &args), printed);
    assert_eq!(stored(), printed);
}

#[test]
fn rows_go_to_a_part_and_running_again_adds_none() {
    let dir = tempfile::tempdir().expect("a scratch folder");
    bars(&dir.path().join("bars"));
    let file = root().join("examples/parquet.yaml");
    let args = ["run", file.to_str().expect("text"), "--replay", "bars"];
    for _ in 0..2 {
        sigc_ok(dir.path(), &args);
        let folder = dir.path().join("outputs/predictions/parquet");
        let mut names: Vec<String> = std::fs::read_dir(&folder)
            .expect("the folder")
            .map(|e| e.expect("readable").file_name().into_string().expect("text"))
            .collect();
        names.sort();
        assert_eq!(names, ["_open.jsonl", "part-00000001.parquet"]);
        assert_eq!(std::fs::metadata(folder.join("_open.jsonl")).expect("the side file").len(), 0);
    }
}

#[test]
fn the_examples_of_sinks_are_sound() {
    for name in ["jsonl", "parquet", "dynamodb", "nats"] {
        let file = root().join(format!("examples/{name}.yaml"));
        sigc_ok(&root(), &["check", file.to_str().expect("text")]);
    }
}
