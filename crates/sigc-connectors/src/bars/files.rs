//! Which files a path stands for, and what their names say.
//!
//! `BTCUSDT-1m-2024-01.zip` is a zip of `BTCUSDT` with 1m bars. Names are cut at `-`, `_` and `.`: the first piece is
//! the symbol, unless the file has a `symbol` column, and a later piece may be an interval.

use super::error::{At, BarsError, Place};
use sigc_market::{Interval, Symbol};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How a file is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Csv,
    CsvGz,
    Zip,
    Parquet,
}

/// A bar file by its name; nothing of it has been read.
#[derive(Debug, Clone)]
pub(super) struct BarFile {
    pub path: Arc<Path>,
    pub kind: Kind,
    /// What the name begins with, if that can be a symbol.
    pub symbol: Option<Symbol>,
    /// The interval in the name.
    pub interval: Option<Interval>,
    /// Size on disk in bytes.
    pub bytes: u64,
}

impl BarFile {
    fn new(path: &Path, bytes: u64) -> Option<BarFile> {
        let name = path.file_name()?.to_str()?;
        let (kind, stem) = split_kind(name)?;
        let mut pieces = stem.split(['-', '_', '.']);
        let symbol = pieces.next().and_then(|s| Symbol::new(s).ok());
        let interval = pieces.find_map(|p| Interval::parse(p).ok());
        Some(BarFile { path: Arc::from(path), kind, symbol, interval, bytes })
    }

    /// The file as a whole, for a message.
    pub fn place(&self) -> Place {
        Place { file: self.path.clone(), at: At::File }
    }

    /// An error about the file as a whole.
    pub fn unreadable(&self, reason: impl ToString) -> BarsError {
        BarsError::Unreadable { place: self.place(), reason: reason.to_string() }
    }
}

/// The bar files a path stands for: itself, or those directly in the folder, by name. Hidden files and files of other
/// kinds are left out of a folder; a single file of another kind is an error.
pub(super) fn find(path: &Path) -> Result<Vec<BarFile>, BarsError> {
    let unreadable = |e: std::io::Error| BarsError::Unreadable {
        place: Place { file: Arc::from(path), at: At::File },
        reason: e.to_string(),
    };
    let meta = match std::fs::metadata(path) {
        Ok(meta) => meta,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Err(BarsError::NotFound { path: path.into() }),
        Err(e) => return Err(unreadable(e)),
    };
    if !meta.is_dir() {
        let file = BarFile::new(path, meta.len()).ok_or_else(|| BarsError::Unreadable {
            place: Place { file: Arc::from(path), at: At::File },
            reason: "the name does not end in .csv, .csv.gz, .zip or .parquet".to_owned(),
        })?;
        return Ok(vec![file]);
    }
    let mut entries: Vec<(PathBuf, u64)> = Vec::new();
    for entry in std::fs::read_dir(path).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        // Follows links: a folder of links to bar files is a folder of bar files.
        let meta = std::fs::metadata(entry.path());
        if let (false, Ok(meta)) = (hidden, meta)
            && meta.is_file()
        {
            entries.push((entry.path(), meta.len()));
        }
    }
    entries.sort();
    let files: Vec<BarFile> = entries.iter().filter_map(|(path, bytes)| BarFile::new(path, *bytes)).collect();
    if files.is_empty() { Err(BarsError::NoFiles { path: path.into() }) } else { Ok(files) }
}

/// Files to read and files left out because their names tell another interval than `wanted`. A symbol that has files of
/// other intervals only is an error, unless it is not among the symbols that are asked for.
pub(super) fn of_interval(
    files: Vec<BarFile>,
    wanted: Interval,
    symbols: Option<&[Symbol]>,
) -> Result<(Vec<BarFile>, Vec<BarFile>), BarsError> {
    let fits = |f: &BarFile| f.interval.is_none_or(|i| i == wanted);
    let (take, leave): (Vec<BarFile>, Vec<BarFile>) = files.into_iter().partition(fits);
    for file in &leave {
        let asked_for = symbols.is_none_or(|s| file.symbol.as_ref().is_none_or(|name| s.contains(name)));
        if asked_for && !take.iter().any(|t| t.symbol == file.symbol) {
            return Err(BarsError::WrongInterval {
                place: file.place(),
                interval: wanted,
                found: file.interval.map(|i| i.to_string()).unwrap_or_default(),
            });
        }
    }
    Ok((take, leave))
}

fn split_kind(name: &str) -> Option<(Kind, &str)> {
    let lower = name.to_ascii_lowercase();
    [(".csv", Kind::Csv), (".csv.gz", Kind::CsvGz), (".zip", Kind::Zip), (".parquet", Kind::Parquet)]
        .into_iter()
        .find(|(end, _)| lower.ends_with(end))
        .map(|(end, kind)| (kind, &name[..name.len() - end.len()]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_symbol_and_interval() {
        for (name, symbol, interval, kind) in [
            ("BTCUSDT-1m-2024-01.zip", "BTCUSDT", Some("1m"), Kind::Zip),
            ("ETHUSDT_5m.csv.gz", "ETHUSDT", Some("5m"), Kind::CsvGz),
            ("AAPL.Parquet", "AAPL", None, Kind::Parquet),
            ("X-2024-01.csv", "X", None, Kind::Csv),
        ] {
            let file = BarFile::new(Path::new(name), 0).expect("a bar file");
            assert_eq!(file.symbol.as_ref().map(Symbol::as_str), Some(symbol));
            assert_eq!(file.interval.map(|i| i.to_string()).as_deref(), interval);
            assert_eq!(file.kind, kind);
        }
        assert!(BarFile::new(Path::new("README.md"), 0).is_none());
        assert!(BarFile::new(Path::new("a b.csv"), 0).expect("a csv").symbol.is_none());
    }
}
