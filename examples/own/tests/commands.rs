//! Every command knows the steps of this program.

use std::path::Path;
use std::process::{Command, Output};

fn own(folder: &Path, args: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_sigc-own");
    Command::new(program).args(args).current_dir(folder).env("NO_COLOR", "1").output().expect("the program starts")
}

fn own_ok(folder: &Path, args: &[&str]) -> String {
    let out = own(folder, args);
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).expect("text")
}

#[test]
fn all_commands_know_the_steps() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("pipeline.yaml").display().to_string();
    let dir = tempfile::tempdir().expect("a scratch folder");
    let dir = dir.path();
    assert!(own_ok(dir, &["features", "own.close_position"]).contains("(close - low) / (high - low)"));
    assert!(own_ok(dir, &["features", "sinks.latest"]).contains("newest record"));
    let schema = own_ok(dir, &["schema"]);
    assert!(schema.contains("own.close_position") && schema.contains("sinks.latest"));
    own_ok(dir, &["check", &file, "--deny-warnings"]);
    let plan: serde_json::Value =
        serde_json::from_str(&own_ok(dir, &["plan", &file, "--format", "json"])).expect("JSON");
    assert_eq!(plan["frames"][0]["warmup_bars"], 1, "one bar is enough: derived from the ops");
    assert_eq!(plan["sinks"][0]["target"], "outputs/latest");
    assert!(own_ok(dir, &["expand", &file]).contains("own.close_position"));
    assert!(own_ok(dir, &["explain", "E0512"]).contains("E0512"));

    // The sink's own check, at its place.
    let text = std::fs::read_to_string(&file).expect("the pipeline");
    std::fs::write(dir.join("bad.yaml"), text.replace("outputs/latest", "../latest")).expect("written");
    let bad = own(dir, &["check", "bad.yaml"]);
    assert!(String::from_utf8_lossy(&bad.stdout).contains("climbs out of its folder"));

    // Two bars: (11 - 8) / (12 - 8) = 0.75, so 2 * 0.75 - 1 = 0.5; then a bar without a range: 2 * 0.5 - 1 = 0.
    let bars =
        "open_time,open,high,low,close,volume\n2025-06-01T00:00:00Z,10,12,8,11,1\n2025-06-01T01:00:00Z,11,11,11,11,1\n";
    std::fs::create_dir(dir.join("bars")).expect("a folder");
    for symbol in ["BTCUSDT", "ETHUSDT"] {
        std::fs::write(dir.join(format!("bars/{symbol}.csv")), bars).expect("written");
    }
    own_ok(dir, &["run", &file, "--replay", "bars", "--until", "2025-06-01T01:00:00Z"]);
    let newest = || -> serde_json::Value {
        let text = std::fs::read_to_string(dir.join("outputs/latest/BTCUSDT.json")).expect("the symbol's file");
        serde_json::from_str(&text).expect("a record")
    };
    assert_eq!((&newest()["ts"], &newest()["prediction"]), (&"2025-06-01T01:00:00Z".into(), &0.5.into()));
    own_ok(dir, &["run", &file, "--replay", "bars"]);
    assert_eq!((&newest()["ts"], &newest()["prediction"]), (&"2025-06-01T02:00:00Z".into(), &0.0.into()));
    own_ok(dir, &["verify", &file, "--bars", "bars", "--splits", "1", "--restarts", "1"]);
}
