//! What the checks may ask of the machine.

use std::io;
use std::path::{Path, PathBuf};

/// Files, handed in from outside: the checks themselves do no I/O.
pub trait Host {
    /// The whole file; an error if it is longer than `max_bytes` or not a regular file.
    fn read(&self, path: &Path, max_bytes: u64) -> io::Result<Vec<u8>>;
    /// True if the path is there.
    fn exists(&self, path: &Path) -> bool;
    /// The path with all links followed; as it is where there are none.
    fn real(&self, path: &Path) -> io::Result<PathBuf> {
        Ok(path.to_path_buf())
    }
}

/// A machine without files.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoFiles;

impl Host for NoFiles {
    fn read(&self, _: &Path, _: u64) -> io::Result<Vec<u8>> {
        Err(io::ErrorKind::NotFound.into())
    }
    fn exists(&self, _: &Path) -> bool {
        false
    }
}
