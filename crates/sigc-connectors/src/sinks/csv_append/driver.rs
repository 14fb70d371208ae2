//! Opens, checks, repairs and appends.

use super::existing;
use super::step::{CSV_APPEND, KEY, PATH};
use crate::sinks::line::{push_cell, push_name};
use crate::sinks::paths;
use sigc_market::{Symbol, Ts};
use sigc_runtime::{Driver, Opened, Opening, Record, RecordSchema, Sink, SinkError, Written};
use std::collections::{HashMap, HashSet};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The driver.
pub static DRIVER: Driver = Driver { step: &CSV_APPEND, open, probe };

fn open(opening: &Opening<'_>) -> Result<Opened, SinkError> {
    let key = opening.args.get(&KEY).unwrap_or_else(|| vec!["ts".into(), "symbol".into()]);
    let key: Vec<DedupColumn> =
        key.iter().map(|k| if k == "ts" { DedupColumn::Ts } else { DedupColumn::Symbol }).collect();
    let csv = CsvAppend::open(&paths::of(opening, &PATH), opening.schema, &key)?;
    let notes = csv.repaired().map(str::to_owned).into_iter().collect();
    Ok(Opened { sink: Box::new(csv), notes })
}

/// Reads the file that is there, and looks whether its folder can be written to.
fn probe(opening: &Opening<'_>) -> Result<Vec<String>, SinkError> {
    let path = paths::of(opening, &PATH);
    paths::probe_folder(&path)?;
    let Some(file) = paths::existing(&path)? else { return Ok(vec![format!("`{}` will be made", path.display())]) };
    let header = header_of(&path, opening.schema)?;
    let mut keys = Keys::new(&[DedupColumn::Ts, DedupColumn::Symbol], opening.schema);
    let found = existing::read(&path, &file, &header, &mut keys)?;
    let mut lines = vec![format!("`{}` has these columns and {} rows", path.display(), keys.len())];
    lines.extend(found.torn);
    Ok(lines)
}

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
    schema: RecordSchema,
    repaired: Option<String>,
    lines: Vec<u8>,
}

impl CsvAppend {
    /// Opens or makes the file and its folders, so that what can fail fails before the first row. An empty `dedup_key`
    /// keeps every row.
    pub fn open(path: &Path, schema: &RecordSchema, dedup_key: &[DedupColumn]) -> Result<CsvAppend, SinkError> {
        let failed = |action| move |source| SinkError::Write { path: path.into(), action, source };
        let header = header_of(path, schema)?;
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

        let mut keys = Keys::new(dedup_key, schema);
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
            schema: schema.clone(),
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
        let mut cells = Vec::new();
        self.schema.cells(row, &mut cells);
        for (i, cell) in cells.into_iter().enumerate() {
            if i > 0 {
                self.lines.push(b',');
            }
            push_cell(&mut self.lines, cell);
        }
        self.lines.push(b'\n');
    }
}

