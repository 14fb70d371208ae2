//! The JSON beside the weights: architecture, feature order, scaler per symbol.
//!
//! Text in, a checked [`Config`] out. A key that is not listed here is an error, because a misspelt
//! `scaler` would leave the model unscaled; what a training run wants to remember goes under
//! `notes`. Whatever shapes the net shows again in the tensors' shapes.
//!
//! `interval`, `label` and `training` are what `sigc backfill --manifest` writes: where the table
//! came from that the model was trained on.

use std::collections::HashSet;
use std::fmt;
use std::path::Path;

use serde::de::{Error as _, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use sigc_catalog::{Trained, TrainedInput};
use sigc_market::Interval;
use sigc_plan::Fingerprint;

use crate::error::ModelError;
use crate::scaler::{Lane, Lanes, Scaler};

/// Largest size of any one dimension in the JSON; more is a mistake, and would only exhaust memory.
const MAX_DIM: usize = 1 << 16;

/// Most LSTM layers.
const MAX_LAYERS: usize = 64;

/// Most values in a window between two layers.
const MAX_WINDOW_VALUES: usize = 1 << 24;

/// The JSON as written.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Raw {
    pub(crate) kind: Option<String>,
    input: Option<usize>,
    embedding: Option<usize>,
    symbols: Option<Vec<String>>,
    hidden: Option<usize>,
    layers: Option<usize>,
    bidirectional: Option<bool>,
    window: usize,
    head: Option<String>,
    features: Vec<String>,
    scaler: Option<Scalers>,
    dtype: Option<String>,
    interval: Option<String>,
    label: Option<String>,
    training: Option<RawTraining>,
    /// Of a linear model, in the order of `features`.
    pub(crate) weights: Option<Vec<f64>>,
    pub(crate) bias: Option<f64>,
    #[serde(rename = "notes")]
    _notes: Option<IgnoredAny>,
}

/// `training`: what computed the inputs, and where the table came from.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTraining {
    fingerprint: Fingerprint,
    #[serde(default)]
    inputs: Vec<RawInput>,
    #[serde(rename = "pipeline")]
    _pipeline: Option<IgnoredAny>,
    #[serde(rename = "plan")]
    _plan: Option<IgnoredAny>,
    #[serde(rename = "table")]
    _table: Option<IgnoredAny>,
    #[serde(rename = "symbols")]
    _symbols: Option<IgnoredAny>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawInput {
    name: String,
    definition: String,
    fingerprint: Fingerprint,
}

impl Raw {
    pub(crate) fn parse(path: &Path, text: &[u8]) -> Result<Self, ModelError> {
        serde_json::from_slice(text).map_err(|e| ModelError::json(path, e))
    }

    /// The copy that `.safetensors` may carry: whatever else the training run put there is passed over.
    pub(crate) fn parse_copy(text: &[u8]) -> Option<Self> {
        const KNOWN: [&str; 10] = [
            "kind",
            "input",
            "embedding",
            "symbols",
            "hidden",
            "layers",
            "bidirectional",
            "window",
            "head",
            "features",
        ];
        let mut map: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(text).ok()?;
        map.retain(|key, _| KNOWN.contains(&key.as_str()));
        serde_json::from_value(map.into()).ok()
    }

    /// The first entry that decides the net and differs from `other`. The scaler is not part of it.
    pub(crate) fn differs_from(&self, other: &Self) -> Option<&'static str> {
        let same = [
            ("kind", self.kind == other.kind),
            ("input", self.input == other.input),
            ("embedding", self.embedding == other.embedding),
            ("symbols", self.symbols == other.symbols),
            ("hidden", self.hidden == other.hidden),
            ("layers", self.layers == other.layers),
            ("bidirectional", self.bidirectional == other.bidirectional),
            ("window", self.window == other.window),
            ("head", self.head == other.head),
            ("features", self.features == other.features),
        ];
        same.into_iter().find(|(_, same)| !same).map(|(field, _)| field)
    }
}

/// What every kind of model has: a window of named features, and lanes.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) features: Vec<String>,
    pub(crate) window: usize,
    /// The symbols of the embedding, in its order.
    pub(crate) symbols: Option<Vec<String>>,
    pub(crate) lanes: Lanes,
    pub(crate) trained: Trained,
}

