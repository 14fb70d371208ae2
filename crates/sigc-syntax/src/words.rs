//! Syntax errors in plain words.

use crate::Limits;
use crate::mend::Mended;
use crate::recover::Fault;
use granit_parser::ErrorKind as K;
use sigc_diag::{Diag, E0101, E0106, Span};

/// The finding for a syntax error.
pub(crate) fn diag(fault: &Fault, mended: &Mended, limits: &Limits) -> Diag {
    let text = &mended.text;
    let span = place(fault, mended);
    if fault.kind == K::RecursionLimitExceeded {
        return Diag::new(&E0106, span, format!("values are nested deeper than {} levels", limits.max_depth))
            .help("a pipeline needs no more than ten levels");
    }
    let (message, help) = words(&fault.kind, line_before(text, fault.at));
    let diag = Diag::new(&E0101, span, message);
    if help.is_empty() { diag } else { diag.help(help) }
}

/// The text of the line up to the error.
fn line_before(text: &str, at: usize) -> &str {
    let start = text[..at].rfind('\n').map_or(0, |n| n + 1);
    &text[start..at]
}

/// The place of an error: from where the parser stopped to the end of the word. A tab is pointed at itself, an item
/// with its dash, a key that cannot stand here from its start; an error at blanks or at the end of the piece is moved
/// back to what was written last.
fn place(fault: &Fault, mended: &Mended) -> Span {
    let text: &str = &mended.text;
    let (start, end) = fault.piece;
    let mut at = fault.at.clamp(start, end);
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    if is_tab(&fault.kind) {
        let near = text[at..end].char_indices().skip_while(|(_, c)| *c != '\t').map(|(i, _)| at + i).next();
        let near = near.or_else(|| text[start..at].rfind('\t').map(|i| start + i));
        return near.map_or(mended.span(at, at), |tab| mended.span(tab, tab + 1));
    }
    let before = line_before(text, at);
    let written = before.trim_ascii_start();
    let whole = match &fault.kind {
        K::MappingValueNotAllowed | K::MappingKeyNotAllowed => !written.contains(": "),
        K::ExpectedBlockMappingKey | K::ExpectedBlockSequenceEntry => written.trim_ascii_end() == "-",
        _ => false,
    };
    if whole && !written.is_empty() && at - written.len() >= start {
        let word = text[at..end].find(char::is_whitespace).unwrap_or(end - at);
        return mended.span(at - written.len(), at + word);
    }
    let rest = text[at..end].trim_start_matches([' ', '\t']);
    if rest.is_empty() || rest.starts_with(['\n', '\r']) {
        let written = start + text[start..at].trim_ascii_end().len();
        let back = text[start..written].chars().next_back().map_or(0, char::len_utf8);
        return mended.span(written - back, written);
    }
    let from = end - rest.len();
    let first = rest.chars().next().map_or(0, char::len_utf8);
    let word = rest.find([' ', '\t', '\n', '\r']).unwrap_or(rest.len());
    mended.span(from, from + word.max(first))
}

fn is_tab(kind: &K) -> bool {
    matches!(
        kind,
        K::TabNotAllowed
            | K::TabInBlockIndentation
            | K::TabInIndentation
            | K::TabInPlainScalar
            | K::TabAtBlockScalarStart
    )
}

/// Long texts are cut for messages.
pub(crate) fn shorten(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((at, _)) => format!("{}...", &text[..at]),
        None => text.to_owned(),
    }
}

