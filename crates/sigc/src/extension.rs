//! What a program of one's own adds to `sigc`: its steps and its sinks.
//!
//! A crate with a feature or a sink of its own is built into a program of its own whose `main` is
//! [`run_with`](crate::run_with): all commands then know the steps as they know the built-in ones.

use sigc_catalog::Step;
use sigc_runtime::Driver;
use std::sync::OnceLock;

/// Steps and sinks beside the built-in ones.
#[derive(Debug, Clone, Default)]
pub struct Extension {
    /// Steps for the catalog; a sink's step among them.
    pub steps: Vec<Step>,
    /// Drivers of the sinks.
    pub sinks: Vec<&'static Driver>,
}

static EXTENSION: OnceLock<Extension> = OnceLock::new();

/// Adds to this program, before its first command; later calls change nothing.
pub(crate) fn extend(extension: Extension) {
    EXTENSION.get_or_init(|| extension);
}

/// What was added.
pub(crate) fn extension() -> &'static Extension {
    EXTENSION.get_or_init(Extension::default)
}
