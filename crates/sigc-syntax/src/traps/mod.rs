//! Slips that YAML reads as something else, or only notices a line later.
//!
//! | written | what YAML makes of it | code |
//! | --- | --- | --- |
//! | `lookback_days:30` | a word, and an error on the next line or none at all | E0102 |
//! | `-using: x` | a key named `-using` | E0103 |
//! | `[rsi{window}]` | a syntax error | E0114 |
//!
//! [`find`] walks over the lines with a small tracker of block structure ([`block`]) and of flow collections
//! ([`flow`]). It works on broken files too, because it looks at one line and the open levels only. It prefers
//! silence: `http://x`, `C:\x`, `12:30` and `BTC:USDT` as values are left alone.

mod block;
mod flow;
mod lex;

pub(crate) use lex::{Lines, key_colon, looks_like_slip};

use crate::mend::Insert;
use sigc_diag::{Applicability, Code, Diag, E0102, E0103, E0114, Span};

/// One slip and its mend.
#[derive(Debug, Clone)]
pub(crate) struct Trap {
    pub kind: Slip,
    /// The word or token, in bytes of the original text.
    pub start: usize,
    pub end: usize,
    /// Where the blank belongs, for a missing blank.
    pub gap: usize,
    /// Starts of further lines that move along with a mended dash.
    pub moved: Vec<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slip {
    /// No blank after the colon of a key.
    Colon,
    /// No blank after the dash of a list item.
    Dash,
    /// A template without quotes where `{` opens a map.
    Brace,
}

/// All slips in the order of the text.
pub(crate) fn find(text: &str) -> Vec<Trap> {
    let mut traps = block::Scan::new(text).run();
    traps.sort_by_key(|t| (t.gap, t.start));
    traps
}

impl Trap {
    /// The characters that mend the text.
    pub(crate) fn inserts(&self) -> impl Iterator<Item = Insert> {
        let blank = (self.kind != Slip::Brace).then_some(Insert { at: self.gap, what: ' ' });
        let quotes = (self.kind == Slip::Brace)
            .then_some([Insert { at: self.start, what: '"' }, Insert { at: self.end, what: '"' }]);
        let moved = self.moved.iter().map(|&at| Insert { at, what: ' ' });
        blank.into_iter().chain(quotes.into_iter().flatten()).chain(moved)
    }

    pub(crate) fn code(&self) -> &'static Code {
        match self.kind {
            Slip::Colon => &E0102,
            Slip::Dash => &E0103,
            Slip::Brace => &E0114,
        }
    }

    /// The finding; `certain` if the mended text was parsed and found good.
    pub(crate) fn diag(&self, text: &str, certain: bool) -> Diag {
        let span = Span::new(self.start, self.end);
        let gap = Span::new(self.gap, self.gap);
        let token = shorten(&text[self.start..self.end]);
        let applicability = if certain { Applicability::Safe } else { Applicability::Guess };
        match self.kind {
            Slip::Colon => {
                let key = &text[self.start..self.gap - 1];
                let value = shorten(&text[self.gap..self.end]);
                Diag::new(&E0102, span, format!("a blank is missing after the colon of `{}`", shorten(key)))
                    .here("YAML reads this as one word")
                    .help(format!("write `{}: {value}`", shorten(key)))
                    .fix(gap, " ", "put a blank after the colon", applicability)
            }
            Slip::Dash => {
                let diag = Diag::new(&E0103, span, format!("a blank is missing after the dash of `{token}`"))
                    .here("YAML reads the dash as part of the word")
                    .help(format!("write `- {}`", &token[1..]))
                    .fix(gap, " ", "put a blank after the dash", applicability);
                let moved = self.moved.iter().map(|&at| Span::new(at, at));
                moved.fold(diag, |diag, at| diag.fix(at, " ", "move the line along", applicability))
            }
            Slip::Brace => Diag::new(&E0114, span, format!("`{token}` needs quotes here"))
                .here("YAML takes the `{` for the start of a map")
                .help(format!("write \"{token}\" in quotes, or use a block list with one `- ` line for each entry"))
                .fix(span, format!("\"{}\"", &text[self.start..self.end]), "put it in quotes", applicability),
        }
    }
}

/// Long tokens are cut for messages.
fn shorten(token: &str) -> String {
    match token.char_indices().nth(60) {
        Some((at, _)) => format!("{}...", &token[..at]),
        None => token.to_owned(),
    }
}
