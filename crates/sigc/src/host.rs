//! The machine's files, as the compiler may ask for them.

use sigc_catalog::Host;
use sigc_models::{OsFiles, ReadFiles};
use std::io;
use std::path::{Path, PathBuf};

/// Files of the operating system; only regular ones are read.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsHost;

impl Host for OsHost {
    fn read(&self, path: &Path, max_bytes: u64) -> io::Result<Vec<u8>> {
        OsFiles.read(path, max_bytes)
    }
    fn exists(&self, path: &Path) -> bool {
        OsFiles.exists(path)
    }
    fn real(&self, path: &Path) -> io::Result<PathBuf> {
        OsFiles.real(path)
    }
}
