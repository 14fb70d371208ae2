//! A table as parquet: times as UTC milliseconds, the symbol as a dictionary, zstd.

use super::{ColumnKind, Format, OWN_COLUMNS, TableSpec};
use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, BooleanArray, DictionaryArray, Float64Array, Int32Array, RecordBatch, StringArray,
    TimestampMillisecondArray,
};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use sigc_market::{Symbol, Ts};
use std::fs::File;
use std::io;
use std::sync::Arc;

/// Rows handed to the writer at a time.
const BATCH_ROWS: usize = 1 << 16;

pub(super) struct ParquetTable {
    writer: ArrowWriter<File>,
    schema: SchemaRef,
    kinds: Vec<ColumnKind>,
}

impl ParquetTable {
    pub fn new(file: File, spec: &TableSpec) -> io::Result<ParquetTable> {
        let time = DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
        let symbol = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        let mut fields: Vec<Field> = OWN_COLUMNS
            .into_iter()
            .zip([time.clone(), symbol, time])
            .map(|(name, kind)| Field::new(name, kind, false))
            .collect();
        fields.extend(spec.columns.iter().map(|(name, kind)| {
            let kind = match kind {
                ColumnKind::Number => DataType::Float64,
                ColumnKind::Bool => DataType::Boolean,
            };
            Field::new(name, kind, true)
        }));
        let schema = Arc::new(Schema::new(fields));
        let properties = zstd_with(&spec.metadata);
        let writer = ArrowWriter::try_new(file, schema.clone(), Some(properties)).map_err(to_io)?;
        Ok(ParquetTable { writer, schema, kinds: spec.columns.iter().map(|(_, kind)| *kind).collect() })
    }
}

impl Format for ParquetTable {
    fn write(&mut self, symbol: &Symbol, open_times: &[Ts], ts: &[Ts], columns: &[&[f64]]) -> io::Result<()> {
        for start in (0..ts.len()).step_by(BATCH_ROWS) {
            let rows = start..ts.len().min(start + BATCH_ROWS);
            let names: ArrayRef = Arc::new(StringArray::from(vec![symbol.as_str()]));
            let codes = Int32Array::from(vec![0; rows.len()]);
            let symbols = DictionaryArray::<Int32Type>::try_new(codes, names).map_err(io::Error::other)?;
            let mut arrays: Vec<ArrayRef> =
                vec![Arc::new(times(&ts[rows.clone()])), Arc::new(symbols), Arc::new(times(&open_times[rows.clone()]))];
            for (column, kind) in columns.iter().zip(&self.kinds) {
                let cells = column[rows.clone()].iter().map(|v| v.is_finite().then_some(*v));
                arrays.push(match kind {
                    ColumnKind::Number => Arc::new(cells.collect::<Float64Array>()),
                    ColumnKind::Bool => Arc::new(cells.map(|v| v.map(|v| v != 0.0)).collect::<BooleanArray>()),
                });
            }
            let batch = RecordBatch::try_new(self.schema.clone(), arrays).map_err(io::Error::other)?;
            self.writer.write(&batch).map_err(to_io)?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> io::Result<File> {
        self.writer.finish().map_err(to_io)?;
        self.writer.inner().try_clone()
    }
}

fn times(ts: &[Ts]) -> TimestampMillisecondArray {
    TimestampMillisecondArray::from_iter_values(ts.iter().map(|t| t.0)).with_timezone("UTC")
}

/// How sigc writes parquet, with notes beside the data.
pub(crate) fn zstd_with(notes: &[(String, String)]) -> WriterProperties {
    let notes = notes.iter().map(|(key, value)| KeyValue::new(key.clone(), value.clone())).collect();
    WriterProperties::builder()
        .set_compression(Compression::ZSTD(Default::default()))
        .set_key_value_metadata(Some(notes))
        .build()
}

/// The system's own error where that is the cause: it says whether the disk is full.
pub(crate) fn to_io(e: ParquetError) -> io::Error {
    match e {
        ParquetError::External(inner) => match inner.downcast::<io::Error>() {
            Ok(io) => *io,
            Err(other) => io::Error::other(other),
        },
        e => io::Error::other(e),
    }
}
