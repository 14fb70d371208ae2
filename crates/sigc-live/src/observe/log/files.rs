//! The log folder: one file that grows, a few older ones, and never more bytes than was said.
//!
//! `sigc.log` is the newest, then `sigc.1.log`, `sigc.2.log` and so on. A file that would grow past its limit is moved
//! on before the line is written; the oldest goes. What an earlier run left behind counts from the first byte. A lock
//! keeps a second run out of the folder, because two cannot agree on when to move files on.

use super::pipe::Target;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// No file limit is smaller, so that several of the longest lines fit into a file.
pub const LEAST_FILE: u64 = 64 << 10;
/// The longest line, as it goes to a file.
pub const LONGEST_LINE: usize = 16 << 10;

/// Why a log folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// An empty path.
    #[error("the log folder has no name")]
    NoName,
    /// It is not there and cannot be made, or is no folder.
    #[error("the log folder {} cannot be made: {source}", folder.display())]
    Make {
        /// Which.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is there, but nothing can be written into it.
    #[error("nothing can be written into the log folder {}: {source}", folder.display())]
    Write {
        /// Which.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another run writes there.
    #[error("another run writes its log to {}", folder.display())]
    InUse {
        /// Which.
        folder: PathBuf,
    },
}

/// The files of a log folder.
#[derive(Debug)]
pub struct Files {
    folder: PathBuf,
    max_bytes: u64,
    keep: usize,
    /// `None` after a failure, until it is opened again.
    file: Option<File>,
    size: u64,
    /// Held as long as this lives.
    _lock: File,
}

impl Files {
    /// Makes and checks the folder. At most `keep` files of `max_bytes` each are in it afterwards, and from then on.
    ///
    /// # Errors
    /// The folder cannot be used.
    pub fn open(folder: &Path, max_bytes: u64, keep: usize) -> Result<Files, FolderError> {
        if folder.as_os_str().is_empty() {
            return Err(FolderError::NoName);
        }
        // Absolute, so that it stays the same folder wherever the process goes.
        let make = |source| FolderError::Make { folder: folder.to_owned(), source };
        let folder = std::path::absolute(folder).map_err(make)?;
        fs::create_dir_all(&folder).map_err(make)?;
        let write = |source| FolderError::Write { folder: folder.clone(), source };
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(folder.join(".sigc-log.lock"))
            .map_err(write)?;
        if let Err(TryLockError::WouldBlock) = lock.try_lock() {
            return Err(FolderError::InUse { folder });
        }
        let (max_bytes, keep) = (max_bytes.max(LEAST_FILE), keep.max(1));
        let mut files = Files { folder: folder.clone(), max_bytes, keep, file: None, size: 0, _lock: lock };
        files.tidy().map_err(write)?;
        files.reopen().map_err(write)?;
        Ok(files)
    }

    /// The file that is written now.
    pub fn newest(&self) -> PathBuf {
        self.path(0)
    }

    fn path(&self, age: usize) -> PathBuf {
        self.folder.join(if age == 0 { "sigc.log".to_owned() } else { format!("sigc.{age}.log") })
    }

    /// Removes what is too old or too much, whoever wrote it.
    fn tidy(&self) -> io::Result<()> {
        let mut old: Vec<(usize, u64)> = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            if let Some(age) = entry.file_name().to_str().and_then(age_of) {
                old.push((age, entry.metadata().map_or(0, |m| m.len())));
            }
        }
        old.sort_unstable();
        let mut total = fs::metadata(self.newest()).map_or(0, |m| m.len());
        let most = self.max_bytes.saturating_mul(self.keep as u64);
        for (age, size) in old {
            total = total.saturating_add(size);
            if age >= self.keep || total > most {
                remove(&self.path(age))?;
            }
        }
        Ok(())
    }

    /// Moves every file on by one; the oldest goes.
    fn rotate(&mut self) -> io::Result<()> {
        self.file = None;
        remove(&self.path(self.keep - 1))?;
        for age in (0..self.keep - 1).rev() {
            match fs::rename(self.path(age), self.path(age + 1)) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
                _ => {}
            }
        }
        self.reopen()
    }
}

