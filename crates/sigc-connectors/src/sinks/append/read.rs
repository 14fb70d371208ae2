//! What a file already holds: its rows, and where its last whole line ends.
//!
//! Reads the file once from the front; memory holds one line. One line is one row: csv files with line breaks in names
//! are refused when they are opened.

use super::Format;
use crate::bars::MAX_LINE;
use sigc_market::{Symbol, Ts};
use sigc_runtime::SinkError;
use std::borrow::Cow;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// What makes a row of a file the same as another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity<'a> {
    /// The row's label.
    pub ts: Ts,
    /// The row's symbol.
    pub symbol: Cow<'a, str>,
    /// Its signal's frame.
    pub frame: Cow<'a, str>,
    /// Its signal's column.
    pub column: Cow<'a, str>,
}

impl<'a> Identity<'a> {
    /// From the texts of a line.
    pub fn of(
        ts: &str,
        symbol: Cow<'a, str>,
        frame: Cow<'a, str>,
        column: Cow<'a, str>,
    ) -> Result<Identity<'a>, Fault> {
        let short = |cell: &str| cell.chars().take(40).collect::<String>();
        let ts = Ts::parse_iso(ts).ok_or_else(|| Fault::Bad(format!("`{}` is no time", short(ts))))?;
        if Symbol::new(symbol.as_ref()).is_err() {
            return Err(Fault::Bad(format!("`{}` is no symbol", short(&symbol))));
        }
        Ok(Identity { ts, symbol, frame, column })
    }
}

/// What is wrong with a line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is no whole row: a crash may have left it so, if it is the last one.
    Torn(String),
    /// It is a row with these other fields.
    Differs(String),
    /// It is whole, and no row.
    Bad(String),
}

/// An existing file after it was read.
#[derive(Debug, Default)]
pub(crate) struct Existing {
    /// Bytes up to the end of the last whole line; 0 if not even the header is whole.
    pub end: u64,
    /// What has to be cut off behind `end`, in words.
    pub torn: Option<String>,
}

/// What is done with each row: its identity, and its line without the end.
pub(crate) type OnRow<'r> = &'r mut dyn FnMut(Identity<'_>, &[u8]) -> Result<(), Fault>;

/// Reads `source` and hands on its rows.
pub(crate) fn read(
    path: &Path,
    source: impl Read,
    format: &dyn Format,
    on_row: OnRow<'_>,
) -> Result<Existing, SinkError> {
    let mut source = BufReader::with_capacity(1 << 16, source);
    let mut line = Vec::new();
    let mut next = |line: &mut Vec<u8>| {
        line.clear();
        let more = source.by_ref().take(MAX_LINE).read_until(b'\n', line);
        more.map_err(|source| SinkError::Write { path: path.into(), action: "read", source })
    };
    let differs = |found: String| SinkError::HeaderDiffers { path: path.into(), expected: format.fields(), found };
    let bad = |line, reason| SinkError::BadLine { path: path.into(), line, reason };

    let header = format.header();
    let (mut end, mut number) = (0, 0);
    if !header.is_empty() {
        next(&mut line)?;
        let same = line.strip_suffix(b"\r\n").is_some_and(|l| header.strip_suffix(b"\n") == Some(l)) || line == header;
        if !same {
            // A header cut short by a crash is a file nothing was written to yet.
            if header.starts_with(&line) {
                let torn = (!line.is_empty()).then(|| "the header was cut short and is written again".to_owned());
                return Ok(Existing { end: 0, torn });
            }
            return Err(differs(shown(&line)));
        }
        (end, number) = (line.len() as u64, 1);
    }

    // A line is torn only if no other one follows.
    let mut torn: Option<(u64, String, usize)> = None;
    while next(&mut line)? > 0 {
        if let Some((number, reason, _)) = torn {
            return Err(bad(number, reason));
        }
        number += 1;
        if line.len() as u64 == MAX_LINE {
            return Err(bad(number, format!("the line is longer than {} MiB", MAX_LINE >> 20)));
        }
        let Some(row) = line.strip_suffix(b"\n").map(|l| l.strip_suffix(b"\r").unwrap_or(l)) else {
            torn = Some((number, "the line has no end".to_owned(), line.len()));
            continue;
        };
        match format.identity(row).and_then(|id| on_row(id, row)) {
            Ok(()) => end += line.len() as u64,
            Err(Fault::Torn(reason)) => torn = Some((number, reason, line.len())),
            Err(Fault::Differs(found)) => return Err(differs(shown(found.as_bytes()))),
            Err(Fault::Bad(reason)) => return Err(bad(number, reason)),
        }
    }
    let torn = torn.map(|(line, reason, bytes)| format!("cut off line {line}, {bytes} bytes: {reason}"));
    Ok(Existing { end, torn })
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
