//! What a model says about itself, read without running it.

use std::path::PathBuf;

use sigc_catalog::Trained;

/// Which kind of net a model is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelKind {
    /// A bidirectional LSTM whose input is the features alone.
    Bilstm,
    /// A bidirectional LSTM for several symbols; an embedding of the symbol joins every row.
    BilstmUnified,
    /// An ONNX graph.
    Onnx,
    /// A weighted sum.
    Linear,
}

/// What a model says about itself. Reading it parses the JSON and the header of the weights, and
/// reads the bytes once for the fingerprint; nothing is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The kind of net.
    pub kind: ModelKind,
    /// The features of a row, in the order in which the net takes them.
    pub features: Vec<String>,
    /// Rows of a window.
    pub window: usize,
    /// The symbols that the model can be asked for, in the file's order; `None` where any will do.
    pub symbols: Option<Vec<String>>,
    /// Type of the weights: `f32`, or `f64` of a linear model.
    pub dtype: String,
    /// blake3 in hex over the kind and all bytes that can change a prediction.
    pub fingerprint: String,
    /// What it says of the data it was trained on.
    pub trained: Trained,
    /// The files that were read: the JSON, then the weights.
    pub files: Vec<PathBuf>,
}

/// blake3 over the parts, each after its length, so that bytes cannot move from one to the next.
pub(crate) fn fingerprint(parts: &[&[u8]]) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize().to_hex().to_string()
}