impl Target for Files {
    fn name(&self) -> String {
        format!("the log file {}", self.newest().display())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let first = bytes.iter().position(|b| *b == b'\n').map_or(bytes.len(), |end| end + 1);
        if self.size > 0 && self.size + first as u64 > self.max_bytes {
            self.rotate()?;
        }
        let room = usize::try_from(self.max_bytes.saturating_sub(self.size)).unwrap_or(usize::MAX);
        let fits = &bytes[..bytes.len().min(room)];
        // Whole lines; a line that fits into no file is cut.
        let whole = fits.iter().rposition(|b| *b == b'\n').map_or(fits.len(), |end| end + 1);
        let Some(file) = &mut self.file else { return Err(io::Error::other("it is not open")) };
        let n = file.write(&bytes[..whole])?;
        self.size += n as u64;
        Ok(n)
    }

    fn reopen(&mut self) -> io::Result<()> {
        self.file = None;
        fs::create_dir_all(&self.folder)?;
        let file = OpenOptions::new().create(true).append(true).open(self.newest())?;
        self.size = file.metadata()?.len();
        self.file = Some(file);
        Ok(())
    }
}

/// The number in the name of an older file.
fn age_of(name: &str) -> Option<usize> {
    name.strip_prefix("sigc.")?.strip_suffix(".log")?.parse().ok()
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(folder: &Path) -> Vec<(String, u64)> {
        let all = fs::read_dir(folder).expect("a folder").map(|e| e.expect("an entry"));
        let mut sizes: Vec<_> = all
            .map(|e| (e.file_name().to_string_lossy().into_owned(), e.metadata().expect("metadata").len()))
            .filter(|(name, _)| name != ".sigc-log.lock")
            .collect();
        sizes.sort();
        sizes
    }

    fn write_all(files: &mut Files, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let n = files.write(bytes).expect("it can be written");
            bytes = &bytes[n..];
        }
    }

    #[test]
    fn files_move_on_and_the_oldest_goes() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut files = Files::open(folder.path(), LEAST_FILE, 3).expect("a log");
        // 1000 lines of 1 KiB in pieces that do not divide a file.
        let piece: String = (0..50).map(|i| format!("{i:0>1023}\n")).collect();
        for _ in 0..20 {
            write_all(&mut files, piece.as_bytes());
            let sizes = sizes(folder.path());
            assert!(sizes.len() <= 3 && sizes.iter().all(|(_, n)| *n <= LEAST_FILE), "{sizes:?}");
        }
        let names: Vec<_> = sizes(folder.path()).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["sigc.1.log", "sigc.2.log", "sigc.log"]);
        for name in names {
            let text = fs::read_to_string(folder.path().join(name)).expect("a text");
            assert!(text.lines().all(|l| l.len() == 1023), "whole lines only");
        }
    }

    #[test]
    fn what_an_earlier_run_left_counts() {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, len) in [("sigc.log", 10), ("sigc.1.log", 90_000), ("sigc.2.log", 90_000), ("sigc.9.log", 5)] {
            fs::write(folder.path().join(name), vec![b'\n'; len]).expect("written");
        }
        fs::write(folder.path().join("other.log"), "kept").expect("written");
        let mut files = Files::open(folder.path(), LEAST_FILE, 2).expect("a log");
        write_all(&mut files, b"next\n");
        let names: Vec<_> = sizes(folder.path());
        assert_eq!(names, [("other.log".into(), 4), ("sigc.1.log".into(), 90_000), ("sigc.log".into(), 15)]);
    }

    #[test]
    fn one_file_is_enough_and_a_folder_has_one_writer() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut files = Files::open(&folder.path().join("a/b"), 0, 0).expect("a log");
        let error = Files::open(&folder.path().join("a/b"), 0, 0).expect_err("in use");
        assert!(matches!(error, FolderError::InUse { .. }), "{error}");
        for _ in 0..200 {
            write_all(&mut files, format!("{:0>1023}\n", 0).as_bytes());
        }
        assert_eq!(sizes(&folder.path().join("a/b")).len(), 1);
        drop(files);
        Files::open(&folder.path().join("a/b"), 0, 0).expect("free again");
    }

    #[test]
    fn a_folder_that_cannot_be_used_says_so() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        fs::write(&file, "x").expect("written");
        let error = Files::open(&file.join("logs"), 0, 1).expect_err("below a file");
        assert!(error.to_string().contains("cannot be made"), "{error}");
        assert!(matches!(Files::open(Path::new(""), 0, 1), Err(FolderError::NoName)));
        fs::create_dir(folder.path().join("sigc.log")).expect("a folder");
        let error = Files::open(folder.path(), 0, 1).expect_err("a folder in place of the file");
        assert!(error.to_string().contains("nothing can be written"), "{error}");
    }
}
