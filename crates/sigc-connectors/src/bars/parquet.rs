//! Bars in parquet. A null is a null cell; a NaN in a float column is an error, as `nan` is in text.

use super::collect::Collector;
use super::columns::Layout;
use super::error::{At, BarsError, Place};
use super::files::BarFile;
use super::limits::MAX_UNPACKED;
use super::time::{TimeColumn, Unit};
use super::{Ticker, symbol_by_name};
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Float32Type, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, TimeUnit};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use sigc_market::{Field, N_FIELDS, NULL, Symbol, Ts};
use std::collections::BTreeSet;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};

const BATCH_ROWS: usize = 8192;

/// Reads a file's rows into `collector`.
pub(super) fn read(file: &BarFile, collector: &mut Collector<'_>, ticker: &mut Ticker<'_>) -> Result<(), BarsError> {
    guarded(file, || read_rows(file, collector, ticker))
}

/// The symbols of a file.
pub(super) fn symbols(file: &BarFile) -> Result<BTreeSet<Symbol>, BarsError> {
    guarded(file, || {
        let (names, builder) = open(file)?;
        let Some(column) = Layout::symbol_in(&names) else {
            return Ok(BTreeSet::from([symbol_by_name(file)?]));
        };
        let mut all = BTreeSet::new();
        let mut done = 0;
        for batch in batches(file, builder, &[column])? {
            let batch = batch.map_err(|e| file.unreadable(e))?;
            let texts = Texts::of(file, batch.column(0))?;
            for i in 0..batch.num_rows() {
                let cell = texts.get(i);
                if !all.iter().any(|s: &Symbol| s.as_str() == cell) {
                    all.insert(symbol_of(file, cell, done + i as u64 + 1)?);
                }
            }
            done += batch.num_rows() as u64;
        }
        Ok(all)
    })
}

/// The decoder's own checks do not cover every broken file, and some end in a panic inside it. Nothing outlives such a
/// call: its caller gives up on the whole reading.
fn guarded<T>(file: &BarFile, body: impl FnOnce() -> Result<T, BarsError>) -> Result<T, BarsError> {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|_| Err(file.unreadable("the parquet data are damaged")))
}

type Builder = ParquetRecordBatchReaderBuilder<File>;

fn open(file: &BarFile) -> Result<(Vec<String>, Builder), BarsError> {
    let opened = File::open(&file.path).map_err(|e| file.unreadable(e))?;
    // The columns' own types say enough; the schema that arrow writers embed beside them is one more thing to be broken.
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let builder = Builder::try_new_with_options(opened, options).map_err(|e| file.unreadable(e))?;
    let unpacked: i64 =
        builder.metadata().row_groups().iter().fold(0, |sum, g| sum.saturating_add(g.total_byte_size()));
    if u64::try_from(unpacked).is_ok_and(|n| n > MAX_UNPACKED) {
        return Err(file.unreadable(format!("unpacks to more than {} GiB", MAX_UNPACKED >> 30)));
    }
    let names = builder.schema().fields().iter().map(|f| f.name().clone()).collect();
    Ok((names, builder))
}

/// Batches of these columns only, in the file's order of columns.
fn batches(file: &BarFile, builder: Builder, columns: &[usize]) -> Result<ParquetRecordBatchReader, BarsError> {
    let mask = ProjectionMask::roots(builder.parquet_schema(), columns.iter().copied());
    builder.with_projection(mask).with_batch_size(BATCH_ROWS).build().map_err(|e| file.unreadable(e))
}

