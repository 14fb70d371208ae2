//! BiLSTM checkpoints: a manifest and the weights beside it; [`crate::registry`] says where.

use std::path::Path;

use crate::config::{Config, LstmSpec, Raw, lstm_spec};
use crate::error::ModelError;
use crate::files::{MAX_JSON_BYTES, MAX_WEIGHTS_BYTES, ReadFiles, read};
use crate::manifest::{Manifest, ModelKind, fingerprint};
use crate::net::BilstmNet;
use crate::predictor::{Predictor, ScaledNet};
use crate::registry::{Place, plain_files, registered};
use crate::scaler::Lanes;
use crate::weights::Weights;

/// What the checkpoint of `strategy` in `dir` says about itself.
///
/// # Errors
/// Whatever would hinder [`load_bilstm`]: a missing or damaged file, an architecture that is not
/// supported, tensors that do not fit the JSON.
pub fn inspect_bilstm(files: &dyn ReadFiles, dir: &Path, strategy: &str) -> Result<Manifest, ModelError> {
    inspect_bilstm_of(files, dir, None, strategy)
}

/// [`inspect_bilstm`], looked for in the registry first if there is a `model_ref`.
///
/// # Errors
/// As [`inspect_bilstm`].
pub fn inspect_bilstm_of(
    files: &dyn ReadFiles,
    dir: &Path,
    model_ref: Option<&str>,
    strategy: &str,
) -> Result<Manifest, ModelError> {
    Ok(Checkpoint::read(files, &place(files, dir, model_ref, strategy)?)?.manifest)
}

/// The checkpoint of `strategy` in `dir`, ready to predict.
///
/// # Errors
/// As [`inspect_bilstm`].
pub fn load_bilstm(files: &dyn ReadFiles, dir: &Path, strategy: &str) -> Result<Box<dyn Predictor>, ModelError> {
    load_bilstm_of(files, dir, None, strategy)
}

/// [`load_bilstm`], looked for in the registry first if there is a `model_ref`.
///
/// # Errors
/// As [`inspect_bilstm`].
pub fn load_bilstm_of(
    files: &dyn ReadFiles,
    dir: &Path,
    model_ref: Option<&str>,
    strategy: &str,
) -> Result<Box<dyn Predictor>, ModelError> {
    let Checkpoint { manifest, lanes, spec, weights } =
        Checkpoint::read(files, &place(files, dir, model_ref, strategy)?)?;
    let net = BilstmNet::new(&spec, weights)?;
    Ok(Box::new(ScaledNet::new(manifest, lanes, net)?))
}

fn place(files: &dyn ReadFiles, dir: &Path, model_ref: Option<&str>, strategy: &str) -> Result<Place, ModelError> {
    if let Some(model_ref) = model_ref
        && let Some(place) = registered(files, dir, model_ref, &["safetensors", "pt"])?
    {
        return Ok(place);
    }
    plain_files(files, dir, strategy)
}

/// A checkpoint whose parts fit together.
struct Checkpoint {
    manifest: Manifest,
    lanes: Lanes,
    spec: LstmSpec,
    weights: Weights,
}

impl Checkpoint {
    fn read(files: &dyn ReadFiles, place: &Place) -> Result<Self, ModelError> {
        let Place { json: json_path, weights: weights_path } = place.clone();
        let json = read(files, &json_path, MAX_JSON_BYTES)?;
        let raw = Raw::parse(&json_path, &json)?;
        let config = Config::new(&json_path, &raw, "f32")?;
        if raw.kind.is_none() && !files.exists(&weights_path) {
            // What a backfill writes before anything was trained.
            return Err(ModelError::NotFound { path: weights_path });
        }
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
            trained: config.trained,
            files: vec![json_path, weights_path],
        };
        Ok(Self { manifest, lanes: config.lanes, spec, weights })
    }
}
