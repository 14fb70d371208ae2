//! A table as csv, plain or gzipped. A null is an empty cell; a bool is `true` or `false`.

use super::{ColumnKind, Format, OWN_COLUMNS, TableSpec};
use crate::sinks::line::{push_name, push_number, push_ts};
use flate2::Compression;
use flate2::write::GzEncoder;
use sigc_market::{Symbol, Ts};
use std::fs::File;
use std::io::{self, Write};

/// Bytes gathered before they are written.
const FULL: usize = 1 << 16;

pub(super) struct CsvTable {
    out: Out,
    kinds: Vec<ColumnKind>,
    lines: Vec<u8>,
}

enum Out {
    Plain(File),
    Gzip(Box<GzEncoder<File>>),
}

impl CsvTable {
    pub fn new(file: File, gzip: bool, spec: &TableSpec) -> io::Result<CsvTable> {
        let out =
            if gzip { Out::Gzip(Box::new(GzEncoder::new(file, Compression::default()))) } else { Out::Plain(file) };
        let mut lines = OWN_COLUMNS.join(",").into_bytes();
        for (name, _) in &spec.columns {
            lines.push(b',');
            push_name(&mut lines, name);
        }
        lines.push(b'\n');
        Ok(CsvTable { out, kinds: spec.columns.iter().map(|(_, kind)| *kind).collect(), lines })
    }

    fn spill(&mut self) -> io::Result<()> {
        match &mut self.out {
            Out::Plain(file) => file.write_all(&self.lines)?,
            Out::Gzip(gzip) => gzip.write_all(&self.lines)?,
        }
        self.lines.clear();
        Ok(())
    }
}

impl Format for CsvTable {
    fn write(&mut self, symbol: &Symbol, open_times: &[Ts], ts: &[Ts], columns: &[&[f64]]) -> io::Result<()> {
        for (i, (open_time, ts)) in open_times.iter().zip(ts).enumerate() {
            let out = &mut self.lines;
            push_ts(out, *ts);
            out.push(b',');
            out.extend_from_slice(symbol.as_str().as_bytes());
            out.push(b',');
            push_ts(out, *open_time);
            for (column, kind) in columns.iter().zip(&self.kinds) {
                out.push(b',');
                match (kind, column[i]) {
                    (ColumnKind::Number, value) => push_number(out, value),
                    (ColumnKind::Bool, value) if value.is_nan() => {}
                    (ColumnKind::Bool, value) => out.extend_from_slice(if value != 0.0 { b"true" } else { b"false" }),
                }
            }
            out.push(b'\n');
            if out.len() >= FULL {
                self.spill()?;
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> io::Result<File> {
        self.spill()?;
        match self.out {
            Out::Plain(file) => Ok(file),
            Out::Gzip(gzip) => gzip.finish(),
        }
    }
}
