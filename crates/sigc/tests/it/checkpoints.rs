//! The model files that test pipelines may name, all under `models/demo`.
//!
//! | strategy | what it is |
//! | --- | --- |
//! | `unified` | trained on `mom_20, rsi_14` of 1h and 30 rows, with scalers for BTCUSDT and ETHUSDT |
//! | `silent` | the same, and does not say what its inputs were computed by |
//! | `demo.registered` | the same as `unified`, in a folder of the registry |
//! | `any_symbol` | the same without scalers |
//! | `broken` | its JSON ends half-way |
//! | `integers` | one of its tensors holds 32-bit integers |

use sigc_catalog::{Host, Trained};
use sigc_models::fixture::{CheckpointSpec, write_checkpoint};
use sigc_models::{OsFiles, ReadFiles, Scaler};
use sigc_plan::ModelId;
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
        let trained = trained();
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
            trained: trained.clone(),
        };
        write_checkpoint(dir.path(), &spec("unified", &["BTCUSDT", "ETHUSDT"])).expect("the spec is sound");
        for strategy in ["any_symbol", "broken", "integers"] {
            write_checkpoint(dir.path(), &spec(strategy, &[])).expect("the spec is sound");
        }
        let silent = CheckpointSpec { trained: Trained::default(), ..spec("silent", &["BTCUSDT", "ETHUSDT"]) };
        write_checkpoint(dir.path(), &silent).expect("the spec is sound");
        let folder = dir.path().join("demo.registered");
        write_checkpoint(&folder, &spec("manifest", &["BTCUSDT", "ETHUSDT"])).expect("the spec is sound");
        fs::rename(folder.join("manifest.safetensors"), folder.join("model.safetensors")).expect("the folder is ours");
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

/// What the pages' pipeline makes for its model, in the model's order: what it is said to have been trained on.
fn trained() -> Trained {
    let text = r"
name: training
signal_generation:
  mode: stream
  on_prediction: [{using: sinks.csv_append, params: {path: out.csv, dedup_key: [ts, symbol]}}]
pipeline:
  - data: {using: data.files, outputs: {frame: b}, params: {universe: [BTCUSDT], interval: 1h}}
  - features: {using: features.rsi, inputs: {column: b.close}, outputs: {columns: [rsi_14]}, params: {window: 14}}
  - features: {using: features.momentum, inputs: {column: b.close}, outputs: {columns: [mom_20]}, params: {window: 20}}
  - model: {using: models.linear, inputs: {frame: b}, outputs: {columns: [p]}, params: {weights: {mom_20: 1, rsi_14: 1}}}
";
    let compiled = sigc_compiler::compile(text, &sigc::catalog::catalog(), &sigc_catalog::NoFiles);
    let scheduled = compiled.scheduled.as_ref().unwrap_or_else(|| panic!("{:?}", compiled.diags));
    sigc_compiler::trained::of_model(scheduled, ModelId::new(0)).expect("it has a model")
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