/// The sizes of a bidirectional LSTM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LstmSpec {
    pub(crate) features: usize,
    /// Number of symbols and values per symbol.
    pub(crate) embedding: Option<(usize, usize)>,
    pub(crate) hidden: usize,
    pub(crate) layers: usize,
}

impl LstmSpec {
    /// Values per row that enter the first layer.
    pub(crate) fn input(&self) -> usize {
        self.features + self.embedding.map_or(0, |(_, width)| width)
    }
}

impl Config {
    /// `dtype` is the type of this kind of model's weights.
    pub(crate) fn new(path: &Path, raw: &Raw, dtype: &'static str) -> Result<Self, ModelError> {
        let json = |message: String| Err(ModelError::json(path, message));
        let n = raw.features.len();
        dim(path, "features", n)?;
        dim(path, "window", raw.window)?;
        if let Some(name) = repeated(&raw.features) {
            return json(format!("feature `{name}` is listed twice"));
        }
        if let Some(input) = raw.input
            && input != n
        {
            let what = "`features`".to_owned();
            return Err(ModelError::FeatureCount { path: path.into(), what, want: input, got: n });
        }
        values(path, raw.window, n)?;
        if let Some(symbols) = &raw.symbols {
            dim(path, "symbols", symbols.len())?;
            if let Some(name) = repeated(symbols) {
                return json(format!("symbol `{name}` is listed twice"));
            }
        }
        if let Some(got) = raw.dtype.as_ref().filter(|d| *d != dtype) {
            let name = format!("{}: dtype", path.display());
            return Err(ModelError::TensorDtype { name, want: dtype, got: got.clone() });
        }
        let (lanes, trained) = (lanes(path, raw)?, trained(path, raw)?);
        let features = raw.features.clone();
        Ok(Self { features, window: raw.window, symbols: raw.symbols.clone(), lanes, trained })
    }
}

/// The LSTM that the JSON describes; `raw` has passed [`Config::new`].
pub(crate) fn lstm_spec(path: &Path, raw: &Raw) -> Result<LstmSpec, ModelError> {
    let unsupported = |what: String| Err(ModelError::UnsupportedArchitecture { path: path.to_path_buf(), what });
    let needed = |name: &str, value: Option<usize>| {
        let value = value.ok_or_else(|| ModelError::json(path, format!("`{name}` is missing")))?;
        dim(path, name, value)
    };
    let Some(kind) = &raw.kind else { return Err(ModelError::json(path, "`kind` is missing")) };
    let embedding = match (kind.as_str(), &raw.symbols) {
        ("bilstm", None) if raw.embedding.is_none() => None,
        ("bilstm", _) => {
            return unsupported("a `bilstm` with symbols (that is kind `bilstm_unified`)".into());
        }
        ("bilstm_unified", Some(symbols)) => Some((symbols.len(), needed("embedding", raw.embedding)?)),
        ("bilstm_unified", None) => return Err(ModelError::json(path, "`symbols` is missing")),
        (kind, _) => return unsupported(format!("kind `{kind}`")),
    };
    if raw.bidirectional != Some(true) {
        return unsupported("an LSTM that is not `bidirectional`".into());
    }
    let hidden = needed("hidden", raw.hidden)?;
    let layers = needed("layers", raw.layers)?;
    if layers > MAX_LAYERS {
        return unsupported(format!("{layers} layers (at most {MAX_LAYERS})"));
    }
    if let Some(head) = &raw.head
        && *head != head_text(hidden)
    {
        return unsupported(format!("the head `{head}`"));
    }
    let spec = LstmSpec { features: raw.features.len(), embedding, hidden, layers };
    values(path, raw.window, spec.input())?;
    values(path, raw.window, 4 * hidden)?;
    Ok(spec)
}

/// The one head that there is, as the JSON states it.
pub(crate) fn head_text(hidden: usize) -> String {
    format!("linear({}->1) on last step", 2 * hidden)
}

