//! Lines of csv, and the sink that appends them.

use super::step::{CSV_APPEND, PATH};
use crate::sinks::append::{Fault, Format, Identity, LineSink};
use crate::sinks::line::{fields, n_fields, name_of, push_cell, push_name};
use crate::sinks::paths;
use sigc_runtime::{Driver, Opened, Opening, Record, RecordSchema, Sink, SinkError, Written};
use std::path::Path;

pub use crate::sinks::append::DedupColumn;

/// The driver.
pub static DRIVER: Driver = Driver { step: &CSV_APPEND, open, probe };

fn open(opening: &Opening<'_>) -> Result<Opened, SinkError> {
    let csv = CsvAppend::open(&paths::of(opening, &PATH), opening.schema, &DedupColumn::BOTH)?;
    let notes = csv.repaired().map(str::to_owned).into_iter().collect();
    Ok(Opened { sink: Box::new(csv), notes })
}

/// Reads the file that is there, and looks whether its folder can be written to.
fn probe(opening: &Opening<'_>) -> Result<Vec<String>, SinkError> {
    let path = paths::of(opening, &PATH);
    LineSink::probe(&path, &format(&path, opening.schema)?)
}

/// Appends rows to a csv file, each key once, also over restarts.
///
/// Opening reads the keys of all rows that are there and cuts off a last line that a crash left torn; a row whose key is
/// there is counted as a duplicate and not written, **whatever its other values are**. A batch is one write of whole
/// lines; if it fails, the file is cut back to the last whole row. One process at a time: the file is locked until the
/// sink is dropped.
pub struct CsvAppend(LineSink);

impl CsvAppend {
    /// Opens or makes the file and its folders, so that what can fail fails before the first row. An empty `dedup_key`
    /// keeps every row.
    pub fn open(path: &Path, schema: &RecordSchema, dedup_key: &[DedupColumn]) -> Result<CsvAppend, SinkError> {
        LineSink::open(path, Box::new(format(path, schema)?), schema, dedup_key).map(CsvAppend)
    }

    /// What was cut off when the file was opened, in words.
    pub fn repaired(&self) -> Option<&str> {
        self.0.repaired()
    }
}

impl Sink for CsvAppend {
    fn write(&mut self, rows: &[Record]) -> Result<Written, SinkError> {
        self.0.write(rows)
    }
    fn flush(&mut self) -> Result<(), SinkError> {
        self.0.flush()
    }
    fn close(self: Box<Self>) -> Result<(), SinkError> {
        Box::new(self.0).close()
    }
    fn describe(&self) -> String {
        self.0.describe()
    }
}

/// A header line, then a line for each row.
pub(crate) struct Csv {
    header: Vec<u8>,
    width: usize,
    /// Positions of `ts`, `symbol`, `frame` and `column`.
    at: [usize; 4],
}

/// The lines of these records. A name with a line break is refused, so that one line is one row.
pub(crate) fn format(path: &Path, schema: &RecordSchema) -> Result<Csv, SinkError> {
    let signals = schema.signals.iter().flat_map(|s| [&s.frame, &s.column]);
    let mut names = [&schema.dag_name].into_iter().chain(signals).chain(&schema.extra);
    if let Some(name) = names.find(|n| n.contains(['\n', '\r'])) {
        let reason = format!("the name {name:?} holds a line break");
        return Err(SinkError::Columns { path: path.into(), reason });
    }
    let fields = schema.fields();
    let mut header = Vec::new();
    for (i, field) in fields.iter().enumerate() {
        if i > 0 {
            header.push(b',');
        }
        push_name(&mut header, field.name);
    }
    header.push(b'\n');
    // The fields of every record come before or behind further columns, whose names are never theirs.
    let position = |name: &str| fields.iter().position(|f| f.name == name && !f.on_request).unwrap_or(fields.len());
    Ok(Csv { header, width: fields.len(), at: ["ts", "symbol", "frame", "column"].map(position) })
}

impl Format for Csv {
    fn name(&self) -> &'static str {
        "csv_append"
    }

    fn header(&self) -> &[u8] {
        &self.header
    }

    fn fields(&self) -> String {
        String::from_utf8_lossy(&self.header).trim_end().to_owned()
    }

    fn push(&self, out: &mut Vec<u8>, schema: &RecordSchema, row: &Record) {
        let mut cells = Vec::new();
        schema.cells(row, &mut cells);
        for (i, cell) in cells.into_iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            push_cell(out, cell);
        }
        out.push(b'\n');
    }

    fn identity<'a>(&self, line: &'a [u8]) -> Result<Identity<'a>, Fault> {
        let n = n_fields(line);
        if n != self.width {
            return Err(Fault::Torn(format!("{n} fields where {} belong", self.width)));
        }
        let cells = fields(line);
        let [ts, symbol, frame, column] = self.at.map(|i| name_of(cells.get(i).copied().unwrap_or_default()));
        Identity::of(&ts, symbol, frame, column)
    }
}
