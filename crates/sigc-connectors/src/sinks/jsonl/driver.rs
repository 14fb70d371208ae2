//! Lines of JSON, and the sinks that append and print them.

use super::step::{JSONL, PATH, STDOUT};
use crate::sinks::append::{DedupColumn, Fault, Format, Identity, Keys, LineSink, check_widths};
use crate::sinks::json::{flat_fields, push_record, text_of};
use crate::sinks::paths;
use sigc_runtime::{Driver, Opened, Opening, Record, RecordSchema, Sink, SinkError, Written};
use std::borrow::Cow;
use std::io::{self, Write};
use std::path::Path;

/// The driver.
pub static DRIVER: Driver = Driver { step: &JSONL, open, probe };

fn open(opening: &Opening<'_>) -> Result<Opened, SinkError> {
    if opening.args.get(&PATH) == STDOUT {
        return Ok(Opened::plain(Printed::new(opening.schema)));
    }
    let jsonl = Jsonl::open(&paths::of(opening, &PATH), opening.schema, &DedupColumn::BOTH)?;
    let notes = jsonl.repaired().map(str::to_owned).into_iter().collect();
    Ok(Opened { sink: Box::new(jsonl), notes })
}

fn probe(opening: &Opening<'_>) -> Result<Vec<String>, SinkError> {
    if opening.args.get(&PATH) == STDOUT {
        return Ok(vec!["rows are printed to standard output".to_owned()]);
    }
    LineSink::probe(&paths::of(opening, &PATH), &format(opening.schema))
}

/// Appends rows to a file of JSON lines, each key once, also over restarts; as [`crate::sinks::csv_append::CsvAppend`]
/// does.
pub struct Jsonl(LineSink);

impl Jsonl {
    /// Opens or makes the file and its folders. An empty `dedup_key` keeps every row.
    pub fn open(path: &Path, schema: &RecordSchema, dedup_key: &[DedupColumn]) -> Result<Jsonl, SinkError> {
        LineSink::open(path, Box::new(format(schema)), schema, dedup_key).map(Jsonl)
    }

    /// What was cut off when the file was opened, in words.
    pub fn repaired(&self) -> Option<&str> {
        self.0.repaired()
    }
}

impl Sink for Jsonl {
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

/// A line for each row, which names its fields.
pub(crate) struct JsonLines {
    names: Vec<String>,
}

/// The lines of these records.
pub(crate) fn format(schema: &RecordSchema) -> JsonLines {
    JsonLines { names: schema.fields().iter().map(|f| f.name.to_owned()).collect() }
}

impl JsonLines {
    /// The values of a line as they stand there, one for each field.
    pub fn values<'a>(&self, line: &'a [u8]) -> Result<Vec<&'a [u8]>, Fault> {
        let torn = || Fault::Torn("it is no JSON object of plain values".to_owned());
        let fields = flat_fields(line).ok_or_else(torn)?;
        if !fields.iter().map(|(name, _)| name.as_ref()).eq(self.names.iter().map(String::as_str)) {
            let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_ref()).collect();
            return Err(Fault::Differs(names.join(",")));
        }
        Ok(fields.into_iter().map(|(_, value)| value).collect())
    }

    /// What a row of these values is the same as.
    pub fn identity_of<'a>(&self, values: &[&'a [u8]]) -> Result<Identity<'a>, Fault> {
        let text = |name: &str| -> Result<Cow<'a, str>, Fault> {
            let at = self.names.iter().position(|n| n == name);
            let value = at.and_then(|i| values.get(i)).copied();
            value.and_then(text_of).ok_or_else(|| Fault::Bad(format!("`{name}` is no text")))
        };
        Identity::of(&text("ts")?, text("symbol")?, text("frame")?, text("column")?)
    }
}

impl Format for JsonLines {
    fn name(&self) -> &'static str {
        "jsonl"
    }
    fn header(&self) -> &[u8] {
        b""
    }
    fn fields(&self) -> String {
        self.names.join(",")
    }
    fn push(&self, out: &mut Vec<u8>, schema: &RecordSchema, row: &Record) {
        push_record(out, schema, row);
        out.push(b'\n');
    }
    fn identity<'a>(&self, line: &'a [u8]) -> Result<Identity<'a>, Fault> {
        self.identity_of(&self.values(line)?)
    }
}

/// Prints rows. What an earlier process printed is not known, so a row may be printed again after a restart.
struct Printed {
    schema: RecordSchema,
    keys: Keys,
    lines: Vec<u8>,
}

impl Printed {
    fn new(schema: &RecordSchema) -> Printed {
        let keys = Keys::new(&DedupColumn::BOTH, schema);
        Printed { schema: schema.clone(), keys, lines: Vec::new() }
    }
}

impl Sink for Printed {
    fn write(&mut self, rows: &[Record]) -> Result<Written, SinkError> {
        check_widths(Path::new(STDOUT), &self.schema, rows)?;
        self.lines.clear();
        let mut new = 0;
        for row in rows {
            if self.keys.insert(row) {
                new += 1;
                push_record(&mut self.lines, &self.schema, row);
                self.lines.push(b'\n');
            }
        }
        let mut out = io::stdout().lock();
        if let Err(source) = out.write_all(&self.lines).and_then(|()| out.flush()) {
            self.keys.forget_last(new);
            return Err(match source.kind() {
                io::ErrorKind::BrokenPipe => SinkError::Denied {
                    sink: self.describe(),
                    reason: "nobody reads standard output any more".into(),
                    help: "keep the reader running as long as the run, or write to a file".into(),
                },
                _ => SinkError::Write { path: STDOUT.into(), action: "print to", source },
            });
        }
        self.keys.settle();
        Ok(Written { new, duplicates: rows.len() - new, conflicts: 0 })
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
    fn close(self: Box<Self>) -> Result<(), SinkError> {
        Ok(())
    }
    fn describe(&self) -> String {
        "jsonl to standard output".to_owned()
    }
}