/// `interval`, `label` and `training`, as far as they are there.
fn trained(path: &Path, raw: &Raw) -> Result<Trained, ModelError> {
    let interval = raw
        .interval
        .as_ref()
        .map(|text| Interval::parse(text).map_err(|e| ModelError::json(path, format!("`interval` is `{text}`: {e}"))));
    if let Some(label) = raw.label.as_ref().filter(|l| !["close", "open"].contains(&l.as_str())) {
        return Err(ModelError::json(path, format!("`label` is `{label}`, it must be close or open")));
    }
    let Some(training) = &raw.training else {
        return Ok(Trained { interval: interval.transpose()?, ..Trained::default() });
    };
    let names: Vec<&str> = training.inputs.iter().map(|i| i.name.as_str()).collect();
    if !names.is_empty() && names != raw.features {
        return Err(ModelError::json(path, "`training.inputs` are not the `features`, in their order"));
    }
    let input = |i: &RawInput| TrainedInput {
        name: i.name.clone(),
        definition: i.definition.clone(),
        fingerprint: i.fingerprint,
    };
    Ok(Trained {
        interval: interval.transpose()?,
        fingerprint: Some(training.fingerprint),
        inputs: training.inputs.iter().map(input).collect(),
    })
}

fn lanes(path: &Path, raw: &Raw) -> Result<Lanes, ModelError> {
    let n = raw.features.len();
    let Some(Scalers(scalers)) = &raw.scaler else {
        let Some(symbols) = &raw.symbols else { return Ok(Lanes::Any(Scaler::identity(n))) };
        // An embedding knows only its own symbols, with or without a scaler.
        let lanes = symbols.iter().enumerate().map(|(symbol_id, symbol)| Lane {
            symbol: symbol.clone(),
            symbol_id,
            scaler: Scaler::identity(n),
        });
        return Ok(Lanes::Known(lanes.collect()));
    };
    let mut lanes = Vec::with_capacity(scalers.len());
    for (symbol, scaler) in scalers {
        check_scaler(path, symbol, scaler, &raw.features)?;
        let symbol_id = match &raw.symbols {
            None => 0,
            Some(symbols) => symbols.iter().position(|s| s == symbol).ok_or_else(|| {
                let message = format!("`scaler` has `{symbol}`, which `symbols` does not list");
                ModelError::json(path, message)
            })?,
        };
        lanes.push(Lane { symbol: symbol.clone(), symbol_id, scaler: scaler.clone() });
    }
    Ok(Lanes::Known(lanes))
}

fn check_scaler(path: &Path, symbol: &str, s: &Scaler, features: &[String]) -> Result<(), ModelError> {
    for (name, list) in [("feature_mean", &s.feature_mean), ("feature_scale", &s.feature_scale)] {
        if list.len() != features.len() {
            return Err(ModelError::FeatureCount {
                path: path.to_path_buf(),
                what: format!("`{name}` of `{symbol}`"),
                want: features.len(),
                got: list.len(),
            });
        }
    }
    let scales = features.iter().map(String::as_str).zip(s.feature_scale.iter().copied());
    for (name, scale) in scales.chain([("target", s.target_scale)]) {
        if scale <= 0.0 {
            let message = format!("the scale of `{name}` for `{symbol}` is {scale}, it must be positive");
            return Err(ModelError::json(path, message));
        }
    }
    Ok(())
}

fn dim(path: &Path, name: &str, value: usize) -> Result<usize, ModelError> {
    if (1..=MAX_DIM).contains(&value) {
        return Ok(value);
    }
    Err(ModelError::json(path, format!("`{name}` is {value}, it must be 1 to {MAX_DIM}")))
}

fn values(path: &Path, rows: usize, width: usize) -> Result<(), ModelError> {
    if rows.saturating_mul(width) <= MAX_WINDOW_VALUES {
        return Ok(());
    }
    let message = format!("a window of {rows} rows with {width} values each is too large");
    Err(ModelError::json(path, message))
}

fn repeated(names: &[String]) -> Option<&String> {
    let mut seen = HashSet::new();
    names.iter().find(|name| !seen.insert(name.as_str()))
}

/// `scaler` in the order of the file. A symbol listed twice is an error, not the last one wins.
#[derive(Debug, Clone, PartialEq)]
struct Scalers(Vec<(String, Scaler)>);

impl<'de> Deserialize<'de> for Scalers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;

        impl<'de> Visitor<'de> for Pairs {
            type Value = Scalers;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("one scaler per symbol")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Scalers, A::Error> {
                let mut seen = HashSet::new();
                let mut pairs = Vec::new();
                while let Some((symbol, scaler)) = map.next_entry::<String, Scaler>()? {
                    if !seen.insert(symbol.clone()) {
                        return Err(A::Error::custom(format!("`{symbol}` has two scalers")));
                    }
                    pairs.push((symbol, scaler));
                }
                Ok(Scalers(pairs))
            }
        }

        deserializer.deserialize_map(Pairs)
    }
}
