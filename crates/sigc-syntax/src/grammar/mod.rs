//! The small grammars inside scalars, as documented in `grammar/sigc.ebnf`.
//!
//! Each takes a scalar's text and the span of the scalar as written in the file. A text that stands there letter for
//! letter, plain or in simple quotes, gives exact places for its parts; otherwise every part has the whole span.

mod formula;
mod interpolation;
mod interval;
mod name;
mod reference;
mod template;

pub use formula::{BinaryOp, Formula, FormulaKind, UnaryOp, formula};
pub use interpolation::{Interpolation, interpolation};
pub use interval::{IntervalText, Unit, interval};
pub use name::{column_name, frame_name, name};
pub use reference::{Reference, reference};
pub use template::{Part, Template, template};

use chumsky::error::{RichPattern, RichReason};
use chumsky::prelude::*;
use sigc_diag::{Code, Diag, Span};

/// What all grammars carry along: errors with the found and the expected.
type Extra<'a> = extra::Err<Rich<'a, char>>;
/// A parser over a scalar's text; boxed, which keeps compile times down.
type Grammar<'a, T> = Boxed<'a, 'a, &'a str, T, Extra<'a>>;

/// `[A-Za-z_][A-Za-z0-9_]*`.
fn word<'a>() -> Grammar<'a, &'a str> {
    text::ascii::ident().labelled("a name (letters, digits and `_`, no digit first)").boxed()
}

/// Column names: words with dots between; behind a dot a digit may come first.
fn column<'a>() -> Grammar<'a, &'a str> {
    let tail = any().filter(|c: &char| c.is_ascii_alphanumeric() || *c == '_').repeated().at_least(1);
    let tail = tail.labelled("a letter, a digit or `_`");
    word().then(just('.').labelled("`.`").then(tail).repeated()).to_slice().boxed()
}

/// The way from offsets in a scalar's text to places in the file.
#[derive(Clone, Copy)]
struct Place {
    at: Span,
    /// Bytes before the text inside the span; `None` if the text is not written letter for letter.
    offset: Option<usize>,
}

impl Place {
    fn new(text: &str, at: Span) -> Self {
        // Only these characters can come from an escape that is as short as they are.
        let escaped = text.contains(['\u{85}', '\u{a0}', '\u{2028}', '\u{2029}']);
        let offset = match at.len().checked_sub(text.len()) {
            _ if escaped => None,
            Some(0) => Some(0),
            Some(2) => Some(1),
            _ => None,
        };
        Place { at, offset }
    }

    fn part(self, range: SimpleSpan) -> Span {
        match self.offset {
            Some(offset) => self.at.part(offset + range.start, offset + range.end),
            None => self.at,
        }
    }
}

/// The finding for a text that a grammar refused, at the first place it could not go on from.
fn refusal(code: &'static Code, message: String, errors: &[Rich<char>], place: Place) -> Diag {
    let Some(error) = errors.first() else { return Diag::new(code, place.at, message) };
    Diag::new(code, place.part(*error.span()), message).here(describe(error))
}

/// `expected X, found Y`.
fn describe(error: &Rich<char>) -> String {
    let RichReason::ExpectedFound { expected, found } = error.reason() else {
        return error.reason().to_string();
    };
    let mut wanted: Vec<String> = expected
        .iter()
        .filter_map(|pattern| match pattern {
            RichPattern::Token(c) => Some(format!("`{}`", **c)),
            RichPattern::Label(label) => Some(label.to_string()),
            RichPattern::EndOfInput => Some("the end".into()),
            _ => None,
        })
        .collect();
    wanted.sort();
    wanted.dedup();
    let found = found.as_ref().map_or("the end".to_owned(), |c| format!("`{}`", **c));
    match wanted.as_slice() {
        [] => format!("{found} cannot stand here"),
        wanted => format!("expected {}, found {found}", wanted.join(" or ")),
    }
}

/// Long texts are cut for messages.
fn shorten(text: &str) -> String {
    crate::words::shorten(text)
}
