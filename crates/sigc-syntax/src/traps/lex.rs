//! Lines, words and quotes of a text, without its YAML structure.

/// The lines of a text as byte ranges without their line breaks.
pub(crate) struct Lines<'a> {
    pub text: &'a str,
    lines: Vec<(usize, usize)>,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        let mut lines = Vec::new();
        // A byte order mark is no part of the first line.
        let mut start = if text.starts_with('\u{feff}') { 3 } else { 0 };
        for (at, _) in text.match_indices('\n') {
            let end = if at > start && text.as_bytes()[at - 1] == b'\r' { at - 1 } else { at };
            lines.push((start, end));
            start = at + 1;
        }
        lines.push((start, text.len()));
        Lines { text, lines }
    }

    pub(crate) fn len(&self) -> usize {
        self.lines.len()
    }

    /// First byte of a line, and one past its last.
    pub(crate) fn get(&self, line: usize) -> (usize, usize) {
        self.lines[line]
    }

    /// First byte that is not a space.
    pub(crate) fn content(&self, line: usize) -> usize {
        let (start, end) = self.lines[line];
        start + self.text.as_bytes()[start..end].iter().take_while(|&&b| b == b' ').count()
    }

    /// Blank, or nothing but a comment.
    pub(crate) fn is_empty(&self, line: usize) -> bool {
        let (_, end) = self.lines[line];
        let rest = self.text[self.content(line)..end].trim_ascii_start();
        rest.is_empty() || rest.starts_with('#')
    }

    /// The line that holds a byte.
    pub(crate) fn at(&self, offset: usize) -> usize {
        self.lines.partition_point(|&(start, _)| start <= offset).saturating_sub(1)
    }

    /// The next line from `line` on that is not empty.
    pub(crate) fn next_filled(&self, line: usize) -> Option<usize> {
        (line..self.len()).find(|&l| !self.is_empty(l))
    }
}

pub(crate) fn is_blank(b: Option<&u8>) -> bool {
    matches!(b, None | Some(b' ' | b'\t' | b'\n' | b'\r'))
}

/// One past the blanks from `pos` on, within the line.
pub(crate) fn skip_blanks(text: &str, pos: usize, end: usize) -> usize {
    pos + text.as_bytes()[pos..end].iter().take_while(|&&b| b == b' ' || b == b'\t').count()
}

/// Where the comment or the trailing blanks of a line begin.
pub(crate) fn content_end(text: &str, pos: usize, end: usize) -> usize {
    let part = &text[pos..end];
    let cut = part.match_indices('#').find(|&(i, _)| i == 0 || matches!(part.as_bytes()[i - 1], b' ' | b'\t'));
    pos + cut.map_or(part, |(i, _)| &part[..i]).trim_ascii_end().len()
}

/// The end of a name as keys have them: a letter or `_`, then letters, digits, `_`, `.`, `-`.
pub(crate) fn word_end(text: &str, pos: usize, end: usize) -> Option<usize> {
    let mut chars = text[pos..end].char_indices();
    let first = chars.next().map(|(_, c)| c)?;
    if !(first.is_alphabetic() || first == '_') {
        return None;
    }
    let stop = chars.find(|&(_, c)| !(c.is_alphanumeric() || matches!(c, '_' | '.' | '-')));
    Some(stop.map_or(end, |(i, _)| pos + i))
}

/// A key with a value glued to its colon: the offset behind the colon, and whether what follows can only be a value
/// (a list, a map, quotes). Addresses (`http://x`), drive paths and comments are not taken for one.
pub(crate) fn glued_key(text: &str, pos: usize, end: usize) -> Option<(usize, bool)> {
    let colon = word_end(text, pos, end)?;
    let bytes = text.as_bytes();
    if colon >= end || bytes[colon] != b':' {
        return None;
    }
    let value = colon + 1;
    if value >= end || is_blank(bytes.get(value)) {
        return None;
    }
    let rest = &text[value..end];
    let drive = colon - pos == 1 && rest.starts_with(['/', '\\']);
    if drive || rest.starts_with("//") || rest.starts_with(['#', ':', ',', ']', '}']) {
        return None;
    }
    Some((value, rest.starts_with(['[', '{', '"', '\'']) || rest.starts_with("${")))
}

/// Whether a text on its own could be taken for a slip: `word:rest`, `-word`.
pub(crate) fn looks_like_slip(text: &str) -> bool {
    glued_key(text, 0, text.len()).is_some()
        || text.strip_prefix('-').is_some_and(|t| word_end(t, 0, t.len()).is_some())
}

/// The colon of a key that starts at `pos`, if this line has one: a plain or quoted text, then `:` and a blank.
pub(crate) fn key_colon(text: &str, pos: usize, end: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let first = *bytes.get(pos).filter(|_| pos < end)?;
    let mut at = pos;
    if first == b'"' || first == b'\'' {
        let close = quote_end(text, pos, end)?;
        at = skip_blanks(text, close, end);
        return (at < end && bytes[at] == b':' && (at + 1 == end || is_blank(bytes.get(at + 1)))).then_some(at);
    }
    if matches!(first, b'[' | b'{' | b'|' | b'>' | b'#' | b'%' | b'@' | b'`' | b',' | b']' | b'}') {
        return None;
    }
    while at < end {
        match bytes[at] {
            b':' if at + 1 == end || is_blank(bytes.get(at + 1)) => return Some(at),
            b'#' if at > pos && is_blank(bytes.get(at - 1)) => return None,
            _ => at += 1,
        }
    }
    None
}

/// One past the closing quote of the quoted text at `pos`.
pub(crate) fn quote_end(text: &str, pos: usize, end: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let quote = bytes[pos];
    let mut at = pos + 1;
    while at < end {
        match bytes[at] {
            b'\\' if quote == b'"' => at += 2,
            b if b == quote && quote == b'\'' && at + 1 < end && bytes[at + 1] == quote => at += 2,
            b if b == quote => return Some(at + 1),
            _ => at += 1,
        }
    }
    None
}

/// The end of a template such as `rsi{window}` or `${expand.x}` at `pos`: at least one `{name}` and something else.
pub(crate) fn template_end(text: &str, pos: usize, end: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut at, mut groups, mut others) = (pos, 0, 0);
    while at < end {
        match bytes[at] {
            b'{' => {
                let name = &text[at + 1..end];
                let close = name.bytes().position(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.')))?;
                if close == 0 || name.as_bytes()[close] != b'}' {
                    return None;
                }
                groups += 1;
                at += close + 2;
            }
            b if b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'$' | b'-' | b'/' | b'*') => {
                others += 1;
                at += 1;
            }
            _ => break,
        }
    }
    (groups > 0 && others > 0).then_some(at)
}
