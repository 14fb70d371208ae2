//! The record: what every sink gets of a row, described once.
//!
//! A row's fields are these, in this order, with the further columns that a pipeline asks for behind `prediction`.
//! Sinks name their columns after them, `sigc schema --records` prints them, and no further column may have the name
//! of one.

/// What a field of a record holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FieldKind {
    /// An instant, to the millisecond, UTC.
    Time,
    /// Text.
    Text,
    /// A finite double, or null.
    Number,
    /// A whole number.
    Integer,
    /// True or false.
    Bool,
}

/// A field of every record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordField {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: FieldKind,
    /// True if it can be null.
    pub nullable: bool,
    /// What it means, with its unit.
    pub doc: &'static str,
}

const fn field(name: &'static str, kind: FieldKind, nullable: bool, doc: &'static str) -> RecordField {
    RecordField { name, kind, nullable, doc }
}

/// The fields in order. The further columns stand behind the first [`FIELDS_BEFORE_COLUMNS`]; the last one is there
/// only where rows say whether they were caught up.
pub static RECORD: [RecordField; 13] = [
    field("ts", FieldKind::Time, false, "the row's label: the close of its bar, or its open with `label: open`"),
    field("symbol", FieldKind::Text, false, "the symbol, as the venue spells it"),
    field("open_time", FieldKind::Time, false, "first instant of the row's bar"),
    field("prediction", FieldKind::Number, false, "the value: a model's or strategy's output, or that of an event"),
    field("kind", FieldKind::Text, false, "`prediction` or `event`"),
    field("dag_name", FieldKind::Text, false, "the pipeline's name"),
    field("frame", FieldKind::Text, false, "the frame whose row it is"),
    field("column", FieldKind::Text, false, "the column the value comes from, or the event's name"),
    field("model", FieldKind::Text, true, "the step that made the value: `models.onnx`; null for an event"),
    field("plan", FieldKind::Text, false, "the plan's fingerprint: everything that can change a bit"),
    field("run_id", FieldKind::Text, true, "the run that delivered the row; null in a replay"),
    field(
        "latency_ms",
        FieldKind::Integer,
        true,
        "from the close of the row's bar until the row was computed, by the venue's clock; null in a replay",
    ),
    field("caught_up", FieldKind::Bool, false, "the row closed while the process was down (`warmup.catch_up: mark`)"),
];

/// How many fields stand before the further columns.
pub const FIELDS_BEFORE_COLUMNS: usize = 4;