impl Sink for CsvAppend {
    fn write(&mut self, rows: &[Record]) -> Result<Written, SinkError> {
        if let Some(row) = rows.iter().find(|r| r.extra.len() != self.schema.extra.len()) {
            let reason =
                format!("a row has {} further values where {} belong", row.extra.len(), self.schema.extra.len());
            return Err(SinkError::Columns { path: self.path.clone(), reason });
        }
        self.lines.clear();
        let mut added = Vec::new();
        for row in rows {
            let key = self.keys.key(row);
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
        Ok(Written { new: added.len(), duplicates: rows.len() - added.len(), conflicts: 0 })
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

/// What identifies a row: the number of its symbol and signal, and its label. A column that is no part of the key is
/// zero.
pub(super) type Key = (u32, i64);

/// The keys of a file.
pub(super) struct Keys {
    by_ts: bool,
    by_symbol: bool,
    /// Frame and column of every signal, as cells of a line.
    signals: Vec<Vec<u8>>,
    lanes: HashMap<Vec<u8>, u32>,
    lane: Vec<u8>,
    seen: HashSet<Key>,
}

impl Keys {
    fn new(columns: &[DedupColumn], schema: &RecordSchema) -> Keys {
        let cells = |s: &sigc_runtime::SignalName| {
            let mut cells = Vec::new();
            push_name(&mut cells, &s.frame);
            cells.push(b',');
            push_name(&mut cells, &s.column);
            cells
        };
        Keys {
            by_ts: columns.contains(&DedupColumn::Ts),
            by_symbol: columns.contains(&DedupColumn::Symbol),
            signals: schema.signals.iter().map(cells).collect(),
            lanes: HashMap::new(),
            lane: Vec::new(),
            seen: HashSet::new(),
        }
    }

    /// The key of a row to be written.
    fn key(&mut self, row: &Record) -> Key {
        let signal = std::mem::take(&mut self.signals[usize::from(row.signal)]);
        let key = self.key_of(row.ts, &row.symbol, &signal);
        self.signals[usize::from(row.signal)] = signal;
        key
    }

    /// The key of a row of the file, its frame and column as they stand there.
    pub fn key_of(&mut self, ts: Ts, symbol: &Symbol, signal: &[u8]) -> Key {
        self.lane.clear();
        if self.by_symbol {
            self.lane.extend_from_slice(symbol.as_str().as_bytes());
        }
        self.lane.push(b',');
        self.lane.extend_from_slice(signal);
        let id = match self.lanes.get(&self.lane) {
            Some(id) => *id,
            None => {
                let id = self.lanes.len() as u32;
                self.lanes.insert(self.lane.clone(), id);
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

    fn len(&self) -> usize {
        self.seen.len()
    }
}

/// The header line. A name with a line break is refused, so that one line is one row.
fn header_of(path: &Path, schema: &RecordSchema) -> Result<Vec<u8>, SinkError> {
    let signals = schema.signals.iter().flat_map(|s| [&s.frame, &s.column]);
    let mut names = [&schema.dag_name].into_iter().chain(signals).chain(&schema.extra);
    if let Some(name) = names.find(|n| n.contains(['\n', '\r'])) {
        let reason = format!("the name {name:?} holds a line break");
        return Err(SinkError::Columns { path: path.into(), reason });
    }
    let mut header = Vec::new();
    for (i, field) in schema.fields().iter().enumerate() {
        if i > 0 {
            header.push(b',');
        }
        push_name(&mut header, field.name);
    }
    header.push(b'\n');
    Ok(header)
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
            signal: 0,
            latency_ms: None,
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
        let name = sigc_runtime::SignalName { is_event: false, frame: "f".into(), column: "c".into(), model: None };
        let schema = RecordSchema {
            dag_name: "dag".into(),
            plan: "1f".into(),
            run_id: None,
            signals: vec![name],
            extra: Vec::new(),
            marks: false,
        };
        for cuts in [true, false] {
            let (data, room) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(170)));
            let mut sink = CsvAppend {
                path: "full.csv".into(),
                file: Box::new(SmallDisk { data: data.clone(), room: room.clone(), cuts }),
                end: 0,
                dirty: false,
                keys: Keys::new(&[DedupColumn::Ts, DedupColumn::Symbol], &schema),
                schema: schema.clone(),
                repaired: None,
                lines: Vec::new(),
            };
            assert_eq!(sink.write(&[row(0), row(1)]).expect("fits"), Written { new: 2, duplicates: 0, conflicts: 0 });
            let whole = data.lock().expect("one thread").clone();
            let error = sink.write(&[row(1), row(2), row(3)]).expect_err("full");
            assert_eq!(error.code(), "E0512");
            assert!(error.help().contains("space"), "{}", error.help());
            assert_eq!(*data.lock().expect("one thread") == whole, cuts);

            *room.lock().expect("one thread") = 10_000;
            let written = sink.write(&[row(1), row(2), row(3)]).expect("room again");
            assert_eq!(written, Written { new: 2, duplicates: 1, conflicts: 0 });
            let text = String::from_utf8(data.lock().expect("one thread").clone()).expect("text");
            let labels: Vec<&str> = text.lines().map(|l| &l[..20]).collect();
            assert_eq!(labels.len(), 4, "{text}");
            assert!(labels.is_sorted());
        }
    }
}
