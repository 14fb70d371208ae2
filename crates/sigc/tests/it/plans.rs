//! Every stage of some pipelines as text (`tests/plan`), and counts of history by two ways.
//!
//! The texts are the project's own output, read once by a person and kept so that a change is seen; that the numbers
//! in them are right is proved elsewhere, against brute force (sigc-engine) and recorded values (sigc-library).

use crate::support::{assert_current, root};
use sigc_catalog::NoFiles;
use sigc_compiler::stages::{STAGES, print_stage};
use sigc_compiler::{Compiled, compile};
use sigc_plan::ValueId;
use sigc_plan::lookback::Until;
use std::path::PathBuf;

fn compiled(path: PathBuf) -> (String, Compiled) {
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let compiled = compile(&text, &sigc::catalog::catalog(), &NoFiles);
    assert!(compiled.plan.is_some(), "{}", path.display());
    (text, compiled)
}

#[test]
fn stages_print_as_recorded() {
    for name in ["grids", "joins", "timer"] {
        let folder = root().join("tests/plan").join(name);
        let (text, compiled) = compiled(folder.join("in.yaml"));
        for stage in STAGES {
            let made = print_stage(&compiled, stage, &text).expect("the stage was reached");
            assert_current(&folder.join(format!("{stage}.txt")), &made);
        }
    }
}

/// The walk forwards that the compiler uses gives what the walk backwards over all phases gives.
#[test]
fn both_ways_of_counting_history_agree() {
    for name in [
        "tests/plan/grids/in.yaml",
        "tests/plan/joins/in.yaml",
        "tests/pipelines/wide_1m.yaml",
        "examples/bilstm_realtime_signal.yaml",
    ] {
        let (_, compiled) = compiled(root().join(name));
        let scheduled = compiled.scheduled.expect("no errors");
        let structure = scheduled.structure();
        for until in [Until::FirstValue, Until::Settled] {
            let forwards = structure.lookbacks(until);
            // Every third op: the walk backwards is slow, which is why the other exists.
            for i in (0..scheduled.nodes.len()).step_by(3) {
                let v = ValueId::new(i);
                if let Some(rows) = forwards[i].0 {
                    assert_eq!(rows, structure.lookback(v, until), "{name} {v}");
                }
                assert_eq!(forwards[i].1, structure.tier(v), "{name} {v}");
            }
        }
    }
}

/// A plan survives being written and read back, and its fingerprint changes with anything that can change a bit.
#[test]
fn plans_round_trip_and_fingerprints_tell_them_apart() {
    let (text, compiled) = compiled(root().join("tests/plan/joins/in.yaml"));
    let plan = compiled.plan.expect("no errors");
    let json = serde_json::to_string(&plan).expect("a plan is JSON");
    let back: sigc_plan::Plan = serde_json::from_str(&json).expect("and reads back");
    assert_eq!(back.fingerprint(), plan.fingerprint());
    assert_eq!(back.verify(), Ok(()));
    for (from, to) in [
        ("window: 14", "window: 15"),
        ("bias: -0.25", "bias: -0.5"),
        ("target_freq: 1h", "target_freq: 2h"),
        ("BTCUSDT, ETHUSDT", "ETHUSDT, BTCUSDT"),
        ("warmup: auto", "warmup: {tolerance: 1e-8}"),
        ("rocp_factor: 10", "rocp_factor: 11"),
    ] {
        let changed = text.replace(from, to);
        assert_ne!(changed, text);
        let other = compile(&changed, &sigc::catalog::catalog(), &NoFiles).plan.expect("no errors");
        assert_ne!(other.fingerprint(), plan.fingerprint(), "{from} -> {to}");
    }
    let commented =
        compile(&format!("# a comment\n{text}"), &sigc::catalog::catalog(), &NoFiles).plan.expect("no errors");
    assert_eq!(commented.fingerprint(), plan.fingerprint());
}
