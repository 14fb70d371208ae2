//! A row as an item.

use aws_sdk_dynamodb::types::AttributeValue;
use sigc_market::Ts;
use sigc_runtime::{Cell, Record, RecordSchema};
use std::collections::HashMap;

/// An item.
pub type Item = HashMap<String, AttributeValue>;

/// The attribute that says which run wrote an item; only with `on_conflict: replace`.
pub const VERSION: &str = "version";
/// The attribute that says when an item may be deleted; only with `ttl_days`.
pub const EXPIRES_AT: &str = "expires_at";

/// The longest partition key, in bytes.
pub const LONGEST_KEY: usize = 2048;

/// Numbers from here on, without their sign, are too large for the service, and those below [`LEAST`] too small.
const TOO_LARGE: f64 = 1e126;
const LEAST: f64 = 1e-130;

/// The partition key: pipeline, frame, column and symbol.
pub fn partition_key(schema: &RecordSchema, row: &Record) -> String {
    let mut key = String::new();
    push_escaped(&mut key, &schema.dag_name);
    if let Some(signal) = schema.signal(row) {
        for name in [&signal.frame, &signal.column] {
            key.push('#');
            push_escaped(&mut key, name);
        }
    }
    key.push('#');
    push_escaped(&mut key, row.symbol.as_str());
    key
}

/// A `#` in a name would make two keys one.
fn push_escaped(out: &mut String, name: &str) {
    for c in name.chars() {
        match c {
            '#' => out.push_str("%23"),
            '%' => out.push_str("%25"),
            c => out.push(c),
        }
    }
}

/// A number. The service takes 38 digits between 1e-130 and 1e126, and a double's shortest text has 17; what is beyond
/// is kept as a text, so that no bit is lost.
pub fn number(x: f64) -> AttributeValue {
    if x == 0.0 {
        // The service has one zero.
        return AttributeValue::N("0".into());
    }
    let text = zmij::Buffer::new().format_finite(x).to_owned();
    match (LEAST..TOO_LARGE).contains(&x.abs()) {
        true => AttributeValue::N(text),
        false => AttributeValue::S(text),
    }
}

/// What [`number`] made, or what a service made of it.
pub fn read_number(value: &AttributeValue) -> Option<f64> {
    match value {
        AttributeValue::N(text) | AttributeValue::S(text) => text.parse().ok(),
        _ => None,
    }
}

/// The attributes of a row beside its key.
pub fn attributes(schema: &RecordSchema, row: &Record) -> Item {
    let mut cells = Vec::new();
    schema.cells(row, &mut cells);
    let value = |cell: Cell<'_>| match cell {
        Cell::Null => AttributeValue::Null(true),
        Cell::Time(ts) => AttributeValue::N(ts.0.to_string()),
        Cell::Text(text) => AttributeValue::S(text.to_owned()),
        Cell::Number(x) => number(x),
        Cell::Integer(x) => AttributeValue::N(x.to_string()),
        Cell::Bool(x) => AttributeValue::Bool(x),
    };
    schema.fields().iter().zip(cells).map(|(field, cell)| (field.name.to_owned(), value(cell))).collect()
}

/// When the table may delete a row, in seconds.
pub fn expires_at(ts: Ts, days: u32) -> AttributeValue {
    AttributeValue::N((ts.0.div_euclid(1_000) + i64::from(days) * 86_400).to_string())
}

