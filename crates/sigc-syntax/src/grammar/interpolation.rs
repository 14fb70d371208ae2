//! `${expand.NAME}`, `${env.NAME}`, `${file.PATH}`.

use super::{Grammar, Place, refusal, shorten, word};
use chumsky::prelude::*;
use sigc_diag::{Diag, E0111, Span, Spanned};

/// A value that comes from elsewhere; it always is the whole scalar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Interpolation {
    /// One step for each value of this grid.
    Expand(Spanned<String>),
    /// The value of this environment variable.
    Env(Spanned<String>),
    /// The content of this file.
    File(Spanned<String>),
}

#[derive(Clone, Copy)]
enum Kind {
    Expand,
    Env,
    File,
}

fn grammar<'a>() -> Grammar<'a, (Kind, &'a str, SimpleSpan)> {
    let named = |word_before: &'static str, kind: Kind| just(word_before).labelled(word_before).to(kind);
    let path = none_of("{}").repeated().at_least(1).to_slice().labelled("a path").boxed();
    let name = choice((named("expand.", Kind::Expand), named("env.", Kind::Env)))
        .then(word().map_with(|name, e| (name, e.span())));
    let file = named("file.", Kind::File).then(path.map_with(|path, e| (path, e.span())));
    choice((name.boxed(), file.boxed()))
        .map(|(kind, (name, span))| (kind, name, span))
        .delimited_by(just("${").labelled("`${`"), just('}').labelled("`}`"))
        .then_ignore(end())
        .boxed()
}

/// Reads a whole-scalar interpolation; `None` if the text has no `${`.
///
/// # Errors
/// E0111 where it is malformed or stands beside other text.
pub fn interpolation(text: &str, at: Span) -> Result<Option<Interpolation>, Diag> {
    if !text.contains("${") {
        return Ok(None);
    }
    let place = Place::new(text, at);
    match grammar().parse(text).into_result() {
        Ok((kind, name, span)) => {
            let name = Spanned::new(name.to_owned(), place.part(span));
            Ok(Some(match kind {
                Kind::Expand => Interpolation::Expand(name),
                Kind::Env => Interpolation::Env(name),
                Kind::File => Interpolation::File(name),
            }))
        }
        Err(errors) => {
            let alone = text.starts_with("${") && text.ends_with('}') && text.matches("${").count() == 1;
            let help = if alone {
                "write `${expand.NAME}`, `${env.NAME}` or `${file.PATH}`"
            } else if !text.contains('}') {
                "close it with `}`"
            } else {
                "`${...}` must be the whole value, without other text around it"
            };
            let message = format!("`{}` cannot be read", shorten(text));
            Err(refusal(&E0111, message, &errors, place).help(help))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_kinds() {
        let at = Span::new(0, 21);
        let name = |n: &str, a, b| Spanned::new(n.to_owned(), Span::new(a, b));
        let expand = interpolation("${expand.rsi_windows}", at).unwrap();
        assert_eq!(expand, Some(Interpolation::Expand(name("rsi_windows", 9, 20))));
        let env = interpolation("${env.KEY}", Span::new(5, 15)).unwrap();
        assert_eq!(env, Some(Interpolation::Env(name("KEY", 11, 14))));
        let file = interpolation("${file./run/a b.key}", Span::new(0, 20)).unwrap();
        assert_eq!(file, Some(Interpolation::File(name("/run/a b.key", 7, 19))));
        assert_eq!(interpolation("rsi{window} $5", Span::new(0, 14)).unwrap(), None);
    }

    #[test]
    fn malformed_ones() {
        for bad in [
            "${",
            "${}",
            "${x}",
            "${expand}",
            "${expand.}",
            "${expand.1}",
            "${env.A",
            "a${env.A}",
            "${env.A} ",
            "${env.A}${env.B}",
        ] {
            let diag = interpolation(bad, Span::new(0, bad.len())).unwrap_err();
            assert_eq!(diag.code.id, "E0111", "{bad}");
        }
        let mixed = interpolation("a${env.A}", Span::new(0, 9)).unwrap_err();
        assert!(mixed.help.unwrap().contains("whole value"));
    }
}
