//! What a pipeline emits: one [`Record`] per signal, symbol and row, and the [`RecordSchema`] all records of a sink
//! share.

use sigc_catalog::{FIELDS_BEFORE_COLUMNS, FieldKind, RECORD};
use sigc_market::{Symbol, Ts};

/// One emitted row. Its identity is its signal, its symbol and its open time.
#[derive(Debug, Clone)]
pub struct Record {
    /// Position of the signal in [`sigc_plan::Plan::signals`].
    pub signal: u16,
    /// The symbol the row is about.
    pub symbol: Symbol,
    /// The row's label: the close of its bar unless the pipeline says otherwise.
    pub ts: Ts,
    /// First instant of the row's bar.
    pub open_time: Ts,
    /// The prediction, or an event's value. Never null: a row without one is not emitted.
    pub value: f64,
    /// Further columns on request, in the order of the signal's, or of [`RecordSchema::extra`] once they are on their
    /// way to a sink; null allowed.
    pub extra: Vec<f64>,
    /// The row closed while the process was down and was computed afterwards.
    pub caught_up: bool,
    /// From the close of the row's bar until it was computed, by the venue's clock; `None` in a replay.
    pub latency_ms: Option<i64>,
}

impl PartialEq for Record {
    /// Equal bits; two nulls are equal.
    fn eq(&self, other: &Record) -> bool {
        let same = |a: f64, b: f64| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan());
        let rest = |r: &Record| (r.signal, r.ts, r.open_time, r.caught_up, r.latency_ms);
        self.symbol == other.symbol
            && rest(self) == rest(other)
            && same(self.value, other.value)
            && self.extra.len() == other.extra.len()
            && self.extra.iter().zip(&other.extra).all(|(a, b)| same(*a, *b))
    }
}

/// A signal as a record names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignalName {
    /// True for an event, false for a prediction.
    pub is_event: bool,
    /// Its frame.
    pub frame: String,
    /// The prediction's column, or the event's name.
    pub column: String,
    /// The step that made the value: `models.onnx`; `None` for an event.
    pub model: Option<String>,
}

/// What is the same for all records of a sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordSchema {
    /// The pipeline's name.
    pub dag_name: String,
    /// The plan's fingerprint.
    pub plan: String,
    /// The run; `None` in a replay.
    pub run_id: Option<String>,
    /// The signals of the plan, whichever of them the sink gets.
    pub signals: Vec<SignalName>,
    /// Names of the further columns.
    pub extra: Vec<String>,
    /// Rows say whether they were caught up: `warmup.catch_up: mark`.
    pub marks: bool,
}

/// A field of the records of one sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it holds.
    pub kind: FieldKind,
    /// True if it can be null.
    pub nullable: bool,
    /// True for a further column, false for a field that every record has.
    pub on_request: bool,
}

/// One value of a record.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'a> {
    /// No value. Numbers that are null come as this, never as NaN.
    Null,
    /// An instant.
    Time(Ts),
    /// Text.
    Text(&'a str),
    /// A finite number.
    Number(f64),
    /// A whole number.
    Integer(i64),
    /// True or false.
    Bool(bool),
}

