//! Several syntax errors in one pass.
//!
//! The parser stops at the first error, so a text with one is cut at the keys in column 0 and, where such a key holds
//! a list, at the items of that list. Each piece is parsed alone; a bad one is reported once and overwritten with
//! blanks behind its key or dash, which keeps all offsets. The tree then has a hole in its place.

use crate::Limits;
use crate::build::parser_options;
use crate::traps::{Lines, key_colon};
use granit_parser::{ErrorKind, Event, Parser};
use std::borrow::Cow;
use std::collections::HashSet;

/// Attempts at errors that only show when the pieces stand together.
const JOINT_ATTEMPTS: usize = 10;

/// Characters of an anchor's name that are remembered when its piece is blanked.
const LONGEST_NAME: usize = 200;

/// A text that parses.
pub(crate) struct Sound<'a> {
    pub text: Cow<'a, str>,
    /// Blanked ranges, each with its key or dash; in ascending order, none within another.
    pub bad: Vec<(usize, usize)>,
    /// Names of anchors that stood in blanked ranges.
    pub lost_anchors: HashSet<String>,
}

impl Sound<'_> {
    /// The blanked range that holds an offset.
    pub(crate) fn hole(&self, at: usize) -> Option<(usize, usize)> {
        let next = self.bad.partition_point(|&(start, _)| start <= at);
        self.bad[..next].last().copied().filter(|&(_, end)| at <= end)
    }
}

/// A syntax error.
pub(crate) struct Fault {
    pub kind: ErrorKind,
    pub at: usize,
    /// The piece it was found in: what stands behind it had no part in it.
    pub piece: (usize, usize),
}

/// A part of the text that can be parsed alone.
pub(crate) struct Piece {
    pub start: usize,
    pub end: usize,
    /// One past its key and colon or its dash; `start` if it has neither.
    pub head: usize,
    pub items: Vec<Piece>,
}

/// What the first node of a piece must be.
#[derive(Clone, Copy, PartialEq)]
enum Root {
    Any,
    Map,
    Seq,
    Nothing,
}

/// The first syntax error of the first document.
pub(crate) fn check(text: &str, limits: &Limits) -> Option<Fault> {
    fault(text, 0, text.len(), Root::Any, limits)
}

fn fault(text: &str, start: usize, end: usize, root: Root, limits: &Limits) -> Option<Fault> {
    let new = |kind, at| Some(Fault { kind, at, piece: (start, end) });
    let mut documents = 0;
    let mut first = true;
    for event in Parser::new_from_str_with_options(&text[start..end], parser_options(limits)) {
        let (event, span) = match event {
            Ok(event) => event,
            Err(error) => {
                let at = start + error.marker().byte_offset().unwrap_or(0);
                return new(error.kind().clone(), at.min(end));
            }
        };
        match event {
            Event::DocumentStart(..) => {
                documents += 1;
                if documents == 2 {
                    return None;
                }
            }
            Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
            _ if first => {
                first = false;
                let empty = span.is_empty() && matches!(event, Event::Scalar(..));
                let fits = match root {
                    Root::Any => true,
                    Root::Map => matches!(event, Event::MappingStart(..)),
                    Root::Seq => matches!(event, Event::SequenceStart(..)),
                    Root::Nothing => empty,
                };
                if !fits {
                    return new(ErrorKind::SimpleKeyExpected, start + span.byte_range().map_or(0, |r| r.start));
                }
            }
            _ => {}
        }
    }
    None
}

/// Blanks what does not parse and hands each error to `report`; `None` if nothing can be saved.
pub(crate) fn recover<'a>(text: &'a str, limits: &Limits, mut report: impl FnMut(Fault)) -> Option<Sound<'a>> {
    let Some(whole) = check(text, limits) else {
        return Some(Sound { text: Cow::Borrowed(text), bad: Vec::new(), lost_anchors: HashSet::new() });
    };
    let pieces = pieces(text);
    let mut blanks = Blanks {
        text: text.as_bytes().to_vec(),
        original: text,
        bad: Vec::new(),
        whole: HashSet::new(),
        lost: HashSet::new(),
    };
    for piece in &pieces {
        let root = if piece.head > piece.start || starts_word(text, piece.start) { Root::Map } else { Root::Nothing };
        let Some(found) = fault(text, piece.start, piece.end, root, limits) else { continue };
        let mut bad_items = 0;
        for item in &piece.items {
            if let Some(found) = fault(text, item.start, item.end, Root::Seq, limits) {
                report(found);
                blanks.blank(item);
                bad_items += 1;
            }
        }
        // With its bad items blanked the piece is good, or something beside them is bad, too.
        let rest = if bad_items > 0 { blanks.fault(piece, limits) } else { Some(found) };
        if let Some(found) = rest {
            report(found);
            blanks.blank_whole(piece);
        }
    }
    let mut attempts = 0;
    let mut fallback = Some(whole);
    loop {
        let sound = blanks.text();
        let Some(mut found) = check(&sound, limits) else {
            return Some(Sound { text: Cow::Owned(sound), bad: blanks.ranges(), lost_anchors: blanks.lost });
        };
        if blanks.bad.is_empty()
            && let Some(whole) = fallback.take()
        {
            found = whole;
        }
        attempts += 1;
        let guilty = pieces.iter().rev().find(|p| p.start <= found.at && !blanks.whole.contains(&p.start));
        let Some(guilty) = guilty.filter(|_| attempts <= JOINT_ATTEMPTS) else {
            report(found);
            return None;
        };
        report(found);
        blanks.blank_whole(guilty);
    }
}

