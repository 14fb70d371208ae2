//! Keeps the side file, the rows in memory and the parts together.

use super::columns::Pending;
use super::parts;
use super::step::{PARQUET, PATH, ROLL_MINUTES, ROLL_ROWS};
use crate::sinks::append::file::{AppendFile, lock};
use crate::sinks::append::{DedupColumn, Fault, Keys, check_widths, read};
use crate::sinks::jsonl::{self, JsonLines};
use crate::sinks::{json, paths};
use sigc_market::Ts;
use sigc_runtime::{Driver, Opened, Opening, Record, RecordSchema, Sink, SinkError, Written};
use std::fs::File;
use std::path::{Path, PathBuf};

/// The driver.
pub static DRIVER: Driver = Driver { step: &PARQUET, open, probe };

/// Rows that are in no part yet. Readers of whole folders leave out names that begin with `_`.
const SIDE: &str = "_open.jsonl";

fn open(opening: &Opening<'_>) -> Result<Opened, SinkError> {
    let roll = Roll { rows: opening.args.get(&ROLL_ROWS) as usize, minutes: opening.args.get(&ROLL_MINUTES) };
    let (sink, notes) = ParquetParts::open(&paths::of(opening, &PATH), opening.schema, roll)?;
    Ok(Opened { sink: Box::new(sink), notes })
}

fn probe(opening: &Opening<'_>) -> Result<Vec<String>, SinkError> {
    let folder = paths::of(opening, &PATH);
    be_folder(&folder)?;
    let side = folder.join(SIDE);
    paths::probe_folder(&side)?;
    if !folder.exists() {
        return Ok(vec![format!("`{}` will be made", folder.display())]);
    }
    let found = parts::read(&parts::list(&folder)?.0, opening.schema, &mut |_| {})?;
    let mut waiting = 0_u64;
    let mut lines = Vec::new();
    if let Some(file) = paths::existing(&side)? {
        let format = jsonl::format(opening.schema);
        let read = read::read(&side, &file, &format, &mut |_, _| {
            waiting += 1;
            Ok(())
        })?;
        lines.extend(read.torn);
    }
    let (parts, rows) = (found.parts, found.rows);
    lines.insert(0, format!("`{}` has {parts} parts of {rows} rows, {waiting} rows in no part yet", folder.display()));
    Ok(lines)
}

fn be_folder(folder: &Path) -> Result<(), SinkError> {
    if folder.exists() && !folder.is_dir() {
        return Err(SinkError::Unfit {
            sink: format!("parquet `{}`", folder.display()),
            reason: "it is a file".into(),
            help: "`path` is the folder of the parts: give another one".into(),
        });
    }
    Ok(())
}

/// When a part is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Roll {
    /// Rows of a part.
    pub rows: usize,
    /// Minutes between the labels of a part's first and last row, at most.
    pub minutes: u32,
}

/// Writes rows to the parts of a folder, each key once, also over restarts. One process at a time: the side file is
/// locked until the sink is dropped.
pub struct ParquetParts {
    folder: PathBuf,
    side: AppendFile,
    format: JsonLines,
    schema: RecordSchema,
    roll: Roll,
    keys: Keys,
    /// The rows of the side file that are in no part.
    pending: Pending,
    /// Set while `pending` may not be what the side file holds.
    stale: bool,
    next_part: u64,
    lines: Vec<u8>,
}

impl ParquetParts {
    /// Opens or makes the folder, reads the keys of its parts and the rows of its side file; the second value says what
    /// had to be mended.
    pub fn open(folder: &Path, schema: &RecordSchema, roll: Roll) -> Result<(ParquetParts, Vec<String>), SinkError> {
        be_folder(folder)?;
        let path = folder.join(SIDE);
        let file = lock(&path)?;
        let (found, unfinished) = parts::list(folder)?;
        // Whoever wrote them is gone: the lock is ours.
        unfinished.iter().for_each(|path| drop(std::fs::remove_file(path)));

        let mut keys = Keys::new(&[DedupColumn::Ts, DedupColumn::Symbol], schema);
        let found = parts::read(&found, schema, &mut |id| {
            keys.insert_stored(&id);
        })?;
        let format = jsonl::format(schema);
        let mut pending = Pending::new(schema);
        let existing = read_side(&path, &file, &format, &mut pending, &mut |id| keys.insert_stored(id))?;
        let mut notes: Vec<String> = existing.torn.iter().cloned().collect();
        let mut side = AppendFile::new(&path, file, &existing)?;
        if existing.end > 0 && pending.rows() == 0 {
            // A crash came between a part and this.
            side.empty();
        } else if pending.rows() > 0 {
            notes.push(format!("{} rows of an earlier run go into the next part", pending.rows()));
        }
        let sink = ParquetParts {
            folder: folder.into(),
            side,
            format,
            schema: schema.clone(),
            roll,
            keys,
            pending,
            stale: false,
            next_part: found.last + 1,
            lines: Vec::new(),
        };
        Ok((sink, notes))
    }

