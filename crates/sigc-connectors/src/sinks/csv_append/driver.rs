//! Opens, checks, repairs and appends.

use super::existing;
use crate::sinks::line::{push_name, push_number, push_ts};
use sigc_market::{Symbol, Ts};
use sigc_runtime::{Record, RecordSchema, Sink, SinkError, Written};
use std::collections::{HashMap, HashSet};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A column that makes a row the same as another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DedupColumn {
    /// The row's label.
    Ts,
    /// The row's symbol.
    Symbol,
}

/// Appends rows to a csv file, each key once, also over restarts.
///
/// Opening reads the keys of all rows that are there (16 bytes a key) and cuts off a last line that a crash left torn;
/// a row whose key is there is counted as a duplicate and not written, **whatever its other values are**. A batch is one
/// write of whole lines; if it fails, the file is cut back to the last whole row. One process at a time: the file is
/// locked until the sink is dropped.
pub struct CsvAppend {
    path: PathBuf,
    file: Box<dyn Target>,
    /// Length of the file up to the last row that counts as stored.
    end: u64,
    /// Set while bytes behind `end` may be left over from a failed write.
    dirty: bool,
    keys: Keys,
    n_extra: usize,
    /// Lines say whether their row was caught up.
    marks: bool,
    /// The cells every line ends with, with their commas and the line end.
    tail: Vec<u8>,
    repaired: Option<String>,
    lines: Vec<u8>,
}

impl CsvAppend {
    /// Opens or makes the file and its folders, so that what can fail fails before the first row. An empty `dedup_key`
    /// keeps every row.
    pub fn open(path: &Path, schema: &RecordSchema, dedup_key: &[DedupColumn]) -> Result<CsvAppend, SinkError> {
        let failed = |action| move |source| SinkError::Write { path: path.into(), action, source };
        let (header, tail) = frame_of(path, schema)?;
        if let Some(parent) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
            std::fs::create_dir_all(parent).map_err(failed("make the folder of"))?;
        }
        let file = OpenOptions::new().read(true).append(true).create(true).open(path).map_err(failed("open"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(SinkError::Locked { path: path.into() }),
            // Some network file systems have no locks; they are no reason not to write.
            Err(TryLockError::Error(e)) if e.kind() == io::ErrorKind::Unsupported => {}
            Err(TryLockError::Error(e)) => return Err(failed("lock")(e)),
        }

        let mut keys = Keys::new(dedup_key);
        let existing = existing::read(path, &file, &header, &mut keys)?;
        if existing.torn.is_some() {
            file.set_len(existing.end).map_err(failed("cut a torn line off"))?;
        }
        let mut sink = CsvAppend {
            path: path.into(),
            file: Box::new(file),
            end: existing.end,
            dirty: false,
            keys,
            n_extra: schema.extra.len(),
            marks: schema.marks,
            tail,
            repaired: existing.torn,
            lines: Vec::new(),
        };
        if sink.end == 0 {
            sink.append(&header)?;
            sink.flush()?;
            sync_folder(path);
        }
        Ok(sink)
    }

    /// What was cut off when the file was opened, in words.
    pub fn repaired(&self) -> Option<&str> {
        self.repaired.as_deref()
    }

    /// Appends whole lines; on an error the file is as it was.
    fn append(&mut self, lines: &[u8]) -> Result<(), SinkError> {
        let failed = |source| SinkError::Write { path: self.path.clone(), action: "write to", source };
        if self.dirty {
            self.file.cut(self.end).map_err(failed)?;
            self.dirty = false;
        }
        if let Err(e) = self.file.write_all(lines) {
            self.dirty = self.file.cut(self.end).is_err();
            return Err(failed(e));
        }
        self.end += lines.len() as u64;
        Ok(())
    }

    fn push_line(&mut self, row: &Record) {
        let out = &mut self.lines;
        push_ts(out, row.ts);
        out.push(b',');
        out.extend_from_slice(row.symbol.as_str().as_bytes());
        out.push(b',');
        push_ts(out, row.open_time);
        for value in [row.value].iter().chain(&row.extra) {
            out.push(b',');
            push_number(out, *value);
        }
        if self.marks {
            out.extend_from_slice(if row.caught_up { b",true" } else { b",false" });
        }
        out.extend_from_slice(&self.tail);
    }
}

impl Sink for CsvAppend {
    fn write(&mut self, rows: &[Record]) -> Result<Written, SinkError> {
        if let Some(row) = rows.iter().find(|r| r.extra.len() != self.n_extra) {
            let reason = format!("a row has {} further values where {} belong", row.extra.len(), self.n_extra);
            return Err(SinkError::Columns { path: self.path.clone(), reason });
        }
        self.lines.clear();
        let mut added = Vec::new();
        for row in rows {
            let key = self.keys.key(row.ts, &row.symbol);
            if self.keys.insert(key) {
                added.push(key);
                self.push_line(row);
            }
        }
        let lines = std::mem::take(&mut self.lines);
        let stored = if lines.is_empty() { Ok(()) } else { self.append(&lines) };
        self.lines = lines;
        if let Err(e) = stored {
            added.iter().for_each(|key| self.keys.forget(*key));
            return Err(e);
        }
        Ok(Written { new: added.len(), duplicates: rows.len() - added.len() })
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        self.file.sync().map_err(|source| SinkError::Write { path: self.path.clone(), action: "flush", source })
    }

    fn close(mut self: Box<Self>) -> Result<(), SinkError> {
        self.flush()
    }

