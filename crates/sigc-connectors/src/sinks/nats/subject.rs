//! Subjects: one for each series.
//!
//! A template is dots and tokens; a token is plain text or one of four placeholders, and each placeholder stands once.
//! A name becomes a token in which letters, digits, `-` and `_` stand for themselves and every other byte is `%` and two
//! hex digits. So two series never share a subject, and a subject can be read back.

/// The names that a subject is made of.
const PLACEHOLDERS: [&str; 4] = ["{dag_name}", "{frame}", "{column}", "{symbol}"];

/// A checked template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Token>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Plain(String),
    /// Position in [`PLACEHOLDERS`].
    Name(usize),
}

impl Template {
    /// Reads a template; the error says what is wrong with it.
    pub fn parse(text: &str) -> Result<Template, String> {
        let mut tokens = Vec::new();
        for token in text.split('.') {
            if let Some(i) = PLACEHOLDERS.iter().position(|p| *p == token) {
                if tokens.contains(&Token::Name(i)) {
                    return Err(format!("`{token}` stands twice in `{text}`"));
                }
                tokens.push(Token::Name(i));
            } else if token.is_empty() {
                return Err(format!("`{text}` has an empty part between its dots"));
            } else if let Some(c) = token.chars().find(|c| !(c.is_ascii_alphanumeric() || "-_".contains(*c))) {
                return Err(match c {
                    '{' | '}' => format!("`{token}` is none of {}, each alone between dots", PLACEHOLDERS.join(", ")),
                    c => format!("`{}` of `subject` is no letter, digit, `-` or `_`", c.escape_default()),
                });
            } else {
                tokens.push(Token::Plain(token.to_owned()));
            }
        }
        match (0..PLACEHOLDERS.len()).find(|i| !tokens.contains(&Token::Name(*i))) {
            Some(i) => Err(format!("`{text}` lacks `{}`: two series would share a subject", PLACEHOLDERS[i])),
            // A stream for `*.` at the front would take the server's own subjects as well, and is refused.
            None if matches!(tokens.first(), Some(Token::Name(_))) => {
                Err(format!("`{text}` begins with a name: the first part has to be the same for all rows"))
            }
            None => Ok(Template(tokens)),
        }
    }

    /// The subject of a series.
    pub fn subject(&self, dag_name: &str, frame: &str, column: &str, symbol: &str) -> String {
        self.fill(&[Some(dag_name), Some(frame), Some(column), Some(symbol)])
    }

    /// The subjects of all symbols of a signal, with `*` for the symbol.
    pub fn of_signal(&self, dag_name: &str, frame: &str, column: &str) -> String {
        self.fill(&[Some(dag_name), Some(frame), Some(column), None])
    }

    /// Every subject that the template can give, with `*` for each name.
    pub fn all(&self) -> String {
        self.fill(&[None; 4])
    }

    fn fill(&self, names: &[Option<&str>; 4]) -> String {
        let mut out = String::new();
        for (i, token) in self.0.iter().enumerate() {
            if i > 0 {
                out.push('.');
            }
            match token {
                Token::Plain(text) => out.push_str(text),
                Token::Name(n) => match names[*n] {
                    Some(name) => push_token(&mut out, name),
                    None => out.push('*'),
                },
            }
        }
        out
    }
}

/// Appends a name as a token.
pub fn push_token(out: &mut String, name: &str) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for b in name.bytes() {
        if b.is_ascii_alphanumeric() || b == b'-' || b == b'_' {
            out.push(char::from(b));
        } else {
            out.push('%');
            out.push(char::from(HEX[usize::from(b >> 4)]));
            out.push(char::from(HEX[usize::from(b & 15)]));
        }
    }
    if name.is_empty() {
        out.push('%');
    }
}

/// A name as a token.
pub fn token(name: &str) -> String {
    let mut out = String::new();
    push_token(&mut out, name);
    out
}

