//! Linear models from a manifest: no file of weights, the manifest has them.
//!
//! `weights` are in the order of `features`. With `x` the scaled row and the mean over the window's rows, oldest
//! first:
//!
//! ```text
//! prediction = (bias + sum of weight * mean(x)) * target_scale + target_mean
//! ```

use crate::config::{Config, Raw};
use crate::error::ModelError;
use crate::files::{MAX_JSON_BYTES, ReadFiles, read};
use crate::manifest::{Manifest, ModelKind, fingerprint};
use crate::predictor::{LaneId, Predictor};
use crate::registry::{Place, registered};
use crate::scaler::Lanes;
use std::path::Path;

/// What the linear model `model_ref` below `dir` says about itself.
///
/// # Errors
/// A missing or damaged manifest, or one that holds no linear model.
pub fn inspect_linear(files: &dyn ReadFiles, dir: &Path, model_ref: &str) -> Result<Manifest, ModelError> {
    Ok(Linear::read(files, dir, model_ref)?.manifest)
}

/// The linear model `model_ref` below `dir`, ready to predict.
///
/// # Errors
/// As [`inspect_linear`].
pub fn load_linear(files: &dyn ReadFiles, dir: &Path, model_ref: &str) -> Result<Box<dyn Predictor>, ModelError> {
    Ok(Box::new(Linear::read(files, dir, model_ref)?))
}

struct Linear {
    manifest: Manifest,
    lanes: Lanes,
    weights: Vec<f64>,
    bias: f64,
}

impl Linear {
    fn read(files: &dyn ReadFiles, dir: &Path, model_ref: &str) -> Result<Linear, ModelError> {
        let Some(Place { json: path, .. }) = registered(files, dir, model_ref, &[])? else {
            return Err(ModelError::NotFound { path: crate::registry::folder(dir, model_ref)?.join("manifest.json") });
        };
        let json = read(files, &path, MAX_JSON_BYTES)?;
        let raw = Raw::parse(&path, &json)?;
        let config = Config::new(&path, &raw, "f64")?;
        let Some(kind) = &raw.kind else {
            // What a backfill writes before anything was trained.
            return Err(ModelError::NotFound { path });
        };
        if kind != "linear" {
            return Err(ModelError::UnsupportedArchitecture {
                path,
                what: format!("kind `{kind}` for a linear model"),
            });
        }
        let Some(weights) = raw.weights else { return Err(ModelError::json(&path, "`weights` is missing")) };
        if weights.len() != config.features.len() {
            let (want, got) = (config.features.len(), weights.len());
            return Err(ModelError::FeatureCount { path, what: "`weights`".into(), want, got });
        }
        let manifest = Manifest {
            kind: ModelKind::Linear,
            features: config.features,
            window: config.window,
            symbols: config.lanes.symbols(),
            dtype: "f64".into(),
            fingerprint: fingerprint(&[b"linear", &json]),
            trained: config.trained,
            files: vec![path],
        };
        Ok(Linear { manifest, lanes: config.lanes, weights, bias: raw.bias.unwrap_or(0.0) })
    }
}

impl Predictor for Linear {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn lane(&self, symbol: &str) -> Result<LaneId, ModelError> {
        self.lanes.find(symbol)
    }

    fn predict(&mut self, lane: LaneId, window: &[f64]) -> Result<f64, ModelError> {
        let (rows, n) = (self.manifest.window, self.weights.len());
        if window.len() != rows * n {
            return Err(ModelError::WindowSize { rows, features: n, got: window.len() });
        }
        let (_, scaler) = self.lanes.get(lane)?;
        let mut y = self.bias;
        for (i, weight) in self.weights.iter().enumerate() {
            let scaled = |x: &f64| (x - scaler.feature_mean[i]) / scaler.feature_scale[i];
            let sum: f64 = window.iter().skip(i).step_by(n).map(scaled).sum();
            y += weight * (sum / rows as f64);
        }
        let y = y * scaler.target_scale + scaler.target_mean;
        if y.is_finite() { Ok(y) } else { Err(ModelError::NonFinite { what: "the prediction".into() }) }
    }

    fn rehearse(&mut self) -> Result<(), ModelError> {
        let lane = self.lanes.first();
        let window = self.lanes.plausible(lane, self.manifest.window)?;
        self.predict(lane, &window).map(drop)
    }

    fn predict_scaled(&mut self, _: LaneId, _: &[f32]) -> Result<f32, ModelError> {
        Err(ModelError::Run { message: "a linear model has no net".into() })
    }
}