fn starts_word(text: &str, at: usize) -> bool {
    text[at..].starts_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '"' | '\''))
}

/// Cuts a text at the lines that begin in column 0 with a word or a quote; what stands before them is a piece, too.
pub(crate) fn pieces(text: &str) -> Vec<Piece> {
    let lines = Lines::new(text);
    let starts = (0..lines.len()).filter(|&l| starts_word(text, lines.get(l).0));
    let starts: Vec<usize> = starts.collect();
    let mut pieces = Vec::new();
    let first = starts.first().map_or(text.len(), |&l| lines.get(l).0);
    if first > 0 {
        pieces.push(Piece { start: 0, end: first, head: 0, items: Vec::new() });
    }
    for (i, &line) in starts.iter().enumerate() {
        let (start, line_end) = lines.get(line);
        let next = starts.get(i + 1).copied().unwrap_or(lines.len());
        let end = if next < lines.len() { lines.get(next).0 } else { text.len() };
        let head = key_colon(text, start, line_end).map_or(start, |colon| colon + 1);
        let alone = text[head..line_end].trim_ascii_start();
        let alone = head > start && (alone.is_empty() || alone.starts_with(['#', '&', '!']));
        let items = if alone { items(&lines, line + 1, next, end) } else { Vec::new() };
        pieces.push(Piece { start, end, head, items });
    }
    pieces
}

/// The items of a list that begins with the first content of these lines.
fn items(lines: &Lines, from: usize, to: usize, end: usize) -> Vec<Piece> {
    let text = lines.text;
    let dash = |line: usize| {
        let at = lines.content(line);
        let rest = &text.as_bytes()[at..lines.get(line).1];
        (rest.first() == Some(&b'-') && matches!(rest.get(1), None | Some(b' ' | b'\t')))
            .then(|| at - lines.get(line).0)
    };
    let Some(first) = lines.next_filled(from).filter(|&l| l < to) else { return Vec::new() };
    let Some(indent) = dash(first) else { return Vec::new() };
    let starts: Vec<usize> = (first..to).filter(|&l| !lines.is_empty(l) && dash(l) == Some(indent)).collect();
    let piece = |(i, &line): (usize, &usize)| Piece {
        start: lines.get(line).0,
        end: starts.get(i + 1).map_or(end, |&l| lines.get(l).0),
        head: lines.get(line).0 + indent + 1,
        items: Vec::new(),
    };
    starts.iter().enumerate().map(piece).collect()
}

/// The text with bad pieces overwritten.
struct Blanks<'a> {
    text: Vec<u8>,
    original: &'a str,
    bad: Vec<(usize, usize)>,
    /// Starts of top pieces that are blanked as a whole.
    whole: HashSet<usize>,
    lost: HashSet<String>,
}

impl Blanks<'_> {
    fn text(&self) -> String {
        String::from_utf8(self.text.clone()).expect("whole pieces of a text are overwritten with ASCII")
    }

    /// The blanked ranges in order, without those inside a larger one.
    fn ranges(&mut self) -> Vec<(usize, usize)> {
        self.bad.sort_by_key(|&(start, end)| (start, std::cmp::Reverse(end)));
        let mut covered = 0;
        let outermost = |&(_, end): &(usize, usize)| {
            let new = end > covered;
            covered = covered.max(end);
            new
        };
        self.bad.iter().copied().filter(outermost).collect()
    }

    /// The error of a piece as it stands now.
    fn fault(&self, piece: &Piece, limits: &Limits) -> Option<Fault> {
        let text = std::str::from_utf8(&self.text[piece.start..piece.end]).expect("pieces end at line starts");
        let mut found = fault(text, 0, text.len(), Root::Map, limits)?;
        found.at += piece.start;
        found.piece = (piece.start, piece.end);
        Some(found)
    }

    fn blank_whole(&mut self, piece: &Piece) {
        self.whole.insert(piece.start);
        self.blank(piece);
    }

    fn blank(&mut self, piece: &Piece) {
        let original = &self.original[piece.start..piece.end];
        for (at, _) in original.match_indices('&') {
            let stop = |c: char| c.is_whitespace() || ",[]{}&".contains(c);
            let name: String = original[at + 1..].chars().take_while(|&c| !stop(c)).take(LONGEST_NAME).collect();
            self.lost.insert(name);
        }
        for byte in &mut self.text[piece.head..piece.end] {
            if !matches!(byte, b'\n' | b'\r') {
                *byte = b' ';
            }
        }
        self.bad.push((piece.start, piece.start + original.trim_ascii_end().len()));
    }
}
