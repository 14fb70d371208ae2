//! The catalog of this program: every step of every crate.

use crate::extension::extension;
use sigc_catalog::Catalog;

/// All steps.
pub fn catalog() -> Catalog {
    Catalog::new()
        .with(sigc_library::steps())
        .with(sigc_connectors::steps())
        .with(sigc_models::steps::steps())
        .with(extension().steps.iter().copied())
}
