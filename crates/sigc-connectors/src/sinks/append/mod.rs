//! A file of lines that rows are appended to, each once: what `csv_append` and `jsonl` share, and the side file of
//! `parquet`.
//!
//! * [`file`]: the file itself. A batch is one write of whole lines; what failed is cut off again.
//! * [`keys`]: which rows are there.
//! * [`read`]: reads a file that is there, and finds a last line that a crash left torn.
//!
//! [`LineSink`] is the three together with a [`Format`], which says what a line looks like.

pub(crate) mod file;
mod keys;
pub(crate) mod read;

pub use keys::DedupColumn;
pub(crate) use keys::Keys;
pub(crate) use read::{Fault, Identity};

use file::AppendFile;
use sigc_runtime::{Record, RecordSchema, Sink, SinkError, Written};
use std::path::Path;

/// What a line looks like.
pub(crate) trait Format: Send {
    /// The sink in one word.
    fn name(&self) -> &'static str;
    /// The first line of a file; empty if every line is a row.
    fn header(&self) -> &[u8];
    /// The fields of a row for a message.
    fn fields(&self) -> String;
    /// Appends a row with its line end.
    fn push(&self, out: &mut Vec<u8>, schema: &RecordSchema, row: &Record);
    /// What a line says, its end taken off.
    fn identity<'a>(&self, line: &'a [u8]) -> Result<Identity<'a>, Fault>;
}

/// Appends rows to a file in one format, each key once, also over restarts.
pub(crate) struct LineSink {
    file: AppendFile,
    format: Box<dyn Format>,
    keys: Keys,
    schema: RecordSchema,
    repaired: Option<String>,
    lines: Vec<u8>,
}

impl LineSink {
    /// Opens or makes the file and its folders, so that what can fail fails before the first row.
    pub fn open(
        path: &Path,
        format: Box<dyn Format>,
        schema: &RecordSchema,
        dedup_key: &[DedupColumn],
    ) -> Result<LineSink, SinkError> {
        let file = file::lock(path)?;
        let mut keys = Keys::new(dedup_key, schema);
        let existing = read::read(path, &file, format.as_ref(), &mut |id, _| {
            keys.insert_stored(&id);
            Ok(())
        })?;
        let file = AppendFile::new(path, file, &existing)?;
        let repaired = existing.torn;
        let mut sink = LineSink { file, format, keys, schema: schema.clone(), repaired, lines: Vec::new() };
        if existing.end == 0 {
            let header = sink.format.header().to_vec();
            sink.file.append(&header)?;
            sink.flush()?;
            file::sync_folder_of(path);
        }
        Ok(sink)
    }

    /// Looks at the file without changing it.
    pub fn probe(path: &Path, format: &dyn Format) -> Result<Vec<String>, SinkError> {
        super::paths::probe_folder(path)?;
        let Some(file) = super::paths::existing(path)? else {
            return Ok(vec![format!("`{}` will be made", path.display())]);
        };
        let mut rows = 0_u64;
        let found = read::read(path, &file, format, &mut |_, _| {
            rows += 1;
            Ok(())
        })?;
        let mut lines = vec![format!("`{}` has these columns and {rows} rows", path.display())];
        lines.extend(found.torn);
        Ok(lines)
    }

    /// What was cut off when the file was opened, in words.
    pub fn repaired(&self) -> Option<&str> {
        self.repaired.as_deref()
    }
}

/// Every row must have the further values that the schema says.
pub(crate) fn check_widths(path: &Path, schema: &RecordSchema, rows: &[Record]) -> Result<(), SinkError> {
    let Some(row) = rows.iter().find(|r| r.extra.len() != schema.extra.len()) else { return Ok(()) };
    let reason = format!("a row has {} further values where {} belong", row.extra.len(), schema.extra.len());
    Err(SinkError::Columns { path: path.into(), reason })
}

impl Sink for LineSink {
    fn write(&mut self, rows: &[Record]) -> Result<Written, SinkError> {
        check_widths(self.file.path(), &self.schema, rows)?;
        self.lines.clear();
        let mut new = 0;
        for row in rows {
            if self.keys.insert(row) {
                new += 1;
                self.format.push(&mut self.lines, &self.schema, row);
            }
        }
        if let Err(e) = self.file.append(&self.lines) {
            self.keys.forget_last(new);
            return Err(e);
        }
        Ok(Written { new, duplicates: rows.len() - new, conflicts: 0 })
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        match self.file.sync() {
            Ok(()) => self.keys.settle(),
            Err(e) => {
                self.keys.forget_unsettled();
                return Err(e);
            }
        }
        Ok(())
    }

