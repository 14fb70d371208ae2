//! The two original examples, with and without the slips of their first publication.

use crate::support::{found, mended, read, shape};

const BOTH: [&str; 2] = ["minimal_signal_generation.yaml", "bilstm_realtime_signal.yaml"];

pub fn originals() -> Vec<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/source/examples");
    let texts: Vec<_> = BOTH.iter().filter_map(|f| std::fs::read_to_string(format!("{folder}/{f}")).ok()).collect();
    if texts.is_empty() {
        eprintln!("the original examples are not here; nothing was tested");
    }
    texts
}

#[test]
fn they_parse_without_findings() {
    for text in originals() {
        assert_eq!(found(&text), [""; 0]);
        let root = read(&text).0.root;
        let map = root.as_map().unwrap();
        assert!(map.get("name").unwrap().value.as_str().unwrap().contains("signal_generation"));
        assert!(map.get("pipeline").unwrap().value.as_seq().unwrap().len() >= 4);
    }
}

#[test]
fn their_slips_are_found_and_the_tree_stays_the_same() {
    for text in originals() {
        let slips = text
            .replace("lookback_days: ", "lookback_days:")
            .replace("dedup_key: [", "dedup_key:[")
            .replace("- using: sinks", "-using: sinks")
            .replace("- features:", "-features:");
        let (tree, diags) = read(&slips);
        let mut codes: Vec<_> = diags.iter().map(|d| d.code.id).collect();
        codes.dedup();
        assert_eq!(codes, ["E0102", "E0103", "E0102", "E0103"], "{diags:?}");
        assert_eq!(diags.len(), 5);
        assert_eq!(shape(&tree.root), shape(&read(&text).0.root));
        assert_eq!(mended(&slips), text);
    }
}

#[test]
fn they_print_as_yaml_that_reads_the_same() {
    for text in originals() {
        let root = read(&text).0.root;
        let printed = sigc_syntax::to_yaml(&root);
        assert_eq!(found(&printed), [""; 0], "{printed}");
        assert_eq!(shape(&read(&printed).0.root), shape(&root));
        assert!(printed.contains("dedup_key: [ts, symbol]\n"), "{printed}");
        assert!(printed.contains("window: ${expand.rsi_windows}\n") || !printed.contains("expand"), "{printed}");
    }
}
