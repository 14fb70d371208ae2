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
}