fn read_rows(file: &BarFile, collector: &mut Collector<'_>, ticker: &mut Ticker<'_>) -> Result<(), BarsError> {
    let (names, builder) = open(file)?;
    let mut series = None;
    if Layout::symbol_in(&names).is_none() {
        series = collector.wanted(&symbol_by_name(file)?);
        if series.is_none() {
            return Ok(()); // another symbol's file
        }
    }
    let layout = Layout::of_header(&file.path, &names)?;
    let mut columns: Vec<usize> =
        layout.fields.iter().flatten().copied().chain([layout.time]).chain(layout.symbol).collect();
    columns.sort_unstable();
    columns.dedup();
    let place_of = |column: usize| columns.iter().position(|c| *c == column).expect("every column was listed above");
    let time_at = place_of(layout.time);
    let symbol_at = layout.symbol.map(place_of);
    let fields_at = layout.fields.map(|f| f.map(place_of));

    collector.begin(file, At::Row, layout.fields.map(|f| f.is_some()));
    let mut times = TimeColumn::default();
    let mut current = String::new();
    let mut numbers: [Vec<f64>; N_FIELDS] = Default::default();
    let mut row = 0;
    for batch in batches(file, builder, &columns)? {
        let batch: RecordBatch = batch.map_err(|e| file.unreadable(e))?;
        let time = TimeCells::of(file, batch.column(time_at), &mut times)?;
        let symbols = symbol_at.map(|c| Texts::of(file, batch.column(c))).transpose()?;
        for field in Field::ALL {
            if let Some(c) = fields_at[field.index()] {
                fill(batch.column(c), &mut numbers[field.index()]).ok_or_else(|| {
                    file.unreadable(format!(
                        "column {} holds {}, not numbers",
                        field.name(),
                        batch.column(c).data_type()
                    ))
                })?;
            }
        }
        for i in 0..batch.num_rows() {
            row += 1;
            if let Some(symbols) = &symbols {
                let cell = symbols.get(i);
                if cell != current || current.is_empty() {
                    current = cell.to_owned();
                    series = collector.wanted(&symbol_of(file, cell, row)?);
                }
            }
            let Some(id) = series else { continue };
            let open_time = time.get(i, &mut times).map_err(|reason| unreadable_at(file, row, reason))?;
            let mut values = [NULL; N_FIELDS];
            for (value, (column, at)) in values.iter_mut().zip(numbers.iter().zip(&fields_at)) {
                if at.is_some() {
                    *value = column[i];
                }
            }
            let text = |f: Field| {
                let v = values[f.index()];
                if v.is_infinite() { "NaN or infinity".to_owned() } else { v.to_string() }
            };
            collector.push(id, row, open_time, values, &text)?;
        }
        ticker.rows(batch.num_rows() as u64);
    }
    collector.end()
}

fn unreadable_at(file: &BarFile, row: u64, reason: String) -> BarsError {
    BarsError::Unreadable { place: Place { file: file.path.clone(), at: At::Row(row) }, reason }
}

fn symbol_of(file: &BarFile, cell: &str, row: u64) -> Result<Symbol, BarsError> {
    let shown = || super::time::excerpt(cell.as_bytes());
    Symbol::new(cell).map_err(|_| unreadable_at(file, row, format!("`{}` is no symbol", shown())))
}

/// Copies a column of numbers. A null becomes a null; a NaN that is no null becomes infinite, which no bar may hold.
fn fill(array: &ArrayRef, out: &mut Vec<f64>) -> Option<()> {
    out.clear();
    let keep = |v: f64| if v.is_nan() { f64::INFINITY } else { v };
    macro_rules! copy {
        ($kind:ty) => {
            out.extend(array.as_primitive_opt::<$kind>()?.iter().map(|v| v.map_or(NULL, |v| keep(v as f64))))
        };
    }
    match array.data_type() {
        DataType::Float64 => copy!(Float64Type),
        DataType::Float32 => copy!(Float32Type),
        DataType::Int64 => copy!(Int64Type),
        DataType::Int32 => copy!(Int32Type),
        DataType::UInt64 => copy!(UInt64Type),
        DataType::UInt32 => copy!(UInt32Type),
        _ => return None,
    }
    Some(())
}

