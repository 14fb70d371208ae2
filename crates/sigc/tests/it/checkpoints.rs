//! The model files that test pipelines may name, all under `models/demo`.
//!
//! | strategy | what it is |
//! | --- | --- |
//! | `unified` | trained on `mom_20, rsi_14` and 30 rows, with scalers for BTCUSDT and ETHUSDT |
//! | `any_symbol` | the same without scalers |
//! | `broken` | its JSON ends half-way |
//! | `integers` | one of its tensors holds 32-bit integers |

use sigc_catalog::Host;
use sigc_models::fixture::{CheckpointSpec, write_checkpoint};
use sigc_models::{OsFiles, ReadFiles, Scaler};
use std::fs;
use std::io;
use std::path::Path;
use tempfile::TempDir;

/// A machine that has these files and no others.
pub struct Checkpoints(TempDir);

impl Checkpoints {
    /// Writes them.
    pub fn new() -> Checkpoints {
        let dir = tempfile::tempdir().expect("a temporary folder can be made");
        let scaler = || Scaler {
            feature_mean: vec![0.0, 50.0],
            feature_scale: vec![1.0, 10.0],
            target_mean: 0.0,
            target_scale: 0.01,
        };
        let spec = |strategy: &str, symbols: &[&str]| CheckpointSpec {
            strategy: strategy.into(),
            features: vec!["mom_20".into(), "rsi_14".into()],
            window: 30,
            hidden: 2,
            layers: 1,
            symbols: symbols.iter().map(|s| (s.to_string(), scaler())).collect(),
            seed: 1,
        };
        write_checkpoint(dir.path(), &spec("unified", &["BTCUSDT", "ETHUSDT"])).expect("the spec is sound");
        for strategy in ["any_symbol", "broken", "integers"] {
            write_checkpoint(dir.path(), &spec(strategy, &[])).expect("the spec is sound");
        }
        fs::write(dir.path().join("broken.json"), "{\"kind\": \"bilstm\", \"input\": ").expect("the folder is ours");
        let weights = dir.path().join("integers.safetensors");
        let mut bytes = fs::read(&weights).expect("it was written above");
        let tag = b"\"F32\"";
        let at = bytes.windows(tag.len()).position(|w| w == tag).expect("the header names the type of each tensor");
        bytes[at..at + tag.len()].copy_from_slice(b"\"I32\"");
        fs::write(weights, bytes).expect("the folder is ours");
        Checkpoints(dir)
    }
}

impl Host for Checkpoints {
    fn read(&self, path: &Path, max_bytes: u64) -> io::Result<Vec<u8>> {
        match path.strip_prefix("models/demo") {
            Ok(file) => OsFiles.read(&self.0.path().join(file), max_bytes),
            Err(_) => Err(io::ErrorKind::NotFound.into()),
        }
    }
    fn exists(&self, path: &Path) -> bool {
        path.strip_prefix("models/demo").is_ok_and(|file| OsFiles.exists(&self.0.path().join(file)))
    }
}
