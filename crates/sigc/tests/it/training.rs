//! From a pipeline to a trained model: backfill writes the manifest, a trainer completes it, check and run take it.

use crate::support::{csv, root, sigc, sigc_ok};
use sigc_market::Field;
use std::path::Path;
use std::process::Command;

/// A folder with the example and made bars of its two symbols.
fn scratch() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a scratch folder");
    for file in ["pipeline.yaml", "train.py"] {
        std::fs::copy(root().join("examples/train").join(file), dir.path().join(file)).expect("the example");
    }
    std::fs::create_dir(dir.path().join("bars")).expect("the folder is ours");
    let interval = sigc_market::Interval::parse("5m").expect("an interval");
    for name in ["BTCUSDT", "ETHUSDT"] {
        let symbol = sigc_market::Symbol::new(name).expect("a symbol");
        let from = sigc_market::Ts(1_735_689_600_000);
        let mut text = String::from("open_time,open,high,low,close,volume\n");
        for b in sigc_connectors::generate::generate(3, &symbol, interval, from, 1_500) {
            let fields =
                [Field::Open, Field::High, Field::Low, Field::Close, Field::Volume].map(|f| b.get(f).to_string());
            text += &format!("{},{}\n", b.open_time.0, fields.join(","));
        }
        std::fs::write(dir.path().join(format!("bars/{name}-5m.csv")), text).expect("the folder is ours");
    }
    dir
}

const BACKFILL: [&str; 7] = ["backfill", "pipeline.yaml", "--bars", "bars", "--out", "table.csv", "-q"];

fn failed(folder: &Path, args: &[&str]) -> String {
    let out = sigc(folder, args);
    assert!(!out.status.success(), "sigc {args:?} should fail");
    String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned()
}

#[test]
fn research_backfill_train_check_run() {
    if Command::new("python3").arg("--version").output().is_err() {
        return;
    }
    let dir = scratch();
    let at = dir.path();
    assert!(sigc_ok(at, &["check", "pipeline.yaml"]).contains("W0401"));
    sigc_ok(at, &[&BACKFILL[..], &["--manifest"]].concat());
    assert!(sigc_ok(at, &["check", "pipeline.yaml"]).contains("W0401"), "a manifest alone is no model");

    let trained =
        Command::new("python3").args(["train.py", "table.csv", "models/trained.linear"]).current_dir(at).output();
    let trained = trained.expect("python3 is there");
    assert!(trained.status.success(), "{}", String::from_utf8_lossy(&trained.stderr));
    sigc_ok(at, &["check", "pipeline.yaml", "--deny-warnings"]);

    // The expected value is computed here from the table and the manifest, not by sigc's model.
    let text = std::fs::read_to_string(at.join("models/trained.linear/manifest.json")).expect("written");
    let manifest: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let number = |v: &serde_json::Value| v.as_f64().expect("a number");
    let table = csv(&std::fs::read_to_string(at.join("table.csv")).expect("written"));
    sigc_ok(at, &["run", "pipeline.yaml", "--replay", "bars", "-q"]);
    let rows = csv(&std::fs::read_to_string(at.join("outputs/trained_linear.csv")).expect("rows"));
    assert!(rows.len() > 1_000, "{} rows", rows.len());
    for row in &rows {
        let inputs = table.iter().find(|r| r["ts"] == row["ts"] && r["symbol"] == row["symbol"]).expect("the row");
        let scaler = &manifest["scaler"][&row["symbol"]];
        let mut y = number(&manifest["bias"]);
        for (i, feature) in ["rsi_14", "mom_20", "rocp_1"].into_iter().enumerate() {
            let x: f64 = inputs[feature].parse().expect("a number");
            let z = (x - number(&scaler["feature_mean"][i])) / number(&scaler["feature_scale"][i]);
            y += number(&manifest["weights"][i]) * z;
        }
        let want = y * number(&scaler["target_scale"]) + number(&scaler["target_mean"]);
        let got: f64 = row["prediction"].parse().expect("a number");
        assert!((got - want).abs() <= 1e-12 * want.abs().max(1e-3), "{row:?}: {got} and {want}");
    }

    // The model stays: a further backfill does not write over it unless asked.
    let again = [&BACKFILL[..], &["--overwrite", "--manifest"]].concat();
    let said = failed(at, &again);
    assert!(said.contains("E0511") && said.contains("holds a model"), "{said}");
    // And a changed feature is found, both sides named.
    let changed =
        std::fs::read_to_string(at.join("pipeline.yaml")).expect("readable").replace("window: 14", "window: 21");
    std::fs::write(at.join("changed.yaml"), changed).expect("writable");
    let said = failed(at, &["check", "changed.yaml"]).replace("\n  │ ", " ");
    for part in ["E0415", "rsi(close, 14) of 5m", "rsi(close, 21) of 5m"] {
        assert!(said.contains(part), "{said}");
    }
}

