//! Makes small BiLSTM checkpoints from a seed, for examples and tests.
//!
//! The weights are drawn at random and mean nothing; what matters is that the same spec gives the
//! same bytes on every machine, so that an example can be checked in together with its output.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::Path;

use safetensors::serialize;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Map, Value, json};
use sigc_catalog::Trained;

use crate::config::{LstmSpec, head_text};
use crate::scaler::Scaler;
use crate::weights::tensors_of;

/// What [`write_checkpoint`] makes.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckpointSpec {
    /// Name of the two files, without the extension.
    pub strategy: String,
    /// The features in their order.
    pub features: Vec<String>,
    /// Rows of a window.
    pub window: usize,
    /// Width of the LSTM, per direction.
    pub hidden: usize,
    /// Layers of the LSTM.
    pub layers: usize,
    /// The symbols with their scalers; none at all leaves the scaler out, and any symbol will do.
    pub symbols: Vec<(String, Scaler)>,
    /// Decides the weights.
    pub seed: u64,
    /// What it is said to have been trained on; nothing is said where there is no fingerprint.
    pub trained: Trained,
}

/// Writes `STRATEGY.json` and `STRATEGY.safetensors` into `dir`, which is made if need be.
///
/// # Errors
/// `InvalidInput` for a spec that no model can have, and whatever hinders writing.
pub fn write_checkpoint(dir: &Path, spec: &CheckpointSpec) -> io::Result<()> {
    check(spec)?;
    let lstm = LstmSpec { features: spec.features.len(), embedding: None, hidden: spec.hidden, layers: spec.layers };
    let config = config(spec);
    let mut tensors = Vec::new();
    let mut random = SplitMix64(spec.seed);
    // PyTorch's own range for the weights of an LSTM.
    let bound = 1.0 / (spec.hidden as f64).sqrt();
    for (name, shape) in tensors_of(&lstm) {
        let n = shape.iter().product();
        let values = (0..n).map(|_| ((2.0 * random.unit() - 1.0) * bound) as f32);
        let bytes: Vec<u8> = values.flat_map(f32::to_le_bytes).collect();
        tensors.push((name, shape, bytes));
    }
    let views = tensors.iter().map(|(name, shape, bytes)| {
        let view = TensorView::new(Dtype::F32, shape.clone(), bytes).map_err(io::Error::other)?;
        Ok((name.as_str(), view))
    });
    let views = views.collect::<io::Result<Vec<_>>>()?;
    // One entry only: several would be written in the random order of a hash map.
    let metadata = HashMap::from([("config".to_owned(), Value::Object(config.clone()).to_string())]);
    let weights = serialize(views, Some(metadata)).map_err(io::Error::other)?;

    let mut text = config;
    if !spec.symbols.is_empty() {
        let scalers = spec.symbols.iter().map(|(symbol, s)| (symbol.clone(), json!(s)));
        text.insert("scaler".to_owned(), Value::Object(scalers.collect()));
    }
    text.extend(spec.trained.to_manifest());
    let mut text = serde_json::to_string_pretty(&text)?;
    text.push('\n');
    fs::create_dir_all(dir)?;
    fs::write(dir.join(format!("{}.safetensors", spec.strategy)), weights)?;
    fs::write(dir.join(format!("{}.json", spec.strategy)), text)
}

fn config(spec: &CheckpointSpec) -> Map<String, Value> {
    let entries = [
        ("kind", json!("bilstm")),
        ("input", json!(spec.features.len())),
        ("hidden", json!(spec.hidden)),
        ("layers", json!(spec.layers)),
        ("bidirectional", json!(true)),
        ("window", json!(spec.window)),
        ("head", json!(head_text(spec.hidden))),
        ("features", json!(spec.features)),
    ];
    entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn check(spec: &CheckpointSpec) -> io::Result<()> {
    let n = spec.features.len();
    let whole = |s: &Scaler| s.feature_mean.len() == n && s.feature_scale.len() == n;
    let scales = |s: &Scaler| {
        let means = s.feature_mean.iter().chain([&s.target_mean]);
        let scales = s.feature_scale.iter().chain([&s.target_scale]);
        means.chain(scales.clone()).all(|x| x.is_finite()) && scales.into_iter().all(|x| *x > 0.0)
    };
    let wrong = if spec.strategy.is_empty() || spec.strategy.contains(['/', '\\']) {
        "the strategy must be a plain file name"
    } else if n == 0 || spec.window == 0 || spec.hidden == 0 || spec.layers == 0 {
        "features, window, hidden and layers must be at least 1"
    } else if !spec.symbols.iter().all(|(_, s)| whole(s)) {
        "a scaler needs one mean and one scale per feature"
    } else if !spec.symbols.iter().all(|(_, s)| scales(s)) {
        "means must be finite and scales positive"
    } else {
        return Ok(());
    };
    Err(io::Error::new(io::ErrorKind::InvalidInput, wrong))
}

/// Sebastiano Vigna's splitmix64; chosen because it is five lines and the same everywhere.
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 up to but not including 1, with 53 random bits.
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::SplitMix64;

    /// First outputs for seed 1234567, from the reference implementation's published test vector.
    #[test]
    fn splitmix64_matches_its_published_values() {
        let mut random = SplitMix64(1_234_567);
        let got = [random.next(), random.next(), random.next()];
        assert_eq!(got, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }
}