/// True if a stored item says something else than `row`: another prediction, or another value of a further column.
/// Columns that the stored item does not have are no contradiction.
pub fn differs(schema: &RecordSchema, row: &Record, stored: &Item) -> bool {
    let mut cells = Vec::new();
    schema.cells(row, &mut cells);
    schema.fields().iter().zip(cells).any(|(field, cell)| {
        if !field.on_request && field.name != "prediction" {
            return false;
        }
        let ours = if let Cell::Number(x) = cell { Some(x) } else { None };
        stored.get(field.name).is_some_and(|value| read_number(value) != ours)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use sigc_market::{NULL, Symbol};
    use sigc_runtime::SignalName;

    fn schema() -> RecordSchema {
        RecordSchema {
            dag_name: "a#b".into(),
            plan: "1f".into(),
            run_id: None,
            signals: vec![SignalName { is_event: false, frame: "f%".into(), column: "p".into(), model: None }],
            extra: vec!["rsi".into()],
            marks: true,
        }
    }

    fn row(value: f64, rsi: f64) -> Record {
        Record {
            signal: 0,
            symbol: Symbol::new("BTCUSDT").expect("a symbol"),
            ts: Ts(1_766_754_000_000),
            open_time: Ts(1_766_750_400_000),
            value,
            extra: vec![rsi],
            caught_up: true,
            latency_ms: Some(412),
        }
    }

    #[test]
    fn a_row_is_the_item_of_the_documentation() {
        let (schema, row) = (schema(), row(0.45, NULL));
        assert_eq!(partition_key(&schema, &row), "a%23b#f%25#p#BTCUSDT");
        let item = attributes(&schema, &row);
        assert_eq!(item["ts"], AttributeValue::N("1766754000000".into()));
        assert_eq!(item["prediction"], AttributeValue::N("0.45".into()));
        assert_eq!(item["rsi"], AttributeValue::Null(true));
        assert_eq!(item["run_id"], AttributeValue::Null(true));
        assert_eq!(item["latency_ms"], AttributeValue::N("412".into()));
        assert_eq!(item["caught_up"], AttributeValue::Bool(true));
        assert_eq!(item.len(), schema.fields().len());
        assert_eq!(expires_at(row.ts, 2), AttributeValue::N("1766926800".into()));
    }

    /// The service's limits, from its documentation: 1E-130 to 9.99...E+125, 38 digits.
    #[test]
    fn numbers_beyond_the_services_range_are_texts() {
        let is_text = |x: f64| matches!(number(x), AttributeValue::S(_));
        for x in [1e-130, -1e-130, 9.999_999_999_999_99e125, 0.1, 107_207.2, 1.0 / 3.0, f64::EPSILON] {
            assert!(!is_text(x), "{x:e}");
        }
        for x in [1e126, -1e126, f64::MAX, 9.999_999_999_999_999e-131, f64::MIN_POSITIVE, 5e-324] {
            assert!(is_text(x), "{x:e}");
        }
        assert_eq!(number(-0.0), AttributeValue::N("0".into()));
    }

    #[test]
    fn only_values_contradict() {
        let (schema, ours) = (schema(), row(0.1, 2.0));
        let mut stored = attributes(&schema, &ours);
        // The service gives numbers back in its own spelling.
        stored.insert("prediction".into(), AttributeValue::N("0.10".into()));
        stored.insert("run_id".into(), AttributeValue::S("another".into()));
        assert!(!differs(&schema, &ours, &stored));
        stored.remove("rsi");
        assert!(!differs(&schema, &ours, &stored));
        stored.insert("rsi".into(), AttributeValue::Null(true));
        assert!(differs(&schema, &ours, &stored));
        assert!(!differs(&schema, &row(0.1, NULL), &stored));
        assert!(differs(&schema, &row(0.100_000_000_000_000_02, NULL), &stored));
    }

    proptest! {
        #[test]
        fn every_double_reads_back(x in any::<f64>().prop_filter("finite", |x| x.is_finite() && *x != 0.0)) {
            let value = number(x);
            prop_assert_eq!(read_number(&value).map(f64::to_bits), Some(x.to_bits()));
            if let AttributeValue::N(text) = value {
                let digits = text.split(['e', 'E']).next().unwrap_or_default().chars().filter(char::is_ascii_digit).count();
                prop_assert!(digits <= 38, "{}", text);
            }
        }
    }
}
