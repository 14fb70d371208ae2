//! What can be wrong with a model file, or with what a model is asked.
//!
//! Every message states the fact with the names a reader knows: the file, the tensor, the feature,
//! the symbol. None of them is a panic of a library underneath.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why a model cannot be inspected, loaded or asked for a prediction.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ModelError {
    /// No file at this place.
    #[error("there is no model file `{}`", path.display())]
    NotFound {
        /// The file that was looked for.
        path: PathBuf,
    },
    /// The strategy cannot be a file name.
    #[error("`{name}` cannot be a strategy name: it must be a plain file name without a path")]
    StrategyName {
        /// The name as given.
        name: String,
    },
    /// The reference cannot be the name of a folder.
    #[error("`{name}` cannot be a `model_ref`: it must be `name.strategy`, a plain folder name without a path")]
    ModelRef {
        /// The reference as given.
        name: String,
    },
    /// A link leads out of the folder.
    #[error("`{}` is a link that leads out of `{}`; the files of a model must lie in its folder", path.display(), root.display())]
    Outside {
        /// The link.
        path: PathBuf,
        /// The folder.
        root: PathBuf,
    },
    /// The file is there but cannot be read, or is damaged.
    #[error("`{}` cannot be read: {message}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What was found.
        message: String,
    },
    /// The file is larger than a model of this kind may be.
    #[error("`{}` is larger than the limit of {limit} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit in bytes.
        limit: u64,
    },
    /// The JSON beside the weights is not valid, or says something impossible.
    #[error("`{}`: {message}", path.display())]
    Json {
        /// The JSON file.
        path: PathBuf,
        /// What is wrong, with line and column where the text itself is wrong.
        message: String,
    },
    /// The architecture is not one this crate can run.
    #[error("`{}` describes {what}, which is not supported", path.display())]
    UnsupportedArchitecture {
        /// The JSON file.
        path: PathBuf,
        /// The part that is not supported.
        what: String,
    },
    /// The weights were saved together with another architecture than the JSON states.
    #[error("`{}` was saved with another `{field}` than the JSON beside it states", path.display())]
    ConfigMismatch {
        /// The file with the weights.
        path: PathBuf,
        /// The entry that differs.
        field: &'static str,
    },
    /// A tensor of the architecture is not among the weights.
    #[error("the weights have no tensor `{name}`; they have: {}", list(known))]
    MissingTensor {
        /// The tensor that the architecture needs.
        name: String,
        /// The tensors that are there.
        known: Vec<String>,
    },
    /// A tensor that the architecture does not have.
    #[error("the weights have a tensor `{name}`, which the architecture in the JSON does not use")]
    ExtraTensor {
        /// The tensor.
        name: String,
    },
    /// A tensor of another size than the architecture needs.
    #[error("`{name}` has shape {got:?}, the architecture needs {want:?}")]
    TensorShape {
        /// The tensor, or the input or output of an ONNX graph.
        name: String,
        /// The shape that the JSON asks for.
        want: Vec<usize>,
        /// The shape in the file; in an ONNX graph 0 stands for an open dimension.
        got: Vec<usize>,
    },
    /// A tensor that is not made of 32-bit floats.
    #[error("`{name}` holds {got} values, it must hold {want}")]
    TensorDtype {
        /// The tensor, or the input or output of an ONNX graph.
        name: String,
        /// The type that is needed.
        want: &'static str,
        /// The type in the file.
        got: String,
    },
    /// The `.pt` file holds more than plain tensors.
    #[error("the `.pt` file holds {what}; only a plain `state_dict` of tensors is read")]
    PickleRefused {
        /// The pickle operation or the name that was refused.
        what: String,
    },
    /// The ONNX graph cannot be used.
    #[error("`{}`: {message}", path.display())]
    Onnx {
        /// The ONNX file.
        path: PathBuf,
        /// What is wrong with the graph.
        message: String,
    },
    /// The window handed to the model has the wrong number of values.
    #[error("the model takes {rows} rows of {features} features, {got} values were given")]
    WindowSize {
        /// Rows of the window.
        rows: usize,
        /// Features in a row.
        features: usize,
        /// Values that were given.
        got: usize,
    },
    /// Two places state different numbers of features.
    #[error("`{}`: {what} has {got} entries, the model takes {want} features", path.display())]
    FeatureCount {
        /// The JSON file.
        path: PathBuf,
        /// The list that has the wrong length.
        what: String,
        /// Features of the model.
        want: usize,
        /// Entries of the list.
        got: usize,
    },
    /// The model was not made for this symbol.
    #[error("the model has no scaler for `{symbol}`; it knows: {}", list(known))]
    UnknownSymbol {
        /// The symbol that was asked for.
        symbol: String,
        /// The symbols of the model.
        known: Vec<String>,
    },
    /// A lane that this model did not give out.
    #[error("lane {lane} does not belong to this model")]
    UnknownLane {
        /// The lane's number.
        lane: u32,
    },
    /// A NaN or an infinity where a number must be.
    #[error("{what} is not a finite number")]
    NonFinite {
        /// Where it was found.
        what: String,
    },
    /// The inference library failed on a model that had loaded.
    #[error("the model failed: {message}")]
    Run {
        /// What the library says.
        message: String,
    },
}

impl ModelError {
    /// The error for a file that [`ReadFiles::read`](crate::ReadFiles::read) refused.
    pub(crate) fn from_io(path: &Path, limit: u64, e: &io::Error) -> Self {
        let path = path.to_path_buf();
        match e.kind() {
            io::ErrorKind::NotFound => Self::NotFound { path },
            io::ErrorKind::FileTooLarge => Self::TooLarge { path, limit },
            _ => Self::Unreadable { path, message: e.to_string() },
        }
    }

    pub(crate) fn unreadable(path: &Path, message: impl ToString) -> Self {
        Self::Unreadable { path: path.to_path_buf(), message: message.to_string() }
    }

    pub(crate) fn json(path: &Path, message: impl ToString) -> Self {
        Self::Json { path: path.to_path_buf(), message: message.to_string() }
    }

    pub(crate) fn onnx(path: &Path, message: impl ToString) -> Self {
        Self::Onnx { path: path.to_path_buf(), message: message.to_string() }
    }

    pub(crate) fn run(e: impl ToString) -> Self {
        Self::Run { message: e.to_string() }
    }
}

/// Names for a message; a long list is cut, because nobody reads 200 tensor names.
fn list(names: &[String]) -> String {
    const SHOWN: usize = 12;
    match names.len() {
        0 => "none".to_owned(),
        n if n <= SHOWN => names.join(", "),
        n => format!("{} and {} more", names[..SHOWN].join(", "), n - SHOWN),
    }
}
