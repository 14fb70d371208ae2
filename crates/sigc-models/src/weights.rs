//! Named tensors from a `.safetensors` or `.pt` file, and their check against the architecture.

use std::collections::BTreeMap;
use std::path::Path;

use safetensors::{Dtype, SafeTensors};

use crate::config::{LstmSpec, Raw};
use crate::error::ModelError;
use crate::torch_zip;

/// A tensor of 32-bit floats, row-major.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RawTensor {
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Vec<f32>,
}

/// Tensors by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Weights {
    tensors: BTreeMap<String, RawTensor>,
}

/// Little-endian bytes as floats; bytes beyond the last whole float are left out.
pub(crate) fn le_floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
}

impl Weights {
    /// Reads a file by its extension: `.safetensors`, and `.pt` otherwise. Where the file carries
    /// the JSON it was saved with, that must agree with `raw`.
    pub(crate) fn read(path: &Path, bytes: &[u8], raw: &Raw) -> Result<Self, ModelError> {
        if path.extension().is_some_and(|e| e == "safetensors") {
            read_safetensors(path, bytes, raw)
        } else {
            torch_zip::read(path, bytes)
        }
    }

    pub(crate) fn insert(&mut self, name: &str, tensor: RawTensor) {
        self.tensors.insert(name.to_owned(), tensor);
    }

    /// Every tensor of the architecture is there with its shape and finite values, and no other.
    pub(crate) fn check(&self, spec: &LstmSpec) -> Result<(), ModelError> {
        let wanted = tensors_of(spec);
        for (name, want) in &wanted {
            let Some(tensor) = self.tensors.get(name) else {
                let known = self.tensors.keys().cloned().collect();
                return Err(ModelError::MissingTensor { name: name.clone(), known });
            };
            if tensor.shape != *want {
                let (name, want, got) = (name.clone(), want.clone(), tensor.shape.clone());
                return Err(ModelError::TensorShape { name, want, got });
            }
            if let Some(i) = tensor.values.iter().position(|v| !v.is_finite()) {
                return Err(ModelError::NonFinite { what: format!("value {i} of tensor `{name}`") });
            }
        }
        let extra = self.tensors.keys().find(|name| !wanted.iter().any(|(w, _)| w == *name));
        extra.map_or(Ok(()), |name| Err(ModelError::ExtraTensor { name: name.clone() }))
    }

    /// Takes a tensor out. The caller has run [`Weights::check`] with the architecture it asks for.
    pub(crate) fn take(&mut self, name: &str) -> Result<RawTensor, ModelError> {
        self.tensors.remove(name).ok_or_else(|| ModelError::MissingTensor {
            name: name.to_owned(),
            known: self.tensors.keys().cloned().collect(),
        })
    }
}

/// Names and shapes as PyTorch's `nn.LSTM`, `nn.Embedding` and `nn.Linear` give them.
pub(crate) fn tensors_of(spec: &LstmSpec) -> Vec<(String, Vec<usize>)> {
    let hidden = spec.hidden;
    let mut tensors = Vec::new();
    if let Some((symbols, width)) = spec.embedding {
        tensors.push(("embed.weight".to_owned(), vec![symbols, width]));
    }
    for layer in 0..spec.layers {
        let input = if layer == 0 { spec.input() } else { 2 * hidden };
        for suffix in ["", "_reverse"] {
            let mut add = |part: &str, shape: Vec<usize>| {
                tensors.push((format!("lstm.{part}_l{layer}{suffix}"), shape));
            };
            add("weight_ih", vec![4 * hidden, input]);
            add("weight_hh", vec![4 * hidden, hidden]);
            add("bias_ih", vec![4 * hidden]);
            add("bias_hh", vec![4 * hidden]);
        }
    }
    tensors.push(("head.weight".to_owned(), vec![1, 2 * hidden]));
    tensors.push(("head.bias".to_owned(), vec![1]));
    tensors
}

fn read_safetensors(path: &Path, bytes: &[u8], raw: &Raw) -> Result<Weights, ModelError> {
    let damaged = |e| ModelError::unreadable(path, format!("it is not a safetensors file ({e})"));
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(damaged)?;
    // The same names and shapes fit any order of the features, so only this copy can tell.
    if let Some(config) = metadata.metadata().as_ref().and_then(|m| m.get("config"))
        && let Some(saved) = Raw::parse_copy(config.as_bytes())
        && let Some(field) = raw.differs_from(&saved)
    {
        return Err(ModelError::ConfigMismatch { path: path.to_path_buf(), field });
    }
    let mut weights = Weights::default();
    let tensors = SafeTensors::deserialize(bytes).map_err(damaged)?;
    // In the order of their names, so that of several wrong tensors the same one is named every time.
    let mut names = tensors.names();
    names.sort_unstable();
    for name in names {
        let view = tensors.tensor(name).map_err(damaged)?;
        if view.dtype() != Dtype::F32 {
            let got = format!("{:?}", view.dtype()).to_lowercase();
            return Err(ModelError::TensorDtype { name: name.to_owned(), want: "f32", got });
        }
        let (shape, values) = (view.shape().to_vec(), le_floats(view.data()));
        weights.insert(name, RawTensor { shape, values });
    }
    Ok(weights)
}
