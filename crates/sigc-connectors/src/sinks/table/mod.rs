//! The table of a backfill: one file with all rows, `.parquet`, `.csv` or `.csv.gz` by its name.
//!
//! Columns: `ts` and `open_time`, the symbol between them, then the frame's own. The table is written next to its
//! target under a hidden name and takes the target's name in [`TableWriter::finish`], so nothing half-written ever has
//! that name; a writer that is dropped before removes what it wrote.

mod parquet;
mod text;

pub(crate) use parquet::{to_io, zstd_with};

use sigc_market::{Symbol, Ts};
use sigc_runtime::SinkError;
use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// Numbers.
    Number,
    /// True (any number but zero) and false (zero).
    Bool,
}

/// What a table looks like.
#[derive(Debug, Clone, Default)]
pub struct TableSpec {
    /// The columns after `ts`, `symbol` and `open_time`, in order.
    pub columns: Vec<(String, ColumnKind)>,
    /// What to note beside the data, such as the plan's fingerprint. Kept in parquet only.
    pub metadata: Vec<(String, String)>,
}

const OWN_COLUMNS: [&str; 3] = ["ts", "symbol", "open_time"];

/// Writes a table.
pub struct TableWriter {
    target: PathBuf,
    overwrite: bool,
    n_columns: usize,
    part: Part,
    format: Option<Box<dyn Format>>,
}

/// Writes rows to a file in one format.
trait Format: Send {
    /// Appends rows of one symbol; all slices have the same length.
    fn write(&mut self, symbol: &Symbol, open_times: &[Ts], ts: &[Ts], columns: &[&[f64]]) -> io::Result<()>;
    /// Writes what is left and returns the file.
    fn finish(self: Box<Self>) -> io::Result<File>;
}

impl TableWriter {
    /// Starts a table. `path` may exist only if `overwrite` is set; it is replaced when the table is finished.
    pub fn create(path: &Path, spec: &TableSpec, overwrite: bool) -> Result<TableWriter, SinkError> {
        let failed = |action| move |source| SinkError::Write { path: path.into(), action, source };
        let wrong = |reason: String| SinkError::Columns { path: path.into(), reason };
        let mut names: HashSet<&str> = OWN_COLUMNS.into();
        if let Some((name, _)) = spec.columns.iter().find(|(name, _)| !names.insert(name)) {
            return Err(wrong(format!("there are two columns `{name}`")));
        }
        if !overwrite && path.symlink_metadata().is_ok() {
            return Err(SinkError::Exists { path: path.into() });
        }
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default().to_ascii_lowercase();
        if ![".parquet", ".csv", ".csv.gz"].iter().any(|end| name.ends_with(end)) {
            return Err(wrong("the name does not end in .parquet, .csv or .csv.gz".to_owned()));
        }
        if path.is_dir() {
            return Err(failed("write to")(io::ErrorKind::IsADirectory.into()));
        }
        if let Some(parent) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
            std::fs::create_dir_all(parent).map_err(failed("make the folder of"))?;
        }
        let (part, file) = Part::create(path).map_err(failed("write to"))?;
        let format: Box<dyn Format> = if name.ends_with(".parquet") {
            Box::new(parquet::ParquetTable::new(file, spec).map_err(failed("write to"))?)
        } else {
            let gzip = name.ends_with(".gz");
            Box::new(text::CsvTable::new(file, gzip, spec).map_err(failed("write to"))?)
        };
        Ok(TableWriter { target: path.into(), overwrite, n_columns: spec.columns.len(), part, format: Some(format) })
    }

    /// Appends rows of one symbol, oldest first. A NaN is a null; `open_times`, `ts` and each of `columns` have one
    /// entry per row.
    pub fn write_rows(
        &mut self,
        symbol: &Symbol,
        open_times: &[Ts],
        ts: &[Ts],
        columns: &[&[f64]],
    ) -> Result<(), SinkError> {
        let n = open_times.len();
        if ts.len() != n || columns.len() != self.n_columns || columns.iter().any(|c| c.len() != n) {
            let reason = format!("{} columns of {n} rows each were expected", self.n_columns);
            return Err(SinkError::Columns { path: self.target.clone(), reason });
        }
        let Some(format) = &mut self.format else { return Ok(()) };
        format.write(symbol, open_times, ts, columns).map_err(|source| SinkError::Write {
            path: self.target.clone(),
            action: "write to",
            source,
        })
    }

    /// Makes the rows durable and gives the table its name.
    pub fn finish(mut self) -> Result<(), SinkError> {
        let target = self.target.clone();
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::AlreadyExists => SinkError::Exists { path: target.clone() },
            _ => SinkError::Write { path: target.clone(), action: "write to", source },
        };
        if let Some(format) = self.format.take() {
            format.finish().and_then(|file| file.sync_all()).map_err(failed)?;
        }
        self.part.publish(&self.target, self.overwrite).map_err(failed)
    }
}

/// The file before it has its name; removed when dropped.
struct Part {
    path: PathBuf,
    published: bool,
}

impl Part {
    fn create(target: &Path) -> io::Result<(Part, File)> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = target.with_file_name(format!(".{name}.{}-{number}.part", std::process::id()));
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                // Left over from a process of the same number.
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                opened => return opened.map(|file| (Part { path, published: false }, file)),
            }
        }
    }

    fn publish(&mut self, target: &Path, overwrite: bool) -> io::Result<()> {
        if !overwrite {
            // A link fails if the name was taken meanwhile; a rename would replace that file.
            match std::fs::hard_link(&self.path, target) {
                Ok(()) => return Ok(()), // the other name goes with `self`
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists || target.exists() => {
                    return Err(io::ErrorKind::AlreadyExists.into());
                }
                Err(_) => {} // a file system without links
            }
        }
        std::fs::rename(&self.path, target)?;
        self.published = true;
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.published {
            std::fs::remove_file(&self.path).ok();
        }
    }
}