/// A column of text, plain or as a dictionary.
enum Texts<'a> {
    Small(&'a arrow_array::StringArray),
    Large(&'a arrow_array::LargeStringArray),
    View(&'a arrow_array::StringViewArray),
    Coded(&'a arrow_array::DictionaryArray<Int32Type>, &'a arrow_array::StringArray),
}

impl<'a> Texts<'a> {
    fn of(file: &BarFile, array: &'a ArrayRef) -> Result<Texts<'a>, BarsError> {
        let found = match array.data_type() {
            DataType::Utf8 => array.as_string_opt().map(Texts::Small),
            DataType::LargeUtf8 => array.as_string_opt().map(Texts::Large),
            DataType::Utf8View => array.as_string_view_opt().map(Texts::View),
            DataType::Dictionary(_, _) => array
                .as_dictionary_opt::<Int32Type>()
                .and_then(|d| d.values().as_string_opt().map(|values| Texts::Coded(d, values))),
            _ => None,
        };
        found.ok_or_else(|| file.unreadable(format!("a column of text holds {}", array.data_type())))
    }

    /// A cell; empty where it is null.
    fn get(&self, i: usize) -> &'a str {
        match self {
            Texts::Small(a) if a.is_valid(i) => a.value(i),
            Texts::Large(a) if a.is_valid(i) => a.value(i),
            Texts::View(a) if a.is_valid(i) => a.value(i),
            Texts::Coded(d, values) => d.key(i).filter(|k| values.is_valid(*k)).map_or("", |k| values.value(k)),
            _ => "",
        }
    }
}

/// A column of open times in any of the types writers use.
enum TimeCells<'a> {
    /// Whole numbers whose unit their size tells.
    Plain(Vec<Option<i64>>),
    /// Whole numbers of the column's unit.
    Typed(Vec<Option<i64>>),
    Text(Texts<'a>),
}

impl<'a> TimeCells<'a> {
    fn of(file: &BarFile, array: &'a ArrayRef, times: &mut TimeColumn) -> Result<TimeCells<'a>, BarsError> {
        macro_rules! whole {
            ($kind:ty) => {
                array.as_primitive_opt::<$kind>().map(|a| a.iter().map(|v| v.map(i64::from)).collect())
            };
        }
        let (unit, cells) = match array.data_type() {
            DataType::Int64 => (None, whole!(Int64Type)),
            DataType::Int32 => (None, whole!(Int32Type)),
            DataType::UInt64 => {
                let cells = array.as_primitive_opt::<UInt64Type>();
                let whole = |v: u64| i64::try_from(v).unwrap_or(i64::MAX);
                (None, cells.map(|a| a.iter().map(|v| v.map(whole)).collect()))
            }
            DataType::Timestamp(TimeUnit::Second, _) => (Some(Unit::Seconds), whole!(TimestampSecondType)),
            DataType::Timestamp(TimeUnit::Millisecond, _) => (Some(Unit::Millis), whole!(TimestampMillisecondType)),
            DataType::Timestamp(TimeUnit::Microsecond, _) => (Some(Unit::Micros), whole!(TimestampMicrosecondType)),
            DataType::Timestamp(TimeUnit::Nanosecond, _) => (Some(Unit::Nanos), whole!(TimestampNanosecondType)),
            DataType::Date32 => (Some(Unit::Days), whole!(Date32Type)),
            _ => return Texts::of(file, array).map(TimeCells::Text),
        };
        let cells: Vec<Option<i64>> = cells.unwrap_or_default();
        Ok(match unit {
            None => TimeCells::Plain(cells),
            Some(unit) => {
                *times = TimeColumn::of_unit(unit);
                TimeCells::Typed(cells)
            }
        })
    }

    fn get(&self, i: usize, times: &mut TimeColumn) -> Result<Ts, String> {
        let null = || "an open time is null".to_owned();
        match self {
            TimeCells::Plain(cells) => times.guess(cells[i].ok_or_else(null)?),
            TimeCells::Typed(cells) => times.number(cells[i].ok_or_else(null)?),
            TimeCells::Text(texts) => times.text(texts.get(i).as_bytes()),
        }
    }
}
