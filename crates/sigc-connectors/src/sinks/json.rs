//! Records as JSON: one object per row, its fields in order.
//!
//! Times are ISO 8601 in UTC, numbers the shortest text that reads back as the same bits, a null is `null`.

use super::line::{push_number, push_ts};
use sigc_runtime::{Cell, Record, RecordSchema};
use std::borrow::Cow;
use std::io::Write;

/// Appends a record as one object, without a line end.
pub fn push_record(out: &mut Vec<u8>, schema: &RecordSchema, record: &Record) {
    let mut cells = Vec::new();
    schema.cells(record, &mut cells);
    out.push(b'{');
    for (i, (field, cell)) in schema.fields().iter().zip(cells).enumerate() {
        if i > 0 {
            out.push(b',');
        }
        push_text(out, field.name);
        out.push(b':');
        push_cell(out, cell);
    }
    out.push(b'}');
}

/// Appends a value.
pub fn push_cell(out: &mut Vec<u8>, cell: Cell<'_>) {
    match cell {
        Cell::Null => out.extend_from_slice(b"null"),
        Cell::Time(ts) => {
            out.push(b'"');
            push_ts(out, ts);
            out.push(b'"');
        }
        Cell::Text(text) => push_text(out, text),
        Cell::Number(x) => push_number(out, x),
        Cell::Integer(x) => write!(out, "{x}").expect("a vector takes every byte"),
        Cell::Bool(x) => out.extend_from_slice(if x { b"true" } else { b"false" }),
    }
}

/// Appends a text with its quotes.
pub fn push_text(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("a vector takes every byte");
}

/// The fields of a flat object: their names, and their values as they stand there. `None` if `line` is anything else.
pub(crate) fn flat_fields(line: &[u8]) -> Option<Vec<(Cow<'_, str>, &[u8])>> {
    let mut rest = line.trim_ascii().strip_prefix(b"{")?.strip_suffix(b"}")?.trim_ascii();
    let mut fields = Vec::new();
    while !rest.is_empty() {
        let (name, behind) = split_value(rest)?;
        let (value, behind) = split_value(behind.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start())?;
        fields.push((text_of(name)?, value));
        rest = match behind.trim_ascii_start() {
            [b',', more @ ..] if !more.trim_ascii().is_empty() => more.trim_ascii_start(),
            [] => break,
            _ => return None,
        };
    }
    Some(fields)
}

/// A text, its quotes and escapes taken off; `None` if `value` is none.
pub(crate) fn text_of(value: &[u8]) -> Option<Cow<'_, str>> {
    let inner = value.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    if inner.contains(&b'\\') {
        return serde_json::from_slice::<String>(value).ok().map(Cow::Owned);
    }
    std::str::from_utf8(inner).ok().map(Cow::Borrowed)
}

/// The text, number or word at the front of `rest`, and what is behind it.
fn split_value(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = if rest.first()? == &b'"' {
        let mut escaped = false;
        let close = rest[1..].iter().position(|b| {
            let closes = *b == b'"' && !escaped;
            escaped = *b == b'\\' && !escaped;
            closes
        })?;
        close + 2
    } else {
        rest.iter().position(|b| !(b.is_ascii_alphanumeric() || b"+-.".contains(b))).unwrap_or(rest.len())
    };
    (end > 0).then(|| rest.split_at(end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sigc_market::{NULL, Symbol, Ts};
    use sigc_runtime::SignalName;

    #[test]
    fn a_record_reads_back() {
        let signal = SignalName { is_event: true, frame: "f".into(), column: "low \"x\"".into(), model: None };
        let schema = RecordSchema {
            dag_name: "d\n".into(),
            plan: "1f".into(),
            run_id: Some("r".into()),
            signals: vec![signal],
            extra: vec!["rsi".into(), "atr".into()],
            marks: true,
        };
        let record = Record {
            signal: 0,
            symbol: Symbol::new("BTCUSDT").expect("a symbol"),
            ts: Ts(60_000),
            open_time: Ts(0),
            value: 0.1,
            extra: vec![1e300, NULL],
            caught_up: false,
            latency_ms: Some(412),
        };
        let mut text = Vec::new();
        push_record(&mut text, &schema, &record);
        let read: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
        let wanted = serde_json::json!({
            "ts": "1970-01-01T00:01:00Z", "symbol": "BTCUSDT", "open_time": "1970-01-01T00:00:00Z", "prediction": 0.1,
            "rsi": 1e300, "atr": null, "kind": "event", "dag_name": "d\n", "frame": "f", "column": "low \"x\"",
            "model": null, "plan": "1f", "run_id": "r", "latency_ms": 412, "caught_up": false,
        });
        assert_eq!(read, wanted);

        // The reader of flat objects finds the same names and values.
        let fields = flat_fields(&text).expect("a flat object");
        let object = wanted.as_object().expect("an object");
        assert!(fields.iter().map(|(name, _)| name.as_ref()).eq(object.keys().map(String::as_str)));
        for (name, value) in &fields {
            assert_eq!(serde_json::from_slice::<serde_json::Value>(value).expect("a value"), object[name.as_ref()]);
        }
    }

    #[test]
    fn what_is_no_flat_object_is_told_apart() {
        assert_eq!(flat_fields(b"{}"), Some(vec![]));
        assert_eq!(flat_fields(br#" { "a\"b" : 1 , "c":"}" } "#).map(|f| f.len()), Some(2));
        for bad in [
            "",
            "{",
            "[1]",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{\"a\":{}}",
            "{\"a\":1 2}",
            "{a:1}",
            "{\"a\":\"}",
            "\0\0",
        ] {
            assert_eq!(flat_fields(bad.as_bytes()), None, "{bad}");
        }
    }
}
