//! How model files are read: through [`ReadFiles`], so that a check can run without a disk.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::error::ModelError;

/// Largest weights or ONNX file that is read, in bytes.
pub const MAX_WEIGHTS_BYTES: u64 = 512 << 20;

/// Largest JSON file that is read, in bytes.
pub const MAX_JSON_BYTES: u64 = 16 << 20;

/// Access to files by path. [`OsFiles`] reads the disk; a check may bring its own.
pub trait ReadFiles {
    /// All bytes of the file, at most `max_bytes`.
    ///
    /// # Errors
    /// `NotFound` where nothing is there, `FileTooLarge` where the file has more than `max_bytes`,
    /// and whatever else hinders reading.
    fn read(&self, path: &Path, max_bytes: u64) -> io::Result<Vec<u8>>;

    /// Whether a file is there.
    fn exists(&self, path: &Path) -> bool;

    /// The path with all links followed; as it is where there are none.
    ///
    /// # Errors
    /// Where nothing is there, or a folder on the way cannot be read.
    fn real(&self, path: &Path) -> io::Result<PathBuf> {
        Ok(path.to_path_buf())
    }
}

/// [`ReadFiles::read`] with this crate's errors.
pub(crate) fn read(files: &dyn ReadFiles, path: &Path, limit: u64) -> Result<Vec<u8>, ModelError> {
    files.read(path, limit).map_err(|e| ModelError::from_io(path, limit, &e))
}

/// The files of the operating system. Only regular files are read: a pipe could block for ever.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsFiles;

impl ReadFiles for OsFiles {
    fn read(&self, path: &Path, max_bytes: u64) -> io::Result<Vec<u8>> {
        // Asked before opening, because opening a pipe already waits for its other end.
        let meta = fs::metadata(path)?;
        if !meta.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        if meta.len() > max_bytes {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let mut bytes = Vec::new();
        // One byte more than allowed, so that a file that grew meanwhile is noticed.
        File::open(path)?.take(max_bytes.saturating_add(1)).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > max_bytes {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(bytes)
    }

    fn exists(&self, path: &Path) -> bool {
        path.is_file()
    }

    fn real(&self, path: &Path) -> io::Result<PathBuf> {
        // An empty path is the working folder.
        fs::canonicalize(if path.as_os_str().is_empty() { Path::new(".") } else { path })
    }
}
