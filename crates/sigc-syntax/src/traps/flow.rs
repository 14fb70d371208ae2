//! Slips inside flow collections: `{window:14}`, `{a:[1]}`, `[rsi{window}]`.

use super::lex::{self, Lines};
use super::{Slip, Trap};

/// Walks over the flow collection that opens at `pos`; gives the offset behind it, or where it gave up because the
/// next key in column 0 shows that it was never closed.
pub(super) fn scan(lines: &Lines, pos: usize, traps: &mut Vec<Trap>) -> usize {
    let text = lines.text;
    let bytes = text.as_bytes();
    let mut open = Vec::new();
    let mut at = pos;
    let mut line_end = lines.get(lines.at(pos)).1;
    // True where an entry of a map may begin.
    let mut entry = false;
    while at < bytes.len() {
        match bytes[at] {
            b'\n' => {
                at += 1;
                let line = lines.at(at);
                line_end = lines.get(line).1;
                if lex::word_end(text, at, line_end).is_some() && lex::key_colon(text, at, line_end).is_some() {
                    return at - 1;
                }
            }
            b' ' | b'\t' | b'\r' => at += 1,
            b'#' if at > pos && lex::is_blank(bytes.get(at - 1)) => at = line_end,
            b',' => {
                entry = open.last() == Some(&b'{');
                at += 1;
            }
            b'{' if let Some(end) = brace(lines, at, line_end, open.is_empty(), traps) => {
                at = end;
                entry = false;
            }
            b @ (b'[' | b'{') => {
                open.push(b);
                entry = b == b'{';
                at += 1;
            }
            b']' | b'}' => {
                open.pop();
                at += 1;
                if open.is_empty() {
                    return at;
                }
                entry = false;
            }
            b'"' | b'\'' => {
                at = lex::quote_end(text, at, line_end).unwrap_or(line_end.max(at + 1));
                entry = false;
            }
            b':' => {
                entry = false;
                at += 1;
            }
            _ => {
                at = word(lines, at, line_end, entry, traps);
                entry = false;
            }
        }
    }
    at
}

/// A template that begins with its parameter, `{symbol}_close`; where a flow collection opens it must not be one.
fn brace(lines: &Lines, at: usize, line_end: usize, outermost: bool, traps: &mut Vec<Trap>) -> Option<usize> {
    let end = lex::template_end(lines.text, at, line_end).filter(|_| !outermost)?;
    closes(lines.text, end).then(|| {
        traps.push(Trap { kind: Slip::Brace, start: at, end, gap: at, moved: Vec::new() });
        end
    })
}

/// Whether an entry may end here.
fn closes(text: &str, at: usize) -> bool {
    matches!(text.as_bytes().get(at), None | Some(b',' | b']' | b'}' | b' ' | b'\t' | b'\r' | b'\n'))
}

/// A plain scalar in a flow collection; gives the offset to go on from.
fn word(lines: &Lines, at: usize, line_end: usize, entry: bool, traps: &mut Vec<Trap>) -> usize {
    let text = lines.text;
    let bytes = text.as_bytes();
    if let Some(end) = lex::template_end(text, at, line_end)
        && closes(text, end)
    {
        traps.push(Trap { kind: Slip::Brace, start: at, end, gap: at, moved: Vec::new() });
        return end;
    }
    let mut end = at;
    while end < line_end {
        match bytes[end] {
            b',' | b'[' | b']' | b'{' | b'}' => break,
            b':' if lex::is_blank(bytes.get(end + 1)) || matches!(bytes[end + 1], b',' | b'[' | b']' | b'{' | b'}') => {
                break;
            }
            b'#' if lex::is_blank(bytes.get(end - 1)) => break,
            _ => end += 1,
        }
    }
    // `{a:1}` is the key `a:1` without a value; `{a:1: 2}` has one and is left alone.
    if entry && let Some((value, only_value)) = lex::glued_key(text, at, line_end) {
        let ends = !matches!(bytes.get(end), Some(b':'));
        if only_value || ends {
            let stop = if only_value { value } else { end };
            let stop = text[..stop].trim_ascii_end().len();
            traps.push(Trap { kind: Slip::Colon, start: at, end: stop.max(value), gap: value, moved: Vec::new() });
            return value;
        }
    }
    end.max(at + 1)
}
