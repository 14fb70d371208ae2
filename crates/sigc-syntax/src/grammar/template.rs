//! `rsi{window}`.

use super::{Grammar, Place, refusal, shorten, word};
use chumsky::prelude::*;
use sigc_diag::{Diag, E0112, Span, Spanned};

/// A text with parameters in braces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// Texts and parameters in order; no two texts in a row.
    pub parts: Vec<Part>,
}

/// A piece of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Stands for itself.
    Text(String),
    /// The name between the braces.
    Param(Spanned<String>),
}

enum Raw<'a> {
    Text(&'a str),
    Param(&'a str, SimpleSpan),
}

fn grammar<'a>() -> Grammar<'a, Vec<Raw<'a>>> {
    let text = none_of("{}").repeated().at_least(1).to_slice().map(Raw::Text).labelled("text").boxed();
    let param = word()
        .map_with(|name, e| Raw::Param(name, e.span()))
        .delimited_by(just('{').labelled("`{`"), just('}').labelled("`}`"))
        .boxed();
    param.or(text).repeated().collect().then_ignore(end()).boxed()
}

/// Reads a template; a text without braces is a template with one part.
///
/// # Errors
/// E0112 where a brace is not closed, stands alone or holds no name.
pub fn template(text: &str, at: Span) -> Result<Template, Diag> {
    let place = Place::new(text, at);
    match grammar().parse(text).into_result() {
        Ok(raw) => {
            let part = |raw| match raw {
                Raw::Text(text) => Part::Text(text.to_owned()),
                Raw::Param(name, span) => Part::Param(Spanned::new(name.to_owned(), place.part(span))),
            };
            Ok(Template { parts: raw.into_iter().map(part).collect() })
        }
        Err(errors) => {
            let help = if text.contains("${") {
                "`${...}` stands alone, not inside a name"
            } else {
                "write a parameter's name in braces, for example `rsi{window}`"
            };
            let message = format!("`{}` is not a name template", shorten(text));
            Err(refusal(&E0112, message, &errors, place).help(help))
        }
    }
}

impl Template {
    /// The parameters in order.
    pub fn params(&self) -> impl Iterator<Item = &Spanned<String>> {
        self.parts.iter().filter_map(|part| match part {
            Part::Param(name) => Some(name),
            Part::Text(_) => None,
        })
    }

    /// The text with each parameter replaced by its value.
    ///
    /// # Errors
    /// The first parameter that has none.
    pub fn fill(&self, value: impl Fn(&str) -> Option<String>) -> Result<String, Spanned<String>> {
        let mut filled = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Param(name) => filled.push_str(&value(&name.value).ok_or_else(|| name.clone())?),
            }
        }
        Ok(filled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_filled_in() {
        let t = template("ma{window}rocp", Span::new(0, 14)).unwrap();
        assert_eq!(t.params().map(|p| (p.value.as_str(), p.span)).collect::<Vec<_>>(), [("window", Span::new(3, 9))]);
        assert_eq!(t.fill(|_| Some("5".into())).unwrap(), "ma5rocp");
        assert_eq!(t.fill(|_| None).unwrap_err().value, "window");
        assert_eq!(template("close", Span::new(0, 5)).unwrap().parts, [Part::Text("close".into())]);
        assert!(template("", Span::new(0, 0)).unwrap().parts.is_empty());
    }

    #[test]
    fn braces_must_match_and_hold_a_name() {
        let open = template("rsi{window", Span::new(2, 12)).unwrap_err();
        assert_eq!((open.code.id, open.span()), ("E0112", Span::new(12, 12)));
        for bad in ["{}", "a}", "{a b}", "{{a}}", "{1}", "x${expand.y}"] {
            assert!(template(bad, Span::new(0, bad.len())).is_err(), "{bad}");
        }
    }
}
