//! Bars in csv, plain, gzipped or zipped. Nothing is unpacked as a whole.

use super::collect::{Collector, SeriesId};
use super::columns::Layout;
use super::error::{At, BarsError, Place, ValueFault};
use super::files::{BarFile, Kind};
use super::limits::{Limited, MAX_UNPACKED};
use super::time::{TimeColumn, excerpt};
use super::{Ticker, symbol_by_name};
use sigc_market::{Field, N_FIELDS, NULL, Symbol};
use std::cell::Cell;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufReader, Read};

const BUFFER: usize = 1 << 16;

/// Reads a file's rows into `collector`.
pub(super) fn read(file: &BarFile, collector: &mut Collector<'_>, ticker: &mut Ticker<'_>) -> Result<(), BarsError> {
    with_lines(file, |lines| {
        if !lines.next()? {
            return Err(file.unreadable("the file is empty"));
        }
        let names = lines.names();
        let headerless = Layout::is_kline_row(lines.record.iter());
        let by_column = if headerless { None } else { Layout::symbol_in(&names) };
        let mut series = match by_column {
            Some(_) => None,
            None => match collector.wanted(&symbol_by_name(file)?) {
                None => return Ok(()), // another symbol's file
                id => id,
            },
        };
        let layout = if headerless { Layout::kline() } else { Layout::of_header(&file.path, &names)? };
        collector.begin(file, At::Line, layout.fields.map(|f| f.is_some()));
        let mut times = TimeColumn::default();
        let mut current: Vec<u8> = Vec::new();
        let mut more = if headerless { true } else { lines.next()? };
        while more {
            lines.check_width(layout.width)?;
            if let Some(column) = layout.symbol {
                let cell = lines.cell(column);
                if cell != current || current.is_empty() {
                    current = cell.to_vec();
                    series = collector.wanted(&lines.symbol(column)?);
                }
            }
            if let Some(id) = series {
                push(lines, &layout, &mut times, collector, id)?;
            }
            ticker.rows(1);
            more = lines.next()?;
        }
        collector.end()
    })
}

/// The symbols of a file.
pub(super) fn symbols(file: &BarFile) -> Result<BTreeSet<Symbol>, BarsError> {
    with_lines(file, |lines| {
        if !lines.next()? {
            return Err(file.unreadable("the file is empty"));
        }
        let names = lines.names();
        let Some(column) = Layout::symbol_in(&names) else {
            return Ok(BTreeSet::from([symbol_by_name(file)?]));
        };
        let mut all = BTreeSet::new();
        let mut current: Vec<u8> = Vec::new();
        while lines.next()? {
            lines.check_width(names.len())?;
            if lines.cell(column) != current {
                current = lines.cell(column).to_vec();
                all.insert(lines.symbol(column)?);
            }
        }
        Ok(all)
    })
}

fn push(
    lines: &Lines<'_>,
    layout: &Layout,
    times: &mut TimeColumn,
    collector: &mut Collector<'_>,
    id: SeriesId,
) -> Result<(), BarsError> {
    let open_time = times.text(lines.cell(layout.time)).map_err(|reason| lines.error(reason))?;
    let mut values = [NULL; N_FIELDS];
    for field in Field::ALL {
        let Some(column) = layout.fields[field.index()] else { continue };
        let cell = lines.cell(column);
        values[field.index()] = match number(cell) {
            Ok(value) => value,
            Err(Some(fault)) => return Err(collector.bad_value(id, lines.number(), field, excerpt(cell), fault)),
            Err(None) => return Err(lines.error(format!("{} `{}` is no number", field.name(), excerpt(cell)))),
        };
    }
    let text = |field: Field| layout.fields[field.index()].map(|c| excerpt(lines.cell(c))).unwrap_or_default();
    collector.push(id, lines.number(), open_time, values, &text)
}

/// The number in a cell; null if it is empty.
fn number(cell: &[u8]) -> Result<f64, Option<ValueFault>> {
    if cell.is_empty() {
        return Ok(NULL);
    }
    let text = std::str::from_utf8(cell).map_err(|_| None)?;
    match text.parse::<f64>() {
        Ok(v) if v.is_finite() => Ok(v),
        Ok(v) if v.is_nan() => Err(Some(ValueFault::NullWord)),
        Ok(_) => Err(Some(ValueFault::NotFinite)),
        Err(_) => {
            let words = ["null", "none", "na", "n/a", "<na>", "nat", "-nan", "nil"];
            Err(words.contains(&text.to_ascii_lowercase().as_str()).then_some(ValueFault::NullWord))
        }
    }
}