/// How the subjects of a stream go with those of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cover {
    /// The stream takes every one.
    All,
    /// It takes some, perhaps all.
    Some,
    /// It takes none.
    None,
}

/// Whether a stream's subjects take the messages of a pattern (`*` for one token).
pub fn cover(stream: &[String], pattern: &str) -> Cover {
    if stream.iter().any(|s| matches(s, pattern, |own, theirs| own == "*" || own == theirs)) {
        Cover::All
    } else if stream.iter().any(|s| matches(s, pattern, |own, theirs| own == "*" || theirs == "*" || own == theirs)) {
        Cover::Some
    } else {
        Cover::None
    }
}

fn matches(own: &str, pattern: &str, token: impl Fn(&str, &str) -> bool) -> bool {
    let (mut own, mut theirs) = (own.split('.'), pattern.split('.'));
    loop {
        match (own.next(), theirs.next()) {
            (Some(">"), Some(_)) | (None, None) => return true,
            (Some(a), Some(b)) if token(a, b) => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_checked() {
        for good in ["signals.{dag_name}.{frame}.{column}.{symbol}", "x-1.{symbol}.{dag_name}.{column}.{frame}.y_z"] {
            assert!(Template::parse(good).is_ok(), "{good}");
        }
        for (bad, part) in [
            ("signals.{dag_name}.{frame}.{column}", "lacks `{symbol}`"),
            ("signals.{dag_name}.{frame}.{column}{symbol}", "each alone between dots"),
            ("signals..{dag_name}.{frame}.{column}.{symbol}", "empty part"),
            ("a b.{dag_name}.{frame}.{column}.{symbol}", "` ` of `subject`"),
            ("*.{dag_name}.{frame}.{column}.{symbol}", "`*` of"),
            ("{symbol}.{dag_name}.{frame}.{column}.{symbol}", "twice"),
            ("{symbol}.{dag_name}.{frame}.{column}", "begins with a name"),
            ("a.{dagname}.{frame}.{column}.{symbol}", "`{dagname}` is none of"),
            ("$JS.{dag_name}.{frame}.{column}.{symbol}", "`$` of"),
        ] {
            let message = Template::parse(bad).expect_err(bad);
            assert!(message.contains(part), "{bad}: {message}");
        }
    }

    #[test]
    fn names_become_tokens_that_differ() {
        let template = Template::parse("s.{dag_name}.{frame}.{column}.{symbol}").expect("good");
        assert_eq!(template.subject("my dag", "bars_1m", "p", "BTC/USDT"), "s.my%20dag.bars_1m.p.BTC%2FUSDT");
        assert_eq!(template.of_signal("d.e", "f", "*"), "s.d%2Ee.f.%2A.*");
        assert_eq!(template.all(), "s.*.*.*.*");
        let names = ["a", "a.b", "a%2Eb", "a b", "a_b", "a>b", "A", "", "%", "ä", "a-b", "a:b", "a/b"];
        let tokens: std::collections::HashSet<String> = names.iter().map(|n| token(n)).collect();
        assert_eq!(tokens.len(), names.len());
        for t in tokens {
            assert!(!t.is_empty() && t.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_%".contains(&b)), "{t}");
        }
    }

    #[test]
    fn a_stream_takes_its_subjects() {
        let of = |subjects: &[&str]| subjects.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
        let pattern = "s.d.f.c.*";
        for all in [&["s.>"][..], &[">"], &["s.*.*.*.*"], &["x", "s.d.f.c.*"], &["s.d.f.c.>"]] {
            assert_eq!(cover(&of(all), pattern), Cover::All, "{all:?}");
        }
        assert_eq!(cover(&of(&["s.d.f.c.BTC"]), pattern), Cover::Some);
        for none in [&["s.*.*.*"][..], &["t.>"], &["s.d.f.c"], &["s.d.f.c.*.>"], &[]] {
            assert_eq!(cover(&of(none), pattern), Cover::None, "{none:?}");
        }
    }
}
