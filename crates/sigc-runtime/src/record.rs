//! What a pipeline emits: one [`Record`] per symbol and bar, and the [`RecordSchema`] all records of a run share.

use sigc_market::{Symbol, Ts};

/// One emitted row. Its identity is its symbol and its open time.
#[derive(Debug, Clone)]
pub struct Record {
    /// The symbol the row is about.
    pub symbol: Symbol,
    /// The row's label: the close of its bar unless the pipeline says otherwise.
    pub ts: Ts,
    /// First instant of the row's bar.
    pub open_time: Ts,
    /// The prediction. Never null: a row without one is not emitted.
    pub value: f64,
    /// Further columns on request, in the order of [`RecordSchema::extra`]; null allowed.
    pub extra: Vec<f64>,
    /// The row closed while the process was down and was computed afterwards.
    pub caught_up: bool,
}

impl PartialEq for Record {
    /// Equal bits; two nulls are equal.
    fn eq(&self, other: &Record) -> bool {
        let same = |a: f64, b: f64| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan());
        self.symbol == other.symbol
            && (self.ts, self.open_time, self.caught_up) == (other.ts, other.open_time, other.caught_up)
            && same(self.value, other.value)
            && self.extra.len() == other.extra.len()
            && self.extra.iter().zip(&other.extra).all(|(a, b)| same(*a, *b))
    }
}

/// What is the same for all rows of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordSchema {
    /// The pipeline's name.
    pub dag_name: String,
    /// The frame the prediction comes from.
    pub frame: String,
    /// The column the prediction comes from.
    pub column: String,
    /// Names of the further columns.
    pub extra: Vec<String>,
    /// Rows say whether they were caught up: `warmup.catch_up: mark`.
    pub marks: bool,
}
