//! BiLSTM checkpoints: a folder with `STRATEGY.json` and the weights beside it.
//!
//! The weights are `STRATEGY.safetensors`, or `STRATEGY.pt` where there is no such file. A folder
//! that holds nothing of that name but a `model.json` is read with `model` for the strategy.

use std::path::{Path, PathBuf};

use crate::config::{Config, LstmSpec, Raw, lstm_spec};
use crate::error::ModelError;
use crate::files::{MAX_JSON_BYTES, MAX_WEIGHTS_BYTES, ReadFiles};
use crate::manifest::{Manifest, ModelKind, fingerprint};
use crate::net::BilstmNet;
use crate::predictor::{Predictor, ScaledNet};
use crate::scaler::Lanes;
use crate::weights::Weights;

/// What the checkpoint of `strategy` in `dir` says about itself.
///
/// # Errors
/// Whatever would hinder [`load_bilstm`]: a missing or damaged file, an architecture that is not
/// supported, tensors that do not fit the JSON.
pub fn inspect_bilstm(files: &dyn ReadFiles, dir: &Path, strategy: &str) -> Result<Manifest, ModelError> {
    Ok(Checkpoint::read(files, dir, strategy)?.manifest)
}

/// The checkpoint of `strategy` in `dir`, ready to predict.
///
/// # Errors
/// As [`inspect_bilstm`].
pub fn load_bilstm(files: &dyn ReadFiles, dir: &Path, strategy: &str) -> Result<Box<dyn Predictor>, ModelError> {
    let Checkpoint { manifest, lanes, spec, weights } = Checkpoint::read(files, dir, strategy)?;
    let net = BilstmNet::new(&spec, weights)?;
    Ok(Box::new(ScaledNet::new(manifest, lanes, net)?))
}

/// A checkpoint whose parts fit together.
struct Checkpoint {
    manifest: Manifest,
    lanes: Lanes,
    spec: LstmSpec,
    weights: Weights,
}

impl Checkpoint {
    fn read(files: &dyn ReadFiles, dir: &Path, strategy: &str) -> Result<Self, ModelError> {
        let (json_path, weights_path) = locate(files, dir, strategy)?;
        let json = read(files, &json_path, MAX_JSON_BYTES)?;
        let raw = Raw::parse(&json_path, &json)?;
        let config = Config::new(&json_path, &raw)?;
        let spec = lstm_spec(&json_path, &raw)?;

        let bytes = read(files, &weights_path, MAX_WEIGHTS_BYTES)?;
        let weights = Weights::read(&weights_path, &bytes, &raw)?;
        weights.check(&spec)?;

        let unified = spec.embedding.is_some();
        let manifest = Manifest {
            kind: if unified { ModelKind::BilstmUnified } else { ModelKind::Bilstm },
            features: config.features,
            window: config.window,
            symbols: config.lanes.symbols(),
            dtype: "f32".to_owned(),
            fingerprint: fingerprint(&[b"bilstm", &json, &bytes]),
            files: vec![json_path, weights_path],
        };
        Ok(Self { manifest, lanes: config.lanes, spec, weights })
    }
}

/// The JSON and the weights of a strategy.
fn locate(files: &dyn ReadFiles, dir: &Path, strategy: &str) -> Result<(PathBuf, PathBuf), ModelError> {
    if strategy.is_empty() || strategy.contains(['/', '\\', '\0']) || strategy.starts_with('.') {
        return Err(ModelError::StrategyName { name: strategy.to_owned() });
    }
    let file = |stem: &str, extension: &str| dir.join(format!("{stem}.{extension}"));
    let own = ["json", "safetensors", "pt"].iter().any(|e| files.exists(&file(strategy, e)));
    let stem = if !own && files.exists(&file("model", "json")) { "model" } else { strategy };
    let json = file(stem, "json");
    if !files.exists(&json) {
        return Err(ModelError::NotFound { path: json });
    }
    let (preferred, other) = (file(stem, "safetensors"), file(stem, "pt"));
    if !files.exists(&preferred) && files.exists(&other) {
        return Ok((json, other));
    }
    Ok((json, preferred))
}

pub(crate) fn read(files: &dyn ReadFiles, path: &Path, limit: u64) -> Result<Vec<u8>, ModelError> {
    files.read(path, limit).map_err(|e| ModelError::from_io(path, limit, &e))
}