impl RecordSchema {
    /// The fields of a record, in order.
    pub fn fields(&self) -> Vec<Field<'_>> {
        let standard = |f: &'static sigc_catalog::RecordField| Field {
            name: f.name,
            kind: f.kind,
            nullable: f.nullable,
            on_request: false,
        };
        let (before, behind) = RECORD.split_at(FIELDS_BEFORE_COLUMNS);
        let behind = if self.marks { behind } else { &behind[..behind.len() - 1] };
        let mut fields: Vec<Field<'_>> = before.iter().map(standard).collect();
        for name in &self.extra {
            fields.push(Field { name, kind: FieldKind::Number, nullable: true, on_request: true });
        }
        fields.extend(behind.iter().map(standard));
        fields
    }

    /// The values of a record, one for each of [`RecordSchema::fields`].
    ///
    /// # Panics
    /// If the record is of a signal that the schema does not have.
    pub fn cells<'a>(&'a self, record: &'a Record, out: &mut Vec<Cell<'a>>) {
        let number = |x: f64| if x.is_finite() { Cell::Number(x) } else { Cell::Null };
        let signal = &self.signals[usize::from(record.signal)];
        out.clear();
        out.extend([Cell::Time(record.ts), Cell::Text(record.symbol.as_str()), Cell::Time(record.open_time)]);
        out.push(number(record.value));
        out.extend(record.extra.iter().map(|x| number(*x)));
        out.extend([
            Cell::Text(if signal.is_event { "event" } else { "prediction" }),
            Cell::Text(&self.dag_name),
            Cell::Text(&signal.frame),
            Cell::Text(&signal.column),
            signal.model.as_deref().map_or(Cell::Null, Cell::Text),
            Cell::Text(&self.plan),
            self.run_id.as_deref().map_or(Cell::Null, Cell::Text),
            record.latency_ms.map_or(Cell::Null, Cell::Integer),
        ]);
        if self.marks {
            out.push(Cell::Bool(record.caught_up));
        }
    }

    /// The signal of a record.
    pub fn signal(&self, record: &Record) -> Option<&SignalName> {
        self.signals.get(usize::from(record.signal))
    }
}

/// What a sink gets of one signal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Position of the signal in [`sigc_plan::Plan::signals`].
    pub signal: u16,
    /// Which of the signal's further columns the records carry, in order.
    pub extra: Vec<usize>,
}

impl Subscription {
    /// The record as the sink gets it; `None` if it is of a signal that no subscription names.
    pub fn pick(subscriptions: &[Subscription], record: Record) -> Option<Record> {
        let subscription = subscriptions.iter().find(|s| s.signal == record.signal)?;
        let cell = |i: &usize| record.extra.get(*i).copied().unwrap_or(sigc_market::NULL);
        Some(Record { extra: subscription.extra.iter().map(cell).collect(), ..record })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_has_its_cell() {
        for marks in [false, true] {
            let name = SignalName { is_event: false, frame: "f".into(), column: "p".into(), model: None };
            let schema = RecordSchema {
                dag_name: "d".into(),
                plan: "1f".into(),
                run_id: None,
                signals: vec![name],
                extra: vec!["rsi".into(), "atr".into()],
                marks,
            };
            let record = Record {
                signal: 0,
                symbol: Symbol::new("A").expect("a symbol"),
                ts: Ts(60_000),
                open_time: Ts(0),
                value: 0.5,
                extra: vec![1.0, sigc_market::NULL],
                caught_up: true,
                latency_ms: Some(7),
            };
            let (fields, mut cells) = (schema.fields(), Vec::new());
            schema.cells(&record, &mut cells);
            assert_eq!(fields.len(), cells.len());
            for (field, cell) in fields.iter().zip(&cells) {
                let fits = match (field.kind, cell) {
                    (_, Cell::Null) => field.nullable,
                    (FieldKind::Time, Cell::Time(_)) | (FieldKind::Text, Cell::Text(_)) => true,
                    (FieldKind::Number, Cell::Number(_)) | (FieldKind::Integer, Cell::Integer(_)) => true,
                    (FieldKind::Bool, Cell::Bool(_)) => true,
                    _ => false,
                };
                assert!(fits, "{} is {cell:?}", field.name);
            }
            let names: Vec<&str> = fields.iter().map(|f| f.name).collect();
            assert_eq!(&names[..6], ["ts", "symbol", "open_time", "prediction", "rsi", "atr"]);
            assert_eq!(names.last().copied(), Some(if marks { "caught_up" } else { "latency_ms" }));
        }
    }

    #[test]
    fn a_sink_gets_what_it_subscribed_to() {
        let record = |signal| Record {
            signal,
            symbol: Symbol::new("A").expect("a symbol"),
            ts: Ts(1),
            open_time: Ts(0),
            value: 0.5,
            extra: vec![1.0, 2.0],
            caught_up: false,
            latency_ms: None,
        };
        let wanted = [Subscription { signal: 1, extra: vec![1] }];
        assert_eq!(Subscription::pick(&wanted, record(0)), None);
        assert_eq!(Subscription::pick(&wanted, record(1)).map(|r| r.extra), Some(vec![2.0]));
    }
}
