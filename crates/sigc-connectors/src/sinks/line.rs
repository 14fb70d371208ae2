//! Cells of a csv line: times, numbers, names.

use sigc_market::Ts;
use sigc_runtime::Cell;
use std::borrow::Cow;
use std::io::Write;

/// Appends an instant in ISO 8601.
pub(super) fn push_ts(out: &mut Vec<u8>, ts: Ts) {
    write!(out, "{ts}").expect("a vector takes every byte");
}

/// Appends the shortest text that reads back as the same number; nothing for a null.
pub(super) fn push_number(out: &mut Vec<u8>, value: f64) {
    if value.is_finite() {
        out.extend_from_slice(zmij::Buffer::new().format_finite(value).as_bytes());
    }
}

/// Appends a name, quoted where RFC 4180 asks for it.
pub(super) fn push_name(out: &mut Vec<u8>, name: &str) {
    if name.contains(['"', ',', '\n', '\r']) || name.trim() != name {
        out.push(b'"');
        out.extend_from_slice(name.replace('"', "\"\"").as_bytes());
        out.push(b'"');
    } else {
        out.extend_from_slice(name.as_bytes());
    }
}

/// Appends a value of a record.
pub(super) fn push_cell(out: &mut Vec<u8>, cell: Cell<'_>) {
    match cell {
        Cell::Null => {}
        Cell::Time(ts) => push_ts(out, ts),
        Cell::Text(text) => push_name(out, text),
        Cell::Number(x) => push_number(out, x),
        Cell::Integer(x) => write!(out, "{x}").expect("a vector takes every byte"),
        Cell::Bool(x) => out.extend_from_slice(if x { b"true" } else { b"false" }),
    }
}

/// The fields of a line as they stand there, quotes included.
pub(super) fn fields(line: &[u8]) -> Vec<&[u8]> {
    let mut quoted = false;
    line.split(|b| {
        quoted ^= *b == b'"';
        *b == b',' && !quoted
    })
    .collect()
}

/// The name that a cell of a line holds, its quotes taken off.
pub(super) fn name_of(cell: &[u8]) -> Cow<'_, str> {
    match cell.strip_prefix(b"\"").and_then(|c| c.strip_suffix(b"\"")) {
        Some(quoted) => Cow::Owned(String::from_utf8_lossy(quoted).replace("\"\"", "\"")),
        None => String::from_utf8_lossy(cell),
    }
}

/// How many fields a line has, counted outside quotes.
pub(super) fn n_fields(line: &[u8]) -> usize {
    let mut quoted = false;
    let mut n = 1;
    for b in line {
        match b {
            b'"' => quoted = !quoted,
            b',' if !quoted => n += 1,
            _ => {}
        }
    }
    n
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_as_rfc_4180_asks() {
        for (name, text) in [("plain", "plain"), ("a,b", "\"a,b\""), ("say \"x\"", "\"say \"\"x\"\"\""), ("", "")] {
            let mut out = Vec::new();
            push_name(&mut out, name);
            assert_eq!(String::from_utf8_lossy(&out), text);
            assert_eq!(n_fields(&out), 1);
            assert_eq!(name_of(&out), name);
        }
        assert_eq!(n_fields(b"a,\"b,c\",,"), 4);
        assert_eq!(fields(b"a,\"b,c\",,"), [&b"a"[..], b"\"b,c\"", b"", b""]);
    }

    #[test]
    fn numbers_read_back() {
        for v in [0.1, 1e300, 5e-324, -0.0, 107_207.2, 1.0 / 3.0] {
            let mut out = Vec::new();
            push_number(&mut out, v);
            let text = String::from_utf8_lossy(&out).into_owned();
            assert_eq!(text.parse::<f64>().map(f64::to_bits), Ok(v.to_bits()), "{text}");
        }
        let mut out = Vec::new();
        push_number(&mut out, f64::NAN);
        assert!(out.is_empty());
    }
}
