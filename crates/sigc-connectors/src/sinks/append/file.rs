//! The file: whole lines at its end, or nothing.

use super::read::Existing;
use sigc_runtime::SinkError;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A file that lines are appended to. One process at a time: it is locked until this is dropped.
pub(crate) struct AppendFile {
    path: PathBuf,
    target: Box<dyn Target>,
    /// Length up to the last line that counts as stored.
    end: u64,
    /// Length up to the last line that is durable.
    synced: u64,
    /// Set while bytes behind `end` may be left over from a failed write.
    dirty: bool,
}

/// Opens or makes a file and its folders, and locks it.
pub(crate) fn lock(path: &Path) -> Result<File, SinkError> {
    let failed = |action| move |source| SinkError::Write { path: path.into(), action, source };
    if let Some(parent) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
        std::fs::create_dir_all(parent).map_err(failed("make the folder of"))?;
    }
    let file = OpenOptions::new().read(true).append(true).create(true).open(path).map_err(failed("open"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(SinkError::Locked { path: path.into() }),
        // Some network file systems have no locks; they are no reason not to write.
        Err(TryLockError::Error(e)) if e.kind() == io::ErrorKind::Unsupported => Ok(file),
        Err(TryLockError::Error(e)) => Err(failed("lock")(e)),
    }
}

impl AppendFile {
    /// Goes on behind what is there; what was torn is cut off.
    pub fn new(path: &Path, file: File, existing: &Existing) -> Result<AppendFile, SinkError> {
        if existing.torn.is_some() {
            file.set_len(existing.end).map_err(|source| SinkError::Write {
                path: path.into(),
                action: "cut a torn line off",
                source,
            })?;
        }
        let end = existing.end;
        // What an earlier process left to the system becomes durable with the next sync.
        Ok(AppendFile { path: path.into(), target: Box::new(file), end, synced: end, dirty: false })
    }

    #[cfg(test)]
    pub fn on(path: &Path, target: Box<dyn Target>) -> AppendFile {
        AppendFile { path: path.into(), target, end: 0, synced: 0, dirty: false }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends whole lines; on an error the file is as it was.
    pub fn append(&mut self, lines: &[u8]) -> Result<(), SinkError> {
        if lines.is_empty() {
            return Ok(());
        }
        self.clean()?;
        if let Err(e) = self.target.write_all(lines) {
            self.dirty = self.target.cut(self.end).is_err();
            return Err(self.failed("write to", e));
        }
        self.end += lines.len() as u64;
        Ok(())
    }

    /// Returns once all lines are durable. After an error nobody can say which of the lines since the last success are:
    /// they are cut off.
    pub fn sync(&mut self) -> Result<(), SinkError> {
        self.clean()?;
        if let Err(e) = self.target.sync() {
            self.end = self.synced;
            self.dirty = self.target.cut(self.end).is_err();
            return Err(self.failed("flush", e));
        }
        self.synced = self.end;
        Ok(())
    }

    /// Takes every line out. If the system refuses, the next line does it.
    pub fn empty(&mut self) {
        (self.end, self.synced) = (0, 0);
        self.dirty = self.target.cut(0).is_err();
    }

    /// Cuts off what a failed write left.
    pub fn clean(&mut self) -> Result<(), SinkError> {
        if self.dirty {
            self.target.cut(self.end).map_err(|e| self.failed("write to", e))?;
            self.dirty = false;
        }
        Ok(())
    }

    fn failed(&self, action: &'static str, source: io::Error) -> SinkError {
        SinkError::Write { path: self.path.clone(), action, source }
    }
}

/// Makes a new file's name durable. Not every system can, and the rows do not depend on it.
pub(crate) fn sync_folder_of(path: &Path) {
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if let Ok(folder) = File::open(parent) {
        folder.sync_all().ok();
    }
}

/// The file under a sink: what a test replaces to see a disk fill up.
pub(crate) trait Target: Write + Send {
    /// Shortens the file to `len` bytes.
    fn cut(&mut self, len: u64) -> io::Result<()>;
    /// Returns once the data are durable.
    fn sync(&mut self) -> io::Result<()>;
}

impl Target for File {
    fn cut(&mut self, len: u64) -> io::Result<()> {
        self.set_len(len)
    }
    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}

/// A disk with room for so many bytes, on which cutting and syncing may fail.
#[cfg(test)]
#[derive(Clone, Default)]
pub(crate) struct SmallDisk(std::sync::Arc<std::sync::Mutex<Disk>>);

#[cfg(test)]
#[derive(Default)]
struct Disk {
    data: Vec<u8>,
    room: usize,
    cuts_fail: usize,
    syncs_fail: usize,
}

#[cfg(test)]
impl SmallDisk {
    pub fn with_room(room: usize) -> SmallDisk {
        let disk = SmallDisk::default();
        disk.set_room(room);
        disk
    }
    fn disk(&self) -> std::sync::MutexGuard<'_, Disk> {
        self.0.lock().expect("one thread")
    }
    pub fn data(&self) -> Vec<u8> {
        self.disk().data.clone()
    }
    pub fn set_room(&self, room: usize) {
        self.disk().room = room;
    }
    /// So many cuts fail from now on.
    pub fn fail_cuts(&self, n: usize) {
        self.disk().cuts_fail = n;
    }
    /// So many syncs fail from now on.
    pub fn fail_syncs(&self, n: usize) {
        self.disk().syncs_fail = n;
    }
}

#[cfg(test)]
impl Write for SmallDisk {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let mut disk = self.disk();
        let n = buf.len().min(disk.room.saturating_sub(disk.data.len()));
        disk.data.extend_from_slice(&buf[..n]);
        if n == 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(n) }
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
impl Target for SmallDisk {
    fn cut(&mut self, len: u64) -> io::Result<()> {
        let mut disk = self.disk();
        if disk.cuts_fail > 0 {
            disk.cuts_fail -= 1;
            return Err(io::ErrorKind::Other.into());
        }
        disk.data.truncate(len as usize);
        Ok(())
    }
    fn sync(&mut self) -> io::Result<()> {
        let mut disk = self.disk();
        if disk.syncs_fail > 0 {
            disk.syncs_fail -= 1;
            return Err(io::ErrorKind::Other.into());
        }
        Ok(())
    }
}
