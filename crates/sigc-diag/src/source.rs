//! A pipeline file and its line table.

use crate::Span;

/// A line and a column, both from 1; the column counts characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineCol {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// A file's name and text, with the starts of its lines.
#[derive(Debug, Clone)]
pub struct SourceFile {
    name: String,
    text: String,
    line_starts: Vec<usize>,
    shown: Option<String>,
}

impl SourceFile {
    /// Takes the text and finds its lines.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        let text = text.into();
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(i, _)| i + 1)).collect();
        SourceFile { name: name.into(), text, line_starts, shown: None }
    }

    /// As the user named it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Shows asterisks instead of these places from now on. Characters keep their number and their bytes, so that
    /// every place stays where it is.
    pub fn hide(&mut self, spans: &[Span]) {
        for span in spans {
            let before = self.shown.as_deref().unwrap_or(&self.text);
            let (Some(head), Some(part), Some(tail)) =
                (before.get(..span.start as usize), before.get(span.range()), before.get(span.end as usize..))
            else {
                continue;
            };
            let veil = |c: char| match c.len_utf8() {
                _ if c == '\n' || c == '\r' => c,
                1 => '*',
                2 => '·',
                3 => '•',
                _ => '𝄽',
            };
            self.shown = Some(format!("{head}{}{tail}", part.chars().map(veil).collect::<String>()));
        }
    }

    /// The text as it may be shown.
    pub fn shown(&self) -> &str {
        self.shown.as_deref().unwrap_or(&self.text)
    }

    /// The text of a span; empty where the span does not fit the text.
    pub fn slice(&self, span: Span) -> &str {
        self.text.get(span.range()).unwrap_or("")
    }

    /// Line and column of a byte offset; past the end means the end.
    pub fn line_col(&self, offset: usize) -> LineCol {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let line = self.line_starts.partition_point(|&s| s <= offset).max(1);
        let start = self.line_starts[line - 1];
        LineCol { line, column: self.text[start..offset].chars().count() + 1 }
    }
}
