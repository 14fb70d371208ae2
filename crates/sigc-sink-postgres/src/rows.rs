//! A batch as arrays, one for each column.

use crate::table::{Fit, Shape};
use sigc_market::Ts;
use sigc_runtime::{Cell, Record, RecordSchema};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio_postgres::types::{ToSql, Type};

/// The values of a column.
#[derive(Debug)]
enum Array<'a> {
    Instants(Vec<Option<SystemTime>>),
    Integers(Vec<Option<i64>>),
    Texts(Vec<Option<&'a str>>),
    Doubles(Vec<Option<f64>>),
    Bools(Vec<Option<bool>>),
}

/// A batch, ready to be sent.
#[derive(Debug)]
pub(crate) struct Arrays<'a> {
    arrays: Vec<(Array<'a>, Type)>,
}

impl<'a> Arrays<'a> {
    /// The records as the table takes them.
    pub fn of(fit: &Fit, schema: &'a RecordSchema, rows: &'a [Record]) -> Arrays<'a> {
        let empty = |shape: Shape| match shape {
            Shape::Instant | Shape::Clock => Array::Instants(Vec::with_capacity(rows.len())),
            Shape::Millis | Shape::Integer => Array::Integers(Vec::with_capacity(rows.len())),
            Shape::Text => Array::Texts(Vec::with_capacity(rows.len())),
            Shape::Double => Array::Doubles(Vec::with_capacity(rows.len())),
            Shape::Bool => Array::Bools(Vec::with_capacity(rows.len())),
        };
        let mut arrays: Vec<(Array<'a>, Type)> =
            fit.written.iter().map(|w| (empty(w.shape), w.shape.array())).collect();
        let mut cells = Vec::new();
        for row in rows {
            schema.cells(row, &mut cells);
            for (w, (array, _)) in fit.written.iter().zip(&mut arrays) {
                array.push(cells.get(w.field).copied().unwrap_or(Cell::Null));
            }
        }
        Arrays { arrays }
    }

    /// As parameters of a statement.
    pub fn params(&self) -> Vec<(&(dyn ToSql + Sync), Type)> {
        self.arrays.iter().map(|(array, t)| (array.as_param(), t.clone())).collect()
    }
}

impl<'a> Array<'a> {
    /// A cell of another kind than the field's does not occur; it would be a null.
    fn push(&mut self, cell: Cell<'a>) {
        match (self, cell) {
            (Array::Instants(v), Cell::Time(ts)) => v.push(Some(instant(ts))),
            (Array::Integers(v), Cell::Time(ts)) => v.push(Some(ts.millis())),
            (Array::Integers(v), Cell::Integer(x)) => v.push(Some(x)),
            (Array::Texts(v), Cell::Text(x)) => v.push(Some(x)),
            (Array::Doubles(v), Cell::Number(x)) => v.push(Some(x)),
            (Array::Bools(v), Cell::Bool(x)) => v.push(Some(x)),
            (Array::Instants(v), _) => v.push(None),
            (Array::Integers(v), _) => v.push(None),
            (Array::Texts(v), _) => v.push(None),
            (Array::Doubles(v), _) => v.push(None),
            (Array::Bools(v), _) => v.push(None),
        }
    }

    fn as_param(&self) -> &(dyn ToSql + Sync) {
        match self {
            Array::Instants(v) => v,
            Array::Integers(v) => v,
            Array::Texts(v) => v,
            Array::Doubles(v) => v,
            Array::Bools(v) => v,
        }
    }
}

fn instant(ts: Ts) -> SystemTime {
    let ms = Duration::from_millis(ts.millis().unsigned_abs());
    if ts.millis() < 0 { UNIX_EPOCH - ms } else { UNIX_EPOCH + ms }
}
