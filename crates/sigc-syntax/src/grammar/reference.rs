//! `frame.column`.

use super::{Grammar, Place, column, refusal, shorten, word};
use chumsky::prelude::*;
use sigc_diag::{Diag, E0111, Span, Spanned};

/// A column of a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The first segment.
    pub frame: Spanned<String>,
    /// The rest; it may contain dots.
    pub column: Spanned<String>,
}

/// A name and where it stands in the scalar's text.
type Segment<'a> = (&'a str, SimpleSpan);

fn grammar<'a>() -> Grammar<'a, (Segment<'a>, Segment<'a>)> {
    let frame = word().map_with(|name, e| (name, e.span()));
    let column = column().map_with(|name, e| (name, e.span()));
    frame.then_ignore(just('.').labelled("`.`")).then(column).then_ignore(end()).boxed()
}

/// Reads `frame.column`: the first segment is the frame, the rest the column.
///
/// # Errors
/// E0111 where the text is no reference.
pub fn reference(text: &str, at: Span) -> Result<Reference, Diag> {
    let place = Place::new(text, at);
    match grammar().parse(text).into_result() {
        Ok((frame, column)) => {
            let spanned = |(name, span): (&str, SimpleSpan)| Spanned::new(name.to_owned(), place.part(span));
            Ok(Reference { frame: spanned(frame), column: spanned(column) })
        }
        Err(errors) => {
            let message = format!("`{}` is not a column reference", shorten(text));
            Err(refusal(&E0111, message, &errors, place).help("write `frame.column`, for example `ohlcv.close`"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_dot_ends_the_frame() {
        let r = reference("ohlcv.model.prediction", Span::new(10, 32)).unwrap();
        assert_eq!((r.frame.value.as_str(), r.column.value.as_str()), ("ohlcv", "model.prediction"));
        assert_eq!((r.frame.span, r.column.span), (Span::new(10, 15), Span::new(16, 32)));
    }

    #[test]
    fn quotes_shift_the_places_and_escapes_hide_them() {
        let quoted = reference("a.b", Span::new(4, 9)).unwrap();
        assert_eq!(quoted.column.span, Span::new(7, 8));
        let escaped = reference("a.b", Span::new(4, 12)).unwrap();
        assert_eq!(escaped.column.span, Span::new(4, 12));
    }

    #[test]
    fn refusals_point_at_the_fault() {
        let missing = reference("close", Span::new(0, 5)).unwrap_err();
        assert_eq!((missing.code.id, missing.span()), ("E0111", Span::new(5, 5)));
        assert_eq!(missing.labels[0].text, "expected `.`, found the end");
        assert_eq!(reference("a. b", Span::new(0, 4)).unwrap_err().span(), Span::new(2, 3));
        for bad in ["", ".", "a.", ".b", "1a.b", "a.1b", "a..b", "a.b.", "a b.c", "ä.b", "a.b{c}"] {
            assert!(reference(bad, Span::new(0, bad.len())).is_err(), "{bad}");
        }
    }
}