    fn close(mut self: Box<Self>) -> Result<(), SinkError> {
        self.flush()
    }

    fn describe(&self) -> String {
        format!("{} `{}`", self.format.name(), self.file.path().display())
    }
}

#[cfg(test)]
mod tests {
    use super::file::SmallDisk;
    use super::*;
    use crate::sinks::{csv_append, jsonl};
    use sigc_market::{Symbol, Ts};

    const KEY: [DedupColumn; 2] = [DedupColumn::Ts, DedupColumn::Symbol];

    fn row(minute: i64) -> Record {
        Record {
            signal: 0,
            latency_ms: None,
            symbol: Symbol::new("BTCUSDT").expect("a symbol"),
            ts: Ts((minute + 1) * 60_000),
            open_time: Ts(minute * 60_000),
            value: 0.5,
            extra: vec![],
            caught_up: false,
        }
    }

    fn schema() -> RecordSchema {
        let name = sigc_runtime::SignalName { is_event: false, frame: "f".into(), column: "c".into(), model: None };
        RecordSchema {
            dag_name: "dag".into(),
            plan: "1f".into(),
            run_id: None,
            signals: vec![name],
            extra: Vec::new(),
            marks: false,
        }
    }

    fn formats() -> [Box<dyn Format>; 2] {
        let path = Path::new("full");
        let csv = csv_append::format(path, &schema()).expect("plain names");
        [Box::new(csv), Box::new(jsonl::format(&schema()))]
    }

    fn sink_on(disk: &SmallDisk, format: Box<dyn Format>) -> LineSink {
        let file = AppendFile::on(Path::new("full"), Box::new(disk.clone()));
        let keys = Keys::new(&KEY, &schema());
        LineSink { file, format, keys, schema: schema(), repaired: None, lines: Vec::new() }
    }

    /// Minutes of the rows of a file, read from the text by hand.
    fn minutes(disk: &SmallDisk) -> Vec<String> {
        let text = String::from_utf8(disk.data()).expect("text");
        text.lines().map(|l| l[l.find("T00:").expect("a time") + 4..][..2].to_owned()).collect()
    }

    #[test]
    fn a_full_disk_leaves_whole_rows_and_the_batch_can_be_offered_again() {
        for cutting_fails in [false, true] {
            for format in formats() {
                let line = {
                    let mut line = Vec::new();
                    format.push(&mut line, &schema(), &row(0));
                    line.len()
                };
                let disk = SmallDisk::with_room(3 * line + line / 2);
                let mut sink = sink_on(&disk, format);
                let two = Written { new: 2, duplicates: 0, conflicts: 0 };
                assert_eq!(sink.write(&[row(0), row(1)]).expect("fits"), two);
                let whole = disk.data();
                disk.fail_cuts(usize::from(cutting_fails));
                let error = sink.write(&[row(1), row(2), row(3)]).expect_err("full");
                assert_eq!(error.code(), "E0512");
                assert!(error.help().contains("space"), "{}", error.help());
                assert_eq!(disk.data() != whole, cutting_fails);

                disk.set_room(10_000);
                let written = sink.write(&[row(1), row(2), row(3)]).expect("room again");
                assert_eq!(written, Written { new: 2, duplicates: 1, conflicts: 0 });
                assert_eq!(minutes(&disk), ["01", "02", "03", "04"]);
            }
        }
    }

    /// After a failed sync nobody knows what is on the disk: those rows are written again.
    #[test]
    fn rows_that_could_not_be_made_durable_are_written_again() {
        for cutting_fails in [0, 1] {
            for format in formats() {
                let disk = SmallDisk::with_room(10_000);
                let mut sink = sink_on(&disk, format);
                sink.write(&[row(0)]).expect("room");
                sink.flush().expect("durable");
                sink.write(&[row(1), row(2)]).expect("room");
                disk.fail_syncs(1);
                disk.fail_cuts(cutting_fails);
                assert_eq!(sink.flush().expect_err("not durable").code(), "E0512");
                let again = sink.write(&[row(1), row(2)]).expect("room");
                assert_eq!(again, Written { new: 2, duplicates: 0, conflicts: 0 });
                sink.flush().expect("durable");
                assert_eq!(minutes(&disk), ["01", "02", "03"]);
                assert_eq!(sink.write(&[row(0), row(2)]).expect("nothing to do").duplicates, 2);
            }
        }
    }
}
