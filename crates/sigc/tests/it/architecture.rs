//! The crates' dependency directions, as `docs/architecture.md` draws them.

use crate::support::root;
use std::collections::BTreeMap;

/// Which sigc crates each may use. An arrow that is not here does not exist.
const MAY_USE: &[(&str, &[&str])] = &[
    ("sigc-market", &[]),
    ("sigc-diag", &[]),
    ("sigc-syntax", &["sigc-diag"]),
    ("sigc-plan", &["sigc-market"]),
    ("sigc-catalog", &["sigc-plan", "sigc-market"]),
    ("sigc-compiler", &["sigc-syntax", "sigc-diag", "sigc-catalog", "sigc-plan", "sigc-market"]),
    ("sigc-library", &["sigc-catalog", "sigc-plan", "sigc-market"]),
    ("sigc-engine", &["sigc-plan", "sigc-market"]),
    // Knows nothing of pipelines: lines in, lines out.
    ("sigc-process", &[]),
    ("sigc-runtime", &["sigc-engine", "sigc-catalog", "sigc-plan", "sigc-market"]),
    // The nearest name, for files with a misspelt column, is all connectors take from diagnostics.
    ("sigc-connectors", &["sigc-runtime", "sigc-catalog", "sigc-diag", "sigc-market", "sigc-process"]),
    ("sigc-models", &["sigc-catalog", "sigc-engine", "sigc-plan", "sigc-market", "sigc-process"]),
    ("sigc-journal", &["sigc-runtime", "sigc-plan", "sigc-market"]),
    ("sigc-live", &["sigc-connectors", "sigc-journal", "sigc-runtime", "sigc-engine", "sigc-plan", "sigc-market"]),
    // The generator of seeded bars is all the exchange takes from the connectors: it must not share a parser with them.
    ("sigc-sim", &["sigc-connectors", "sigc-market"]),
    ("sigc-sink-dynamodb", &["sigc-connectors", "sigc-runtime", "sigc-catalog", "sigc-market"]),
    ("sigc-sink-http", &["sigc-connectors", "sigc-runtime", "sigc-catalog", "sigc-market"]),
    ("sigc-sink-nats", &["sigc-runtime", "sigc-connectors", "sigc-catalog", "sigc-market"]),
    ("sigc-sink-postgres", &["sigc-runtime", "sigc-connectors", "sigc-catalog", "sigc-market"]),
    // Servers and a faulty network, for tests only.
    ("sigc-testbed", &[]),
];

/// Crates that know no clock, no files, no network and no runtime.
const PURE: &[&str] = &[
    "sigc-market",
    "sigc-diag",
    "sigc-syntax",
    "sigc-plan",
    "sigc-catalog",
    "sigc-compiler",
    "sigc-library",
    "sigc-engine",
];

fn dependencies(manifest: &str) -> Vec<String> {
    let body = manifest.split("[dependencies]").nth(1).unwrap_or_default();
    let body = body.split("\n[").next().unwrap_or_default();
    body.lines().filter_map(|l| l.split(['.', ' ', '=']).next()).filter(|n| !n.is_empty()).map(str::to_owned).collect()
}

#[test]
fn arrows_point_one_way() {
    let allowed: BTreeMap<&str, &[&str]> = MAY_USE.iter().copied().collect();
    let mut seen = 0;
    for entry in std::fs::read_dir(root().join("crates")).expect("crates/ is there") {
        let name = entry.expect("readable").file_name().into_string().expect("a plain name");
        let Some(may) = allowed.get(name.as_str()) else {
            assert_eq!(name, "sigc", "a crate that the map does not show");
            continue;
        };
        seen += 1;
        let manifest =
            std::fs::read_to_string(root().join("crates").join(&name).join("Cargo.toml")).expect("a manifest");
        for dependency in dependencies(&manifest).iter().filter(|d| d.starts_with("sigc-")) {
            assert!(may.contains(&dependency.as_str()), "{name} may not use {dependency}");
        }
    }
    assert_eq!(seen, MAY_USE.len());
}

#[test]
fn pure_crates_name_no_clock_and_no_io() {
    let banned = ["std::fs", "std::net", "SystemTime", "Instant::now", "tokio::", "std::process", "std::env::var"];
    for name in PURE {
        let mut folders = vec![root().join("crates").join(name).join("src")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).expect("a folder") {
                let path = entry.expect("readable").path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let text = std::fs::read_to_string(&path).unwrap_or_default();
                for word in banned {
                    assert!(!text.contains(word), "{} names {word}", path.display());
                }
            }
        }
    }
}
