//! From the catalog's view of files to this crate's, and from model errors to what a check reports.

use crate::{Manifest, ModelError, ReadFiles};
use sigc_catalog::{Host, ModelFacts, ModelProblem};
use std::io;
use std::path::{Path, PathBuf};

/// The host's files as [`ReadFiles`].
pub(super) struct HostFiles<'a>(pub &'a dyn Host);

impl ReadFiles for HostFiles<'_> {
    fn read(&self, path: &Path, max_bytes: u64) -> io::Result<Vec<u8>> {
        self.0.read(path, max_bytes)
    }
    fn exists(&self, path: &Path) -> bool {
        self.0.exists(path)
    }
    fn real(&self, path: &Path) -> io::Result<PathBuf> {
        self.0.real(path)
    }
}

/// A manifest as the facts a check compares, or the reason why there is none.
pub(super) fn facts(found: Result<Manifest, ModelError>, param: &'static str) -> Result<ModelFacts, ModelProblem> {
    match found {
        Ok(m) => Ok(ModelFacts {
            window: u32::try_from(m.window).ok(),
            features: Some(m.features),
            symbols: m.symbols,
            dtype: m.dtype,
            fingerprint: m.fingerprint,
            trained: Some(m.trained),
        }),
        Err(ModelError::NotFound { path }) => Err(ModelProblem::Missing { path: path.display().to_string(), param }),
        Err(error @ ModelError::TensorDtype { .. }) => Err(ModelProblem::Dtype { param, message: error.to_string() }),
        Err(error) => Err(ModelProblem::Bad { param, message: error.to_string() }),
    }
}