    fn describe(&self) -> String {
        format!("csv_append `{}`", self.path.display())
    }
}

/// What identifies a row: the number of its symbol, and its label. A column that is no part of the key is zero.
pub(super) type Key = (u32, i64);

/// The keys of a file.
pub(super) struct Keys {
    by_ts: bool,
    by_symbol: bool,
    symbols: HashMap<Symbol, u32>,
    seen: HashSet<Key>,
}

impl Keys {
    fn new(columns: &[DedupColumn]) -> Keys {
        Keys {
            by_ts: columns.contains(&DedupColumn::Ts),
            by_symbol: columns.contains(&DedupColumn::Symbol),
            symbols: HashMap::new(),
            seen: HashSet::new(),
        }
    }

    /// The key of a row.
    pub fn key(&mut self, ts: Ts, symbol: &Symbol) -> Key {
        let id = match self.symbols.get(symbol) {
            _ if !self.by_symbol => 0,
            Some(id) => *id,
            None => {
                let id = self.symbols.len() as u32;
                self.symbols.insert(symbol.clone(), id);
                id
            }
        };
        (id, if self.by_ts { ts.0 } else { 0 })
    }

    /// Adds a key; false if it was there.
    pub fn insert(&mut self, key: Key) -> bool {
        let keeps_all = !self.by_ts && !self.by_symbol;
        keeps_all || self.seen.insert(key)
    }

    fn forget(&mut self, key: Key) {
        self.seen.remove(&key);
    }
}

/// The header line, and the end that all lines have in common.
fn frame_of(path: &Path, schema: &RecordSchema) -> Result<(Vec<u8>, Vec<u8>), SinkError> {
    let names = [&schema.dag_name, &schema.frame, &schema.column].into_iter().chain(&schema.extra);
    if let Some(name) = names.into_iter().find(|n| n.contains(['\n', '\r'])) {
        let reason = format!("the name {name:?} holds a line break");
        return Err(SinkError::Columns { path: path.into(), reason });
    }
    let mut header = b"ts,symbol,open_time,prediction".to_vec();
    for name in &schema.extra {
        header.push(b',');
        push_name(&mut header, name);
    }
    if schema.marks {
        header.extend_from_slice(b",caught_up");
    }
    header.extend_from_slice(b",dag_name,frame,column\n");
    let mut tail = Vec::new();
    for name in [&schema.dag_name, &schema.frame, &schema.column] {
        tail.push(b',');
        push_name(&mut tail, name);
    }
    tail.push(b'\n');
    Ok((header, tail))
}

/// Makes a new file's name durable. Not every system can, and the rows do not depend on it.
fn sync_folder(path: &Path) {
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if let Ok(folder) = File::open(parent) {
        folder.sync_all().ok();
    }
}

/// The file under a sink: what a test replaces to see a disk fill up.
trait Target: Write + Send {
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    /// A disk with room for so many bytes, whose cutting may fail as well.
    struct SmallDisk {
        data: Arc<Mutex<Vec<u8>>>,
        room: Arc<Mutex<usize>>,
        cuts: bool,
    }

    impl Write for SmallDisk {
        fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
            let mut data = self.data.lock().expect("one thread");
            let n = buf.len().min(self.room.lock().expect("one thread").saturating_sub(data.len()));
            data.extend_from_slice(&buf[..n]);
            if n == 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(n) }
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Target for SmallDisk {
        fn cut(&mut self, len: u64) -> io::Result<()> {
            if !self.cuts {
                self.cuts = true;
                return Err(io::ErrorKind::Other.into());
            }
            self.data.lock().expect("one thread").truncate(len as usize);
            Ok(())
        }
        fn sync(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn row(minute: i64) -> Record {
        let symbol = Symbol::new("BTCUSDT").expect("a symbol");
        Record {
            symbol,
            ts: Ts((minute + 1) * 60_000),
            open_time: Ts(minute * 60_000),
            value: 0.5,
            extra: vec![],
            caught_up: false,
        }
    }

    #[test]
    fn a_full_disk_leaves_whole_rows_and_the_batch_can_be_offered_again() {
        for cuts in [true, false] {
            let (data, room) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(150)));
            let mut sink = CsvAppend {
                path: "full.csv".into(),
                file: Box::new(SmallDisk { data: data.clone(), room: room.clone(), cuts }),
                end: 0,
                dirty: false,
                keys: Keys::new(&[DedupColumn::Ts, DedupColumn::Symbol]),
                n_extra: 0,
                marks: false,
                tail: b",dag,f,c\n".to_vec(),
                repaired: None,
                lines: Vec::new(),
            };
            assert_eq!(sink.write(&[row(0), row(1)]).expect("fits"), Written { new: 2, duplicates: 0 });
            let whole = data.lock().expect("one thread").clone();
            let error = sink.write(&[row(1), row(2), row(3)]).expect_err("full");
            assert_eq!(error.code(), "E0512");
            assert!(error.help().contains("space"), "{}", error.help());
            assert_eq!(*data.lock().expect("one thread") == whole, cuts);

            *room.lock().expect("one thread") = 10_000;
            let written = sink.write(&[row(1), row(2), row(3)]).expect("room again");
            assert_eq!(written, Written { new: 2, duplicates: 1 });
            let text = String::from_utf8(data.lock().expect("one thread").clone()).expect("text");
            let labels: Vec<&str> = text.lines().map(|l| &l[..20]).collect();
            assert_eq!(labels.len(), 4, "{text}");
            assert!(labels.is_sorted());
        }
    }
}
