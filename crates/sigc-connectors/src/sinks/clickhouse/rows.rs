//! Rows in ClickHouse's `RowBinaryWithNamesAndTypes`: the bits of every number as they are, times as counts since 1970
//! whatever the server's time zone, and a header by which the server notices that a column's type was changed.

use super::table::{Encoding, Layout, Slot};
use sigc_market::Ts;
use sigc_runtime::Cell;

/// The name of the format.
pub const FORMAT: &str = "RowBinaryWithNamesAndTypes";

/// What stands before the rows.
pub fn header(layout: &Layout) -> Vec<u8> {
    let mut out = Vec::new();
    push_length(&mut out, layout.slots.len());
    layout.slots.iter().for_each(|slot| push_text(&mut out, &slot.name));
    layout.slots.iter().for_each(|slot| push_text(&mut out, &slot.type_text));
    out
}

/// Appends a row whose record has these `cells`. `version` goes into the column that decides which of two rows with one
/// key stays, where the sink fills it.
///
/// # Errors
/// A value that its column cannot hold; then `out` is as it was.
pub fn push_row(out: &mut Vec<u8>, layout: &Layout, cells: &[Cell<'_>], version: u64) -> Result<(), String> {
    let before = out.len();
    for slot in &layout.slots {
        let pushed = match slot.field.map(|i| cells[i]) {
            Some(cell) => push_cell(out, slot, cell),
            None => {
                out.extend_from_slice(&version.to_le_bytes());
                Ok(())
            }
        };
        if let Err(problem) = pushed {
            out.truncate(before);
            return Err(format!("column `{}` cannot hold {problem}", slot.name));
        }
    }
    Ok(())
}

fn push_cell(out: &mut Vec<u8>, slot: &Slot, cell: Cell<'_>) -> Result<(), String> {
    if slot.nullable {
        out.push(u8::from(cell == Cell::Null));
        if cell == Cell::Null {
            return Ok(());
        }
    }
    match (cell, slot.encoding) {
        (Cell::Time(ts), Encoding::Ticks { digits }) => {
            let ticks = ts.0.checked_mul(10_i64.pow(digits - 3));
            out.extend_from_slice(&ticks.ok_or_else(|| format!("the time {ts}"))?.to_le_bytes());
        }
        (Cell::Time(ts), Encoding::Seconds) => out.extend_from_slice(&seconds(ts)?.to_le_bytes()),
        (Cell::Text(text), Encoding::Text) => push_text(out, text),
        // No field that can be null is ever an empty text.
        (Cell::Null, Encoding::Text) => push_text(out, ""),
        (Cell::Number(x), Encoding::Double) => out.extend_from_slice(&x.to_le_bytes()),
        (Cell::Integer(x), Encoding::Long) => out.extend_from_slice(&x.to_le_bytes()),
        (Cell::Bool(x), Encoding::Byte) => out.push(u8::from(x)),
        (Cell::Null, _) => return Err("a null".into()),
        (cell, _) => return Err(format!("{cell:?}")),
    }
    Ok(())
}

/// A `DateTime`.
fn seconds(ts: Ts) -> Result<u32, String> {
    let whole = (ts.0 % 1_000 == 0).then_some(ts.0 / 1_000);
    whole.and_then(|s| u32::try_from(s).ok()).ok_or_else(|| format!("the time {ts}, which is no whole second of it"))
}

fn push_text(out: &mut Vec<u8>, text: &str) {
    push_length(out, text.len());
    out.extend_from_slice(text.as_bytes());
}

/// LEB128.
fn push_length(out: &mut Vec<u8>, mut n: usize) {
    while n >= 0x80 {
        out.push((n & 0x7f) as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(name: &str, type_text: &str, encoding: Encoding, nullable: bool, field: Option<usize>) -> Slot {
        Slot { name: name.into(), type_text: type_text.into(), encoding, nullable, field }
    }

    #[test]
    fn rows_are_the_bytes_that_the_format_asks_for() {
        let layout = Layout {
            slots: vec![
                slot("ts", "DateTime64(3, 'UTC')", Encoding::Ticks { digits: 3 }, false, Some(0)),
                slot("symbol", "LowCardinality(String)", Encoding::Text, false, Some(1)),
                slot("x", "Nullable(Float64)", Encoding::Double, true, Some(2)),
                slot("version", "UInt64", Encoding::Long, false, None),
            ],
            ..Layout::default()
        };
        let mut out = Vec::new();
        // 2025-12-26T13:00:00Z; the eight bytes were measured on a server (26.9) that wrote the same time.
        let cells = [Cell::Time(Ts(1_766_754_000_000)), Cell::Text("BTC"), Cell::Number(-0.0)];
        push_row(&mut out, &layout, &cells, 7).expect("fits");
        let mut wanted = vec![0x80, 0x9c, 0xbe, 0x5a, 0x9b, 0x01, 0, 0, 3, b'B', b'T', b'C'];
        wanted.extend([0, 0, 0, 0, 0, 0, 0, 0, 0x80]);
        wanted.extend([7, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(out, wanted);

        out.clear();
        push_row(&mut out, &layout, &[Cell::Time(Ts(-1)), Cell::Text(""), Cell::Null], 0).expect("fits");
        assert_eq!(out, [vec![0xff; 8], vec![0, 1], vec![0; 8]].concat());

        let header = header(&layout);
        assert!(header.starts_with(b"\x04\x02ts\x06symbol\x01x\x07version\x14DateTime64(3, 'UTC')\x16LowCard"));
    }

    #[test]
    fn what_does_not_fit_leaves_nothing_behind() {
        let one = |encoding, nullable| Layout {
            slots: vec![
                slot("a", "String", Encoding::Text, false, Some(0)),
                slot("b", "?", encoding, nullable, Some(1)),
            ],
            ..Layout::default()
        };
        for (layout, cell, said) in [
            (one(Encoding::Double, false), Cell::Null, "column `b` cannot hold a null"),
            (one(Encoding::Seconds, false), Cell::Time(Ts(1_500)), "1970-01-01T00:00:01.5Z, which is no whole second"),
            (one(Encoding::Seconds, false), Cell::Time(Ts(-1_000)), "1969-12-31T23:59:59Z, which"),
            (one(Encoding::Ticks { digits: 9 }, false), Cell::Time(Ts(i64::MAX / 10)), "cannot hold the time"),
            (one(Encoding::Byte, true), Cell::Integer(3), "cannot hold Integer(3)"),
        ] {
            let mut out = vec![9];
            let problem = push_row(&mut out, &layout, &[Cell::Text("t"), cell], 0).expect_err(said);
            assert!(problem.contains(said), "{problem}");
            assert_eq!(out, [9]);
        }
    }

    #[test]
    fn lengths_are_leb128() {
        for (n, bytes) in [(0, &[0][..]), (127, &[127]), (128, &[0x80, 1]), (300, &[0xac, 2])] {
            let mut out = Vec::new();
            push_length(&mut out, n);
            assert_eq!(out, bytes);
        }
    }
}
