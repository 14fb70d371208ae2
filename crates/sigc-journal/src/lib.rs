//! The crash-safe store of a live run.
