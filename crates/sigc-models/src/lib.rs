//! Model inference: PyTorch BiLSTM checkpoints, ONNX graphs and weighted sums.
//!
//! A model is a file with weights and a JSON beside it that says which features it takes, over how
//! many rows, and how they are scaled for each symbol. [`inspect_bilstm`] and [`inspect_onnx`] read
//! what it says about itself ([`Manifest`]) without running it; [`load_bilstm`] and [`load_onnx`]
//! give a [`Predictor`].
//!
//! ```text
//! raw window (f64) --(x - mean) / scale--> f32 --net--> f32 --* scale + mean--> prediction (f64)
//! ```
//!
//! **The JSON** has `features`, `window` and, for a BiLSTM, `kind` (`bilstm` or `bilstm_unified`),
//! `hidden`, `layers`, `bidirectional: true`; `bilstm_unified` adds `symbols` and `embedding`.
//! `scaler` maps each symbol to `feature_mean`, `feature_scale`, `target_mean` and `target_scale`.
//! A symbol without an entry is an error. Without any `scaler` nothing is scaled, and every symbol
//! will do (with `symbols`: those of the list). `interval` and `training` tell what data it was
//! trained on ([`sigc_catalog::Trained`]); `notes` may hold anything. Other keys are refused.
//!
//! **What must stay true.** A prediction depends on the window and the lane alone: one window at a
//! time, no state between calls, so history and live give the same bits on the same machine. No
//! file is trusted: a `.pt` is read by a machine that knows tensors and can call nothing, sizes are
//! checked before memory is asked for, and damage is an error with a name.
//!
//! | module | holds |
//! | --- | --- |
//! | [`registry`] | where the files are |
//! | `config`, `scaler` | the JSON, checked; scaling |
//! | `weights`, `torch_zip`, `pickle` | tensors from `.safetensors` and `.pt` |
//! | `net`, `bilstm` | the BiLSTM and its checkpoints |
//! | `onnx_graph`, `onnx` | ONNX graphs |
//! | `linear` | weighted sums |
//! | [`steps`] | the catalog's model steps, and loading a plan's models |
//! | [`fixture`] | small checkpoints from a seed |

mod bilstm;
mod config;
mod error;
mod files;
pub mod fixture;
mod linear;
mod manifest;
mod net;
mod onnx;
mod onnx_graph;
mod pickle;
mod predictor;
pub mod registry;
mod scaler;
pub mod steps;
mod torch_zip;
mod weights;

pub use bilstm::{inspect_bilstm, inspect_bilstm_of, load_bilstm, load_bilstm_of};
pub use error::ModelError;
pub use files::{MAX_JSON_BYTES, MAX_WEIGHTS_BYTES, OsFiles, ReadFiles};
pub use linear::{inspect_linear, load_linear};
pub use manifest::{Manifest, ModelKind};
pub use onnx::{inspect_onnx, inspect_onnx_of, load_onnx, load_onnx_of};
pub use predictor::{LaneId, Predictor};
pub use scaler::Scaler;
