//! Whatever the bytes, reading ends in bars or an error with a code.

use crate::bars_formats::{columns, parquet, zip};
use crate::{file, read};
use arrow_array::{ArrayRef, Int64Array};
use proptest::prelude::*;
use std::io::Write;
use std::sync::Arc;

const NAMES: [&str; 4] = ["X.csv", "X.csv.gz", "X.zip", "X.parquet"];
const SOUND: &str = "open_time,open,high,low,close,volume\n1704067200,10,12,9,11,5\n1704067260,10,12,9,11,5\n";

/// A sound file in each form.
fn sound(name: &str) -> Vec<u8> {
    match name {
        "X.csv.gz" => {
            let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            out.write_all(SOUND.as_bytes()).expect("a vector takes every byte");
            out.finish().expect("a vector takes every byte")
        }
        "X.zip" => zip(&[("x.csv", SOUND)]),
        "X.parquet" => {
            let time: ArrayRef = Arc::new(Int64Array::from(vec![1_704_067_200, 1_704_067_260]));
            parquet(columns(time))
        }
        _ => SOUND.as_bytes().to_vec(),
    }
}

fn survives(name: &str, bytes: &[u8]) {
    let (_folder, path) = file(name, bytes);
    if let Err(e) = read(&path, "1m") {
        assert!(e.code().starts_with("E05") && !e.help().is_empty());
    }
    sigc_connectors::bars::list_symbols(&path).ok();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        for name in NAMES {
            survives(name, &bytes);
        }
    }

    #[test]
    fn sound_files_with_some_bytes_changed(
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..6),
    ) {
        for name in NAMES {
            let mut bytes = sound(name);
            for (at, value) in &changes {
                let at = at.index(bytes.len());
                bytes[at] = *value;
            }
            survives(name, &bytes);
        }
    }

    #[test]
    fn text_that_looks_like_bars(lines in proptest::collection::vec("[0-9.,eE\\-\"\r ]{0,40}", 0..20)) {
        survives("X.csv", format!("open_time,open,high,low,close,volume\n{}", lines.join("\n")).as_bytes());
    }
}
