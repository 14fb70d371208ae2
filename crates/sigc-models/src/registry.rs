//! Where the files of a model are.
//!
//! ```text
//! CHECKPOINT_DIR/NAME.STRATEGY/manifest.json      the registry: a folder per `model_ref`
//!                              model.safetensors  or model.pt, or model.onnx; none for a linear model
//! CHECKPOINT_DIR/STRATEGY.json                    a plain folder of checkpoints
//!                STRATEGY.safetensors             or STRATEGY.pt
//! ```
//!
//! A name from a pipeline is only ever one part of a path, and a link must not lead out of the folder: whoever may
//! write below `checkpoint_dir` decides about the models, nobody else.

use std::path::{Path, PathBuf};

use crate::error::ModelError;
use crate::files::ReadFiles;

/// Name of the JSON in a registry folder.
pub const MANIFEST: &str = "manifest.json";
/// Name of the weights in a registry folder, without the extension.
pub const WEIGHTS: &str = "model";
/// Extensions of weights, in the order in which they are looked for.
pub const EXTENSIONS: [&str; 3] = ["safetensors", "pt", "onnx"];

/// The files of one model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// The manifest.
    pub(crate) json: PathBuf,
    /// The weights; for a model without, the manifest again.
    pub(crate) weights: PathBuf,
}

/// The registry folder of `model_ref` below `dir`, whether it is there or not.
///
/// # Errors
/// [`ModelError::ModelRef`] for a name that could lead elsewhere.
pub fn folder(dir: &Path, model_ref: &str) -> Result<PathBuf, ModelError> {
    if !plain(model_ref) {
        return Err(ModelError::ModelRef { name: model_ref.to_owned() });
    }
    Ok(dir.join(model_ref))
}

/// Weights in a registry folder.
pub fn weights_in(files: &dyn ReadFiles, folder: &Path) -> Option<PathBuf> {
    EXTENSIONS.iter().map(|e| folder.join(format!("{WEIGHTS}.{e}"))).find(|path| files.exists(path))
}

/// The files of a model in the registry, with weights of one of these kinds; `None` if the registry has no such model.
pub(crate) fn registered(
    files: &dyn ReadFiles,
    dir: &Path,
    model_ref: &str,
    extensions: &[&str],
) -> Result<Option<Place>, ModelError> {
    let folder = folder(dir, model_ref)?;
    let json = folder.join(MANIFEST);
    if !files.exists(&json) {
        return Ok(None);
    }
    let weights = match extensions.first() {
        None => json.clone(),
        Some(first) => {
            let file = |e: &str| folder.join(format!("{WEIGHTS}.{e}"));
            let found = extensions.iter().map(|e| file(e)).find(|path| files.exists(path));
            found.unwrap_or_else(|| file(first))
        }
    };
    let place = Place { json, weights };
    within(files, dir, &place)?;
    Ok(Some(place))
}

/// The files of a strategy in a plain folder: `STRATEGY.json`, or `model.json` where nothing has that name.
pub(crate) fn plain_files(files: &dyn ReadFiles, dir: &Path, strategy: &str) -> Result<Place, ModelError> {
    if !plain(strategy) {
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
    let weights = if !files.exists(&preferred) && files.exists(&other) { other } else { preferred };
    let place = Place { json, weights };
    within(files, dir, &place)?;
    Ok(place)
}

/// One part of a path, and not a hidden one.
fn plain(name: &str) -> bool {
    !name.is_empty() && name.len() <= 200 && !name.contains(['/', '\\', '\0']) && !name.starts_with('.')
}

/// Links may point to other places below the folder, such as `current -> v7`, but not out of it.
fn within(files: &dyn ReadFiles, dir: &Path, place: &Place) -> Result<(), ModelError> {
    for path in [&place.json, &place.weights] {
        if !files.exists(path) {
            continue;
        }
        let real = |path: &Path| files.real(path).map_err(|e| ModelError::unreadable(path, e));
        let (root, file) = (real(dir)?, real(path)?);
        if !file.starts_with(&root) {
            return Err(ModelError::Outside { path: path.clone(), root: dir.to_path_buf() });
        }
    }
    Ok(())
}
