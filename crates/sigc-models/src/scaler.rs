//! From raw features to what the net takes, and from its output back to the target's unit.
//!
//! All arithmetic is in `f64`; the scaled value is cast to `f32` once, last. The net was trained on
//! numbers made this way, so any other order would ask it about slightly different ones.

use serde::{Deserialize, Serialize};

use crate::error::ModelError;
use crate::predictor::LaneId;

/// Mean and scale of every feature and of the target, of one symbol.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scaler {
    /// One mean per feature, in the model's order.
    pub feature_mean: Vec<f64>,
    /// One scale per feature, greater than zero.
    pub feature_scale: Vec<f64>,
    /// Mean of the target.
    pub target_mean: f64,
    /// Scale of the target, greater than zero.
    pub target_scale: f64,
}

impl Scaler {
    /// The scaler that changes nothing.
    #[must_use]
    pub fn identity(features: usize) -> Self {
        Self {
            feature_mean: vec![0.0; features],
            feature_scale: vec![1.0; features],
            target_mean: 0.0,
            target_scale: 1.0,
        }
    }

    /// `(x - mean) / scale` of a row-major window, appended to `out` after clearing it.
    /// `features` names the place in an error.
    pub(crate) fn scale(&self, window: &[f64], features: &[String], out: &mut Vec<f32>) -> Result<(), ModelError> {
        out.clear();
        for (row_idx, row) in window.chunks_exact(features.len()).enumerate() {
            for (i, &x) in row.iter().enumerate() {
                let scaled = ((x - self.feature_mean[i]) / self.feature_scale[i]) as f32;
                if !scaled.is_finite() {
                    let state = if x.is_finite() { "scaled " } else { "" };
                    return Err(ModelError::NonFinite {
                        what: format!("{state}`{}` in row {row_idx} of the window", features[i]),
                    });
                }
                out.push(scaled);
            }
        }
        Ok(())
    }

    /// The net's output in the unit of the target.
    pub(crate) fn denormalise(&self, prediction: f32) -> Result<f64, ModelError> {
        let y = f64::from(prediction) * self.target_scale + self.target_mean;
        if y.is_finite() { Ok(y) } else { Err(ModelError::NonFinite { what: "the prediction".into() }) }
    }
}

/// What a model keeps per symbol.
#[derive(Debug, Clone)]
pub(crate) struct Lane {
    pub(crate) symbol: String,
    /// Index into the embedding; 0 where there is none.
    pub(crate) symbol_id: usize,
    pub(crate) scaler: Scaler,
}

/// The lanes of a model: one per known symbol, or a single one for any symbol.
#[derive(Debug, Clone)]
pub(crate) enum Lanes {
    /// Identity scaling, no embedding.
    Any(Scaler),
    /// Only these symbols.
    Known(Vec<Lane>),
}

impl Lanes {
    pub(crate) fn symbols(&self) -> Option<Vec<String>> {
        match self {
            Self::Any(_) => None,
            Self::Known(lanes) => Some(lanes.iter().map(|l| l.symbol.clone()).collect()),
        }
    }

    pub(crate) fn find(&self, symbol: &str) -> Result<LaneId, ModelError> {
        let Self::Known(lanes) = self else { return Ok(LaneId(0)) };
        let found = lanes.iter().position(|l| l.symbol == symbol);
        found.and_then(|i| u32::try_from(i).ok()).map(LaneId).ok_or_else(|| ModelError::UnknownSymbol {
            symbol: symbol.to_owned(),
            known: lanes.iter().map(|l| l.symbol.clone()).collect(),
        })
    }

    /// A lane that is always there.
    pub(crate) fn first(&self) -> LaneId {
        LaneId(0)
    }

    /// A window as the lane may see it: every feature around its mean, within its scale, no two rows alike, because
    /// some models divide by the spread of a window.
    pub(crate) fn plausible(&self, lane: LaneId, rows: usize) -> Result<Vec<f64>, ModelError> {
        let (_, scaler) = self.get(lane)?;
        let n = scaler.feature_mean.len();
        let wave = |k: usize| ((k % 7) as f64 - 3.0) / 4.0;
        let cell = |k: usize| scaler.feature_mean[k % n] + scaler.feature_scale[k % n] * wave(k / n + k % n);
        Ok((0..rows * n).map(cell).collect())
    }

    /// Embedding index and scaler of a lane.
    pub(crate) fn get(&self, lane: LaneId) -> Result<(usize, &Scaler), ModelError> {
        let unknown = || ModelError::UnknownLane { lane: lane.0 };
        match self {
            Self::Any(scaler) if lane.0 == 0 => Ok((0, scaler)),
            Self::Any(_) => Err(unknown()),
            Self::Known(lanes) => {
                let lane = lanes.get(lane.0 as usize).ok_or_else(unknown)?;
                Ok((lane.symbol_id, &lane.scaler))
            }
        }
    }
}