/// What is wrong and what to do; `before` is the line up to the error.
fn words(kind: &K, before: &str) -> (String, String) {
    let say = |message: &str, help: &str| (message.to_owned(), help.to_owned());
    let tabs = "indent with spaces only";
    match kind {
        K::SimpleKeyExpected | K::InvalidSimpleKey => {
            say("a `:` is missing after this key", "write `key: value`, with a blank after the colon")
        }
        kind if is_tab(kind) => say("a tab stands where YAML wants spaces", tabs),
        _ if before.contains('\t') && before.trim_ascii().is_empty() => say("this line is indented with a tab", tabs),
        K::UnclosedQuotedScalar => say("this quote is not closed", "add the closing quote"),
        K::UnclosedFlowCollection { open } => (
            format!("this `{open}` is not closed"),
            format!("add the closing `{}`", if *open == '[' { ']' } else { '}' }),
        ),
        K::UnexpectedEofFlowSequence => say("a `[` before this is not closed", "add the closing `]`"),
        K::UnexpectedEofFlowMapping | K::UnexpectedEofImplicitFlowMapping => {
            say("a `{` before this is not closed", "add the closing `}`")
        }
        K::MisplacedFlowCollectionEnd => say("this bracket closes nothing", "remove it, or put the text in quotes"),
        K::MismatchedFlowCollectionEnd { open, close } => {
            (format!("a `{open}` is closed by `{close}`"), "make the brackets match".into())
        }
        K::ExpectedFlowSequenceSeparator => say(
            "a `,` or `]` is missing here",
            "separate the entries of a list with `,`; put texts with brackets or braces in quotes",
        ),
        K::ExpectedFlowMappingSeparator => say(
            "a `,` or `}` is missing here",
            "separate the entries of a map with `,`; put texts with brackets or braces in quotes",
        ),
        K::FlowMappingValueAdjacentCollection => say("a blank is missing after this colon", "write `key: value`"),
        K::InvalidColonPlacement => say("this `:` is out of place", "the bracket or brace before it may not be closed"),
        K::MappingValueNotAllowed | K::InvalidMappingValueWhitespace if before.contains(": ") => {
            say("a second `:` on one line", "put the value in quotes if the colon is part of it, or start a new line")
        }
        K::MappingValueNotAllowed | K::MappingKeyNotAllowed => say(
            "a key cannot stand here",
            "give it the same indentation as the keys beside it; a key whose value is a map has nothing else on its line",
        ),
        K::ExpectedBlockMappingKey | K::ExpectedBlockSequenceEntry => say(
            "this does not continue the map or list above it",
            "give keys of one map, and dashes of one list, the same indentation",
        ),
        K::InvalidIndentation
        | K::InvalidFlowScalarIndent
        | K::InvalidQuotedScalarIndent
        | K::InvalidBlockScalarIndent => {
            say("the indentation of this line fits nothing above it", "give keys of one map the same indentation")
        }
        K::BlockSequenceEntryNotAllowed => {
            say("a list item cannot stand here", "start the list on a line of its own below the key")
        }
        K::BlockEntryInFlowCollection => {
            say("a `- ` item cannot stand inside brackets", "use either brackets or one `- ` line for each entry")
        }
        K::InvalidBlockEntryWhitespace => say("a blank is missing after the dash", "write `- value`"),
        K::UnexpectedCharacter { character } => {
            (format!("a text cannot begin with `{}`", character.escape_default()), "put it in quotes".into())
        }
        K::PlainScalarStartsWithDashFlowIndicator | K::UnexpectedEndOfPlainScalar => {
            say("a text cannot begin like this", "put it in quotes")
        }
        K::InvalidTrailingSingleQuotedScalar | K::InvalidTrailingDoubleQuotedScalar => {
            say("something follows the closing quote", "put the whole text between the quotes")
        }
        K::UnknownQuotedScalarEscape => {
            say("an escape in this text is not known", "write `\\\\` for a backslash, or use single quotes")
        }
        K::InvalidQuotedScalarHexEscape
        | K::InvalidLowSurrogateHexEscape
        | K::InvalidLowSurrogate
        | K::MissingLowSurrogate
        | K::UnpairedLowSurrogate
        | K::InvalidUnicodeEscape => say("an escape in this text gives no character", "write the character itself"),
        K::DocumentIndicatorInQuotedScalar => {
            say("the file's end marker stands inside quotes", "close the quote before it")
        }
        K::CommentInterceptedScalar => {
            say("a comment interrupts this text", "put the text in quotes, or move the comment")
        }
        K::CommentNotSeparated => say("a blank is missing before this comment", "put a blank before `#`"),
        K::MissingAnchorOrAliasName => {
            say("a name is missing after `&` or `*`", "put the text in quotes if the sign is part of it")
        }
        K::UndeclaredTagHandle | K::InvalidTagTerminator | K::ExpectedTagBang | K::MissingTagUri => {
            say("this tag cannot be read", "put the text in quotes if the `!` is part of it")
        }
        K::InvalidBlockScalarHeader | K::ZeroBlockScalarIndent => {
            say("the text after `|` or `>` starts on the next line", "move it there, or put it in quotes")
        }
        K::BomInsideDocument => say("a byte order mark stands inside the file", "remove it"),
        K::ExpectedDocumentStart | K::InvalidDocumentEnd => {
            say("something follows the end of the document", "remove it")
        }
        K::ExpectedNodeContent => say("a value is missing here", ""),
        other => (format!("YAML cannot read this: {other}"), String::new()),
    }
}
