//! The few lines of a file that one diagnostic shows, made safe for a terminal and for miette.
//!
//! In go the file and byte ranges; out comes a text of its own, with the ranges moved into it. Miette gets this
//! text and never the file: the renderer counts columns in bytes, treats a lone carriage return as a line in one
//! place and not in another, joins labels that are far apart into one long snippet, shows nothing for a place at
//! the end of the file, and passes escape sequences on to the terminal. Here each row is one line of the file plus
//! a line feed, tabs are blanks, control characters are visible signs, and every range stays within one row.

use super::place::fit;
use crate::{LineCol, SourceFile, Span};
use miette::{MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};
use std::collections::BTreeMap;
use std::ops::Range;

/// Lines shown before and after a marked one.
const CONTEXT: usize = 1;
const TAB: usize = 4;

/// Rows of a file with marked ranges.
#[derive(Debug)]
pub(super) struct Excerpt {
    name: String,
    text: String,
    rows: Vec<Row>,
    /// The ranges in the excerpt's text, in the order of the spans they come from.
    pub marks: Vec<Range<usize>>,
    places: Vec<LineCol>,
}

/// One line of the file inside the excerpt.
#[derive(Debug)]
struct Row {
    /// Line of the file, from 1.
    number: usize,
    /// Its bytes of the excerpt's text, line feed included.
    at: Range<usize>,
}

impl Excerpt {
    /// The lines around `spans`. A span over several lines marks its part of the first one. Lines longer than
    /// `room` characters are cut around what is marked in them.
    pub fn new(file: &SourceFile, spans: &[Span], room: usize, unicode: bool) -> Excerpt {
        let text = file.shown();
        let mut lines: BTreeMap<usize, Range<usize>> = BTreeMap::new();
        let mut fitted = Vec::with_capacity(spans.len());
        for &span in spans {
            let (start, end) = fit(text, span);
            let line = line_at(text, start);
            let start = start.min(line.end);
            fitted.push((line.start, start..end.clamp(start, line.end)));
            for near in around(text, &line) {
                lines.insert(near.start, near);
            }
        }

        let mut excerpt = Excerpt {
            name: file.name().chars().map(|c| visible(c, unicode)).collect(),
            text: String::new(),
            rows: Vec::with_capacity(lines.len()),
            marks: vec![0..0; spans.len()],
            places: fitted.iter().map(|(_, r)| file.line_col(r.start)).collect(),
        };
        let primary = fitted.first().map_or(0, |(line, _)| *line);
        for line in primary_first(text, lines, primary) {
            let here: Vec<usize> = (0..fitted.len()).filter(|&i| fitted[i].0 == line.start).collect();
            let inside = |i: usize| {
                let range = &fitted[i].1;
                range.start - line.start..range.end - line.start
            };
            let ranges: Vec<_> = here.iter().map(|&i| inside(i)).collect();
            let (row, ranges) = shown(&text[line.clone()], line.start == 0, &ranges, room, unicode);
            let at = excerpt.text.len();
            for (i, range) in here.into_iter().zip(ranges) {
                excerpt.marks[i] = at + range.start..at + range.end;
            }
            excerpt.text.push_str(&row);
            excerpt.text.push('\n');
            excerpt.rows.push(Row { number: file.line_col(line.start).line, at: at..excerpt.text.len() });
        }
        excerpt
    }

    fn row_of(&self, offset: usize) -> usize {
        let after = self.rows.partition_point(|r| r.at.start <= offset);
        after.saturating_sub(1)
    }

    fn adjoin(&self, row: usize, next: usize) -> bool {
        let number = |i: usize| self.rows.get(i).map(|r| r.number);
        number(row).map(|n| n + 1) == number(next)
    }
}

impl SourceCode for Excerpt {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let end = span.offset() + span.len();
        if end > self.text.len() || self.rows.is_empty() {
            return Err(MietteError::OutOfBounds);
        }
        let (mut first, mut last) = (self.row_of(span.offset()), self.row_of(end));
        for _ in 0..before {
            if first > 0 && self.adjoin(first - 1, first) {
                first -= 1;
            }
        }
        for _ in 0..after {
            if self.adjoin(last, last + 1) {
                last += 1;
            }
        }
        // So the renderer does not join snippets that lie apart.
        if !(first..last).all(|row| self.adjoin(row, row + 1)) {
            return Err(MietteError::OutOfBounds);
        }
        let at = self.rows[first].at.start..self.rows[last].at.end;
        // Without context the renderer asks for the place it writes above the snippet.
        let mark = self.marks.iter().position(|m| m.start == span.offset());
        let column = match mark {
            Some(i) if before == 0 => self.places[i].column - 1,
            _ => 0,
        };
        Ok(Box::new(MietteSpanContents::new_named(
            self.name.clone(),
            &self.text.as_bytes()[at.clone()],
            (at.start, at.len()).into(),
            self.rows[first].number - 1,
            column,
            last + 1 - first,
        )))
    }
}

