//! Spans as places of a text that are certain to exist.

use crate::{LineCol, SourceFile, Span};
use serde::Serialize;

/// A span inside the text, on character boundaries, with its lines and columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Place {
    pub start: Point,
    /// One past the last character.
    pub end: Point,
}

/// One position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Point {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// In bytes, from 0.
    pub offset: usize,
}

impl Place {
    /// The place of `span`; what does not fit the text moves to the nearest place that does.
    pub fn of(file: &SourceFile, span: Span) -> Place {
        let (start, end) = fit(file.text(), span);
        let point = |offset| {
            let LineCol { line, column } = file.line_col(offset);
            Point { line, column, offset }
        };
        Place { start: point(start), end: point(end) }
    }
}

/// `span` inside `text`, grown to whole characters.
pub(super) fn fit(text: &str, span: Span) -> (usize, usize) {
    let mut start = (span.start as usize).min(text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let mut end = (span.end as usize).clamp(start, text.len());
    while !text.is_char_boundary(end) {
        end += 1;
    }
    (start, end)
}
