//! Rows as columns, before they are a part.

use crate::sinks::append::Fault;
use crate::sinks::json::text_of;
use arrow_array::builder::{
    BooleanBuilder, Float64Builder, Int64Builder, StringDictionaryBuilder, TimestampMillisecondBuilder,
};
use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef, TimeUnit};
use sigc_catalog::FieldKind;
use sigc_market::Ts;
use sigc_runtime::{Cell, RecordSchema};
use std::borrow::Cow;
use std::str::FromStr;
use std::sync::Arc;

/// The columns of these records.
pub(super) fn schema(records: &RecordSchema) -> SchemaRef {
    let field = |f: &sigc_runtime::Field<'_>| Field::new(f.name, data_type(f.kind), f.nullable);
    Arc::new(Schema::new(records.fields().iter().map(field).collect::<Vec<_>>()))
}

fn data_type(kind: FieldKind) -> DataType {
    match kind {
        FieldKind::Time => DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
        FieldKind::Text => DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)),
        FieldKind::Number => DataType::Float64,
        FieldKind::Integer => DataType::Int64,
        FieldKind::Bool => DataType::Boolean,
    }
}

/// Rows that are in no part yet.
pub(super) struct Pending {
    schema: SchemaRef,
    columns: Vec<Column>,
    rows: usize,
    first: Option<Ts>,
    last: Option<Ts>,
}

enum Column {
    Time(TimestampMillisecondBuilder),
    Text(StringDictionaryBuilder<Int32Type>),
    Number(Float64Builder),
    Integer(Int64Builder),
    Bool(BooleanBuilder),
}

impl Pending {
    /// No rows.
    pub fn new(records: &RecordSchema) -> Pending {
        let column = |f: &sigc_runtime::Field<'_>| match f.kind {
            FieldKind::Time => Column::Time(TimestampMillisecondBuilder::new().with_timezone("UTC")),
            FieldKind::Text => Column::Text(StringDictionaryBuilder::new()),
            FieldKind::Number => Column::Number(Float64Builder::new()),
            FieldKind::Integer => Column::Integer(Int64Builder::new()),
            FieldKind::Bool => Column::Bool(BooleanBuilder::new()),
        };
        let columns = records.fields().iter().map(column).collect();
        Pending { schema: schema(records), columns, rows: 0, first: None, last: None }
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The label of the first row.
    pub fn first(&self) -> Option<Ts> {
        self.first
    }

    /// The label of the last row.
    pub fn last(&self) -> Option<Ts> {
        self.last
    }

    /// Adds a row.
    pub fn push(&mut self, ts: Ts, cells: &[Cell<'_>]) {
        for (column, cell) in self.columns.iter_mut().zip(cells) {
            column.push(*cell);
        }
        self.rows += 1;
        self.first.get_or_insert(ts);
        self.last = Some(ts);
    }

    /// Adds a row of the side file: its values as they stand there.
    pub fn push_values(&mut self, ts: Ts, values: &[&[u8]]) -> Result<(), Fault> {
        let texts: Vec<Option<Cow<'_, str>>> = values.iter().map(|v| text_of(v)).collect();
        let mut cells = Vec::with_capacity(values.len());
        for (i, column) in self.columns.iter().enumerate() {
            let cell = values.get(i).and_then(|v| column.read(v, texts[i].as_deref()));
            let bad = || Fault::Bad(format!("`{}` has a value of another kind", self.schema.field(i).name()));
            cells.push(cell.ok_or_else(bad)?);
        }
        self.push(ts, &cells);
        Ok(())
    }

    /// All rows; they stay here.
    pub fn batch(&self) -> Result<RecordBatch, ArrowError> {
        RecordBatch::try_new(self.schema.clone(), self.columns.iter().map(Column::array).collect())
    }
}

impl Column {
    fn push(&mut self, cell: Cell<'_>) {
        match (self, cell) {
            (Column::Time(b), Cell::Time(ts)) => b.append_value(ts.0),
            (Column::Text(b), Cell::Text(text)) => b.append_value(text),
            (Column::Number(b), Cell::Number(x)) => b.append_value(x),
            (Column::Integer(b), Cell::Integer(x)) => b.append_value(x),
            (Column::Bool(b), Cell::Bool(x)) => b.append_value(x),
            // A cell is of its field's kind or null.
            (Column::Time(b), _) => b.append_null(),
            (Column::Text(b), _) => b.append_null(),
            (Column::Number(b), _) => b.append_null(),
            (Column::Integer(b), _) => b.append_null(),
            (Column::Bool(b), _) => b.append_null(),
        }
    }

    /// Reads what [`crate::sinks::json::push_cell`] wrote.
    fn read<'a>(&self, value: &[u8], text: Option<&'a str>) -> Option<Cell<'a>> {
        fn parse<T: FromStr>(value: &[u8]) -> Option<T> {
            std::str::from_utf8(value).ok()?.parse().ok()
        }
        if value == b"null" {
            return Some(Cell::Null);
        }
        match self {
            Column::Time(_) => text.and_then(Ts::parse_iso).map(Cell::Time),
            Column::Text(_) => text.map(Cell::Text),
            // The standard library reads the nearest double: the same bits.
            Column::Number(_) => parse::<f64>(value).filter(|x| x.is_finite()).map(Cell::Number),
            Column::Integer(_) => parse(value).map(Cell::Integer),
            Column::Bool(_) => parse(value).map(Cell::Bool),
        }
    }

    fn array(&self) -> ArrayRef {
        match self {
            Column::Time(b) => Arc::new(b.finish_cloned()),
            Column::Text(b) => Arc::new(b.finish_cloned()),
            Column::Number(b) => Arc::new(b.finish_cloned()),
            Column::Integer(b) => Arc::new(b.finish_cloned()),
            Column::Bool(b) => Arc::new(b.finish_cloned()),
        }
    }
}
