//! A mended copy of the text, and the way back from its offsets to those of the original.

use sigc_diag::Span;
use std::borrow::Cow;

/// The text with single ASCII characters inserted.
pub(crate) struct Mended<'a> {
    /// The text to parse.
    pub text: Cow<'a, str>,
    /// Where inserted characters stand in `text`, ascending.
    inserted: Vec<usize>,
}

/// One character to insert at a byte offset of the original text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Insert {
    pub at: usize,
    pub what: char,
}

impl<'a> Mended<'a> {
    /// Applies insertions, which come in ascending order and lie on character boundaries.
    pub(crate) fn new(original: &'a str, inserts: impl IntoIterator<Item = Insert>) -> Self {
        let mut text = String::new();
        let mut inserted = Vec::new();
        let mut done = 0;
        for insert in inserts {
            text.push_str(&original[done..insert.at]);
            inserted.push(text.len());
            text.push(insert.what);
            done = insert.at;
        }
        if inserted.is_empty() {
            return Mended { text: Cow::Borrowed(original), inserted };
        }
        text.push_str(&original[done..]);
        Mended { text: Cow::Owned(text), inserted }
    }

    /// The original offset of an offset in the mended text.
    pub(crate) fn original(&self, offset: usize) -> usize {
        offset - self.inserted.partition_point(|&at| at < offset)
    }

    /// The original place of a range of the mended text.
    pub(crate) fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.original(start), self.original(end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_lead_back_to_the_original() {
        let m = Mended::new("aé:1", [Insert { at: 4, what: ' ' }]);
        assert_eq!(m.text, "aé: 1");
        assert_eq!(m.span(0, 3), Span::new(0, 3));
        assert_eq!(m.span(5, 6), Span::new(4, 5));
        let quoted = Mended::new("[a{b}]", [Insert { at: 1, what: '"' }, Insert { at: 5, what: '"' }]);
        assert_eq!(quoted.text, "[\"a{b}\"]");
        assert_eq!(quoted.span(1, 7), Span::new(1, 5));
        assert_eq!(quoted.span(7, 8), Span::new(5, 6));
    }
}