    /// How many of `rows`, the first of which begins or continues a part, belong to the part under way.
    fn fitting(&self, rows: &[&Record]) -> usize {
        let Some(head) = rows.first() else { return 0 };
        let first = self.pending.first().unwrap_or(head.ts);
        let end = Ts(first.0.saturating_add(i64::from(self.roll.minutes) * 60_000));
        let room = self.roll.rows.max(1).saturating_sub(self.pending.rows());
        rows.iter().take(room).take_while(|r| r.ts < end).count()
    }

    /// Appends rows to the side file, then to those in memory.
    fn take(&mut self, rows: &[&Record]) -> Result<(), SinkError> {
        self.lines.clear();
        for row in rows {
            json::push_record(&mut self.lines, &self.schema, row);
            self.lines.push(b'\n');
        }
        self.side.append(&self.lines)?;
        for row in rows {
            let mut cells = Vec::new();
            self.schema.cells(row, &mut cells);
            self.pending.push(row.ts, &cells);
        }
        Ok(())
    }

    /// Writes the rows in memory as the next part and empties the side file. The last `left` rows that have keys are not
    /// among them.
    fn roll(&mut self, left: usize) -> Result<(), SinkError> {
        if self.pending.rows() == 0 {
            return Ok(());
        }
        parts::write(&self.folder, self.next_part, &self.pending, &self.schema)?;
        self.next_part += 1;
        self.pending = Pending::new(&self.schema);
        // The part is durable: these rows are stored, whatever becomes of the side file.
        self.keys.settle_but(left);
        self.side.empty();
        Ok(())
    }

    /// Reads the rows in memory anew: a failed sync has cut the side file back.
    fn reload(&mut self) -> Result<(), SinkError> {
        if !self.stale {
            return Ok(());
        }
        self.side.clean()?;
        let path = self.side.path().to_owned();
        let failed = |source| SinkError::Write { path: path.clone(), action: "read", source };
        let file = File::open(&path).map_err(failed)?;
        let mut pending = Pending::new(&self.schema);
        read_side(&path, &file, &self.format, &mut pending, &mut |_| true)?;
        (self.pending, self.stale) = (pending, false);
        Ok(())
    }
}

/// Reads the side file; `wanted` says which of its rows are in no part.
fn read_side(
    path: &Path,
    file: &File,
    format: &JsonLines,
    pending: &mut Pending,
    wanted: &mut dyn FnMut(&read::Identity<'_>) -> bool,
) -> Result<read::Existing, SinkError> {
    read::read(path, file, format, &mut |id, line| {
        let values = format.values(line)?;
        if !wanted(&id) {
            return Ok(());
        }
        pending.push_values(id.ts, &values).map_err(|fault| match fault {
            Fault::Torn(reason) | Fault::Differs(reason) | Fault::Bad(reason) => Fault::Bad(reason),
        })
    })
}

impl Sink for ParquetParts {
    fn write(&mut self, rows: &[Record]) -> Result<Written, SinkError> {
        check_widths(&self.folder, &self.schema, rows)?;
        self.reload()?;
        let new: Vec<&Record> = rows.iter().filter(|row| self.keys.insert(row)).collect();
        let (n_new, mut left) = (new.len(), &new[..]);
        while !left.is_empty() {
            let fitting = self.fitting(left);
            let taken = self.take(&left[..fitting]);
            if taken.is_ok() {
                left = &left[fitting..];
            }
            // A part is full, or over: what is left belongs to the next one.
            let full = self.pending.rows() >= self.roll.rows.max(1) || !left.is_empty();
            let done = taken.and_then(|()| if full { self.roll(left.len()) } else { Ok(()) });
            if let Err(e) = done {
                // Rows that were taken are there; the others are offered again.
                self.keys.forget_last(left.len());
                return Err(e);
            }
        }
        Ok(Written { new: n_new, duplicates: rows.len() - n_new, conflicts: 0 })
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        if let Err(e) = self.side.sync() {
            self.keys.forget_unsettled();
            self.stale = true;
            return Err(e);
        }
        self.keys.settle();
        Ok(())
    }

    fn close(mut self: Box<Self>) -> Result<(), SinkError> {
        self.reload()?;
        self.flush()?;
        self.roll(0)
    }

    fn describe(&self) -> String {
        format!("parquet `{}`", self.folder.display())
    }
}