/// The records of a csv, one at a time.
struct Lines<'a> {
    file: &'a BarFile,
    reader: csv::Reader<Limited<'a, Box<dyn Read + 'a>>>,
    record: csv::ByteRecord,
    since_line: &'a Cell<u64>,
}

impl Lines<'_> {
    /// Goes to the next record; false at the end.
    fn next(&mut self) -> Result<bool, BarsError> {
        let more = self.reader.read_byte_record(&mut self.record);
        self.since_line.set(0);
        more.map_err(|e| {
            let reason = match e.kind() {
                csv::ErrorKind::Io(io) if io.kind() == io::ErrorKind::UnexpectedEof => {
                    "the file is cut short".to_owned()
                }
                csv::ErrorKind::Io(io) => io.to_string(),
                _ => e.to_string(),
            };
            let at = At::Line(self.reader.position().line());
            BarsError::Unreadable { place: Place { file: self.file.path.clone(), at }, reason }
        })
    }

    /// The line the record begins at.
    fn number(&self) -> u64 {
        self.record.position().map_or(0, csv::Position::line)
    }

    /// A cell without the space around it.
    fn cell(&self, column: usize) -> &[u8] {
        self.record.get(column).unwrap_or_default().trim_ascii()
    }

    fn names(&self) -> Vec<String> {
        self.record.iter().map(|n| String::from_utf8_lossy(n).trim().to_owned()).collect()
    }

    fn check_width(&self, width: usize) -> Result<(), BarsError> {
        let found = self.record.len();
        if found == width { Ok(()) } else { Err(self.error(format!("{found} fields where {width} belong"))) }
    }

    fn symbol(&self, column: usize) -> Result<Symbol, BarsError> {
        let cell = self.cell(column);
        let symbol = std::str::from_utf8(cell).ok().and_then(|s| Symbol::new(s).ok());
        symbol.ok_or_else(|| self.error(format!("`{}` is no symbol", excerpt(cell))))
    }

    /// An error about the record.
    fn error(&self, reason: String) -> BarsError {
        BarsError::Unreadable { place: Place { file: self.file.path.clone(), at: At::Line(self.number()) }, reason }
    }
}

/// Opens a file, unpacks it as it is read, and hands its records to `body`.
fn with_lines<T>(file: &BarFile, body: impl FnOnce(&mut Lines<'_>) -> Result<T, BarsError>) -> Result<T, BarsError> {
    let opened = File::open(&file.path).map_err(|e| file.unreadable(e))?;
    match file.kind {
        Kind::CsvGz => {
            let packed = BufReader::with_capacity(BUFFER, opened);
            lines_of(file, flate2::bufread::MultiGzDecoder::new(packed), body)
        }
        Kind::Zip => {
            let broken = |e: zip::result::ZipError| file.unreadable(e);
            let mut archive = zip::ZipArchive::new(BufReader::with_capacity(BUFFER, opened)).map_err(broken)?;
            let mut csvs = Vec::new();
            for i in 0..archive.len() {
                let entry = archive.by_index_raw(i).map_err(broken)?;
                if entry.name_raw().to_ascii_lowercase().ends_with(b".csv") {
                    csvs.push(i);
                }
            }
            let [inside] = csvs[..] else {
                return Err(file.unreadable(format!("the zip holds {} csv files where one belongs", csvs.len())));
            };
            lines_of(file, archive.by_index(inside).map_err(broken)?, body)
        }
        _ => lines_of(file, opened, body),
    }
}

fn lines_of<'a, T>(
    file: &'a BarFile,
    source: impl Read + 'a,
    body: impl FnOnce(&mut Lines<'_>) -> Result<T, BarsError>,
) -> Result<T, BarsError> {
    let since_line = Cell::new(0);
    let inner: Box<dyn Read + '_> = Box::new(source);
    let limited = Limited { inner, left: MAX_UNPACKED, since_line: &since_line };
    let reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).buffer_capacity(BUFFER).from_reader(limited);
    body(&mut Lines { file, reader, record: csv::ByteRecord::new(), since_line: &since_line })
}
