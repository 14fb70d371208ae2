//! Names of pipelines, frames and columns.

use super::{Place, column, refusal, shorten, word};
use chumsky::prelude::*;
use sigc_diag::{Diag, E0117, Span};

/// Checks a pipeline's name: a letter or `_`, then letters, digits and `_`.
///
/// # Errors
/// E0117 at the first character that does not fit.
pub fn name(text: &str, at: Span) -> Result<(), Diag> {
    check(text, at, "name", word().then_ignore(end()).parse(text).into_result())
}

/// Checks a frame's name; the same as [`name`], because the first dot of a reference ends the frame.
///
/// # Errors
/// E0117 at the first character that does not fit.
pub fn frame_name(text: &str, at: Span) -> Result<(), Diag> {
    check(text, at, "frame name", word().then_ignore(end()).parse(text).into_result())
}

/// Checks a column's name, which may contain dots: `model.prediction`.
///
/// # Errors
/// E0117 at the first character that does not fit.
pub fn column_name(text: &str, at: Span) -> Result<(), Diag> {
    check(text, at, "column name", column().then_ignore(end()).parse(text).into_result())
}

fn check(text: &str, at: Span, what: &str, result: Result<&str, Vec<Rich<char>>>) -> Result<(), Diag> {
    let Err(errors) = result else { return Ok(()) };
    let dots = if what == "column name" { ", and dots between them" } else { "" };
    let message = format!("`{}` is not a {what}", shorten(text));
    let diag = refusal(&E0117, message, &errors, Place::new(text, at));
    let diag = match errors.first().and_then(|e| e.found()) {
        Some(c) if c.is_ascii_digit() => diag.here("a digit cannot come first"),
        Some(c) => diag.here(format!("`{c}` cannot stand here")),
        None => diag,
    };
    Err(diag.help(format!("use letters, digits and `_`{dots}; a digit cannot come first")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_have_no_dots_and_columns_may() {
        let at = |t: &str| Span::new(0, t.len());
        for good in ["ohlcv_15m", "_x", "A"] {
            assert!(
                name(good, at(good)).is_ok()
                    && frame_name(good, at(good)).is_ok()
                    && column_name(good, at(good)).is_ok()
            );
        }
        assert!(column_name("model.prediction", at("model.prediction")).is_ok());
        let dotted = frame_name("a.b", at("a.b")).unwrap_err();
        assert_eq!((dotted.code.id, dotted.span()), ("E0117", Span::new(1, 2)));
        for bad in ["", "5m", "a-b", "a b", "é", "a.", ".a", "a..b"] {
            assert!(column_name(bad, at(bad)).is_err() && frame_name(bad, at(bad)).is_err(), "{bad}");
        }
    }
}