#[test]
fn manifests_that_do_not_hold_are_refused_at_check_and_run() {
    let dir = scratch();
    let at = dir.path();
    sigc_ok(at, &[&BACKFILL[..], &["--manifest"]].concat());
    let path = at.join("models/trained.linear/manifest.json");
    let text = std::fs::read_to_string(&path).expect("written");
    let written: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&text).expect("JSON");
    let with = |entries: &[(&str, serde_json::Value)]| {
        let mut map = written.clone();
        map.insert("kind".into(), "linear".into());
        map.insert("weights".into(), serde_json::json!([1.0, 2.0, 3.0]));
        map.extend(entries.iter().map(|(k, v)| ((*k).to_owned(), v.clone())));
        serde_json::Value::Object(map).to_string()
    };
    let cut = with(&[]);
    for (content, part) in [
        (cut[..cut.len() / 2].to_owned(), "E0409"),
        (with(&[("scalers", serde_json::json!({}))]), "unknown field `scalers`"),
        (with(&[("weights", serde_json::json!([1.0, 2.0]))]), "`weights` has 2 entries, the model takes 3 features"),
        (with(&[("kind", "gru".into())]), "kind `gru`"),
        (with(&[("dtype", "f16".into())]), "E0412"),
        (with(&[("interval", "2h".into())]), "E0416"),
        (with(&[("interval", "often".into())]), "`interval` is `often`"),
        (with(&[("window", 2.into())]), "E0408"),
    ] {
        std::fs::write(&path, content).expect("writable");
        let said = failed(at, &["check", "pipeline.yaml"]).replace("\n  │ ", " ");
        assert!(said.contains(part), "{part}: {said}");
        failed(at, &["run", "pipeline.yaml", "--replay", "bars"]);
    }
    // A link out of the registry is not followed.
    let outside = tempfile::tempdir().expect("another folder");
    std::fs::write(outside.path().join("m.json"), with(&[])).expect("writable");
    std::fs::remove_file(&path).expect("ours");
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(outside.path().join("m.json"), &path).expect("a link");
        let said = failed(at, &["check", "pipeline.yaml"]).replace("\n  │ ", " ");
        assert!(said.contains("E0409") && said.contains("leads out of"), "{said}");
    }
    // A model whose answer is not a number is found before the first row.
    std::fs::remove_file(&path).expect("ours");
    std::fs::write(&path, with(&[("bias", 1e308.into()), ("scaler", scaler())])).expect("writable");
    let said = failed(at, &["run", "pipeline.yaml", "--replay", "bars"]);
    assert!(said.contains("E0517") && said.contains("cannot predict"), "{said}");
}

fn scaler() -> serde_json::Value {
    let one = serde_json::json!({"feature_mean": [0, 0, 0], "feature_scale": [1, 1, 1], "target_mean": 0, "target_scale": 1e10});
    serde_json::json!({"BTCUSDT": one, "ETHUSDT": one})
}
