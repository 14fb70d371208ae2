//! What a csv file already holds: its keys, and where its last whole line ends.
//!
//! Reads the file once from the front; memory holds one line and the keys. Names with line breaks are refused when a
//! file is opened, so one line is one row.

use super::driver::{Key, Keys};
use crate::bars::MAX_LINE;
use crate::sinks::line::{fields, n_fields};
use sigc_market::{Symbol, Ts};
use sigc_runtime::SinkError;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// An existing file after it was read.
pub(super) struct Existing {
    /// Bytes up to the end of the last whole line; 0 if not even the header is whole.
    pub end: u64,
    /// What has to be cut off behind `end`, in words.
    pub torn: Option<String>,
}

/// Reads `source`, whose first line must be `header`, and adds the keys of its rows to `keys`.
pub(super) fn read(path: &Path, source: impl Read, header: &[u8], keys: &mut Keys) -> Result<Existing, SinkError> {
    let mut source = BufReader::with_capacity(1 << 16, source);
    let mut line = Vec::new();
    let mut next = |line: &mut Vec<u8>| {
        line.clear();
        let more = source.by_ref().take(MAX_LINE).read_until(b'\n', line);
        more.map_err(|source| SinkError::Write { path: path.into(), action: "read", source })
    };

    next(&mut line)?;
    let same = line.strip_suffix(b"\r\n").is_some_and(|l| header.strip_suffix(b"\n") == Some(l)) || line == header;
    if !same {
        // A header cut short by a crash is a file nothing was written to yet.
        if header.starts_with(&line) {
            let torn = (!line.is_empty()).then(|| "the header was cut short and is written again".to_owned());
            return Ok(Existing { end: 0, torn });
        }
        return Err(SinkError::HeaderDiffers { path: path.into(), expected: shown(header), found: shown(&line) });
    }

    let width = n_fields(header);
    let names = fields(header.strip_suffix(b"\n").unwrap_or(header));
    let signal_at = names.windows(2).position(|w| w[0] == b"frame" && w[1] == b"column").unwrap_or(width);
    let (mut end, mut number) = (line.len() as u64, 1);
    // A line is bad only once another one follows: the last one may be torn.
    let mut bad: Option<(u64, String, usize)> = None;
    while next(&mut line)? > 0 {
        if let Some((line, reason, _)) = bad {
            return Err(SinkError::BadLine { path: path.into(), line, reason });
        }
        number += 1;
        if line.len() as u64 == MAX_LINE {
            let reason = format!("the line is longer than {} MiB", MAX_LINE >> 20);
            return Err(SinkError::BadLine { path: path.into(), line: number, reason });
        }
        let whole = line.strip_suffix(b"\n").map(|l| l.strip_suffix(b"\r").unwrap_or(l));
        let n = n_fields(whole.unwrap_or(&line));
        match whole {
            Some(row) if n == width => {
                let key = key_of(path, number, row, signal_at, keys)?;
                keys.insert(key);
                end += line.len() as u64;
            }
            Some(_) => bad = Some((number, format!("{n} fields where {width} belong"), line.len())),
            None => bad = Some((number, "the line has no end".to_owned(), line.len())),
        }
    }
    let torn = bad.map(|(line, reason, bytes)| format!("cut off line {line}, {bytes} bytes: {reason}"));
    Ok(Existing { end, torn })
}

fn key_of(path: &Path, line: u64, row: &[u8], signal_at: usize, keys: &mut Keys) -> Result<Key, SinkError> {
    let bad = |reason: String| SinkError::BadLine { path: path.into(), line, reason };
    let cells = fields(row);
    let text = |i: usize| cells.get(i).map_or("", |c| std::str::from_utf8(c).unwrap_or("\u{fffd}"));
    let (ts, symbol) = (text(0), text(1));
    let short = |cell: &str| cell.chars().take(40).collect::<String>();
    let ts = Ts::parse_iso(ts).ok_or_else(|| bad(format!("`{}` is no time", short(ts))))?;
    let symbol = Symbol::new(symbol).map_err(|_| bad(format!("`{}` is no symbol", short(symbol))))?;
    let signal = cells.get(signal_at..signal_at + 2).map(|c| c.join(&b','));
    Ok(keys.key_of(ts, &symbol, &signal.unwrap_or_default()))
}

/// A header for a message.
fn shown(header: &[u8]) -> String {
    let text = String::from_utf8_lossy(header);
    let mut short: String = text.trim_end().chars().take(300).collect();
    if text.trim_end().chars().count() > 300 {
        short.push_str("...");
    }
    short
}