/// The lines in the order to show: the run of adjoining lines that holds the primary one, then the rest.
fn primary_first(text: &str, lines: BTreeMap<usize, Range<usize>>, primary: usize) -> Vec<Range<usize>> {
    let mut runs: Vec<Vec<Range<usize>>> = Vec::new();
    for line in lines.into_values() {
        match runs.last_mut() {
            Some(run) if run.last().is_some_and(|l| next_line(text, l) == line.start) => {
                run.push(line);
            }
            _ => runs.push(vec![line]),
        }
    }
    let holds = |run: &Vec<Range<usize>>| run.iter().any(|l| l.start == primary);
    runs.sort_by_key(|run| !holds(run));
    runs.concat()
}

/// Where the line after `line` starts; past the end of the text after the last one.
fn next_line(text: &str, line: &Range<usize>) -> usize {
    let rest = text[line.end..].find('\n').unwrap_or(text.len());
    line.end + rest + 1
}

/// The line that holds `offset`, without its line break.
fn line_at(text: &str, offset: usize) -> Range<usize> {
    let start = text[..offset].rfind('\n').map_or(0, |i| i + 1);
    let end = text[offset..].find('\n').map_or(text.len(), |i| offset + i);
    let line = &text[start..end];
    start..start + line.strip_suffix('\r').unwrap_or(line).len()
}

/// `line` and its neighbours. The empty line after a final line break is not a neighbour.
fn around(text: &str, line: &Range<usize>) -> Vec<Range<usize>> {
    let mut lines = vec![line.clone()];
    let mut start = line.start;
    for _ in 0..CONTEXT {
        let Some(end) = start.checked_sub(1) else {
            break;
        };
        let near = line_at(text, end);
        start = near.start;
        lines.push(near);
    }
    let mut end = line.end;
    for _ in 0..CONTEXT {
        let next = next_line(text, &(start..end));
        if next >= text.len() {
            break;
        }
        let near = line_at(text, next);
        end = near.end;
        lines.push(near);
    }
    lines
}

/// A line as the terminal may show it, with `ranges` moved along, cut to `room` characters.
fn shown(
    line: &str,
    first_of_file: bool,
    ranges: &[Range<usize>],
    room: usize,
    unicode: bool,
) -> (String, Vec<Range<usize>>) {
    let mut chars: Vec<char> = Vec::with_capacity(line.len());
    // For each byte of the line and its end: how many characters are shown before it.
    let mut before = Vec::with_capacity(line.len() + 1);
    for (i, c) in line.char_indices() {
        before.resize(i + c.len_utf8(), chars.len());
        match c {
            '\t' => chars.resize((chars.len() / TAB + 1) * TAB, ' '),
            '\u{feff}' if first_of_file && i == 0 => {}
            _ => chars.push(visible(c, unicode)),
        }
    }
    before.push(chars.len());
    let mut ranges: Vec<_> = ranges.iter().map(|r| before[r.start]..before[r.end]).collect();
    if chars.len() > room {
        cut(&mut chars, &mut ranges, room, if unicode { '…' } else { '~' });
    }

    let mut text = String::with_capacity(chars.len());
    let mut offsets = Vec::with_capacity(chars.len() + 1);
    for c in &chars {
        offsets.push(text.len());
        text.push(*c);
    }
    offsets.push(text.len());
    let moved = |r: Range<usize>| offsets[r.start]..offsets[r.end];
    (text, ranges.into_iter().map(moved).collect())
}

/// Keeps `room` of the characters, so that the first range is in sight, and puts `sign` where something is left out.
fn cut(chars: &mut Vec<char>, ranges: &mut [Range<usize>], room: usize, sign: char) {
    let first = ranges.iter().map(|r| r.start).min().unwrap_or(0);
    let last = ranges.iter().map(|r| r.end).max().unwrap_or(0);
    let from = if last < room { 0 } else { first.saturating_sub(room / 3).min(chars.len() - room) };
    let cut_right = from + room < chars.len();
    chars.truncate(from + room);
    chars.drain(..from);
    if let (true, Some(c)) = (from > 0, chars.first_mut()) {
        *c = sign;
    }
    if let (true, Some(c)) = (cut_right, chars.last_mut()) {
        *c = sign;
    }
    for range in ranges {
        let inside = |x: usize| x.saturating_sub(from).min(room);
        *range = inside(range.start)..inside(range.end);
    }
}

/// A sign for characters that a terminal would obey or hide.
pub(super) fn visible(c: char, unicode: bool) -> char {
    let picture = match c {
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(c)),
        '\u{7f}' => Some('\u{2421}'),
        // Further controls, marks that reorder a line, invisible characters, line separators.
        '\u{80}'..='\u{9f}'
        | '\u{61c}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}' => Some(char::REPLACEMENT_CHARACTER),
        _ => return c,
    };
    picture.filter(|_| unicode).unwrap_or('?')
}
