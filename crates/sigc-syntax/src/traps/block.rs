//! Slips in block structure, found line by line with a stack of the open maps and lists.

use super::lex::{self, Lines};
use super::{Slip, Trap, flow};

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Map,
    Seq,
}

/// An open block map or list.
struct Level {
    kind: Kind,
    /// Column of its keys or dashes in the mended text.
    col: usize,
    /// Its last entry has a value, so a deeper line continues that.
    filled: bool,
    /// A list with a map among its items.
    maps: bool,
}

/// The walk over the lines.
pub(super) struct Scan<'a> {
    lines: Lines<'a>,
    levels: Vec<Level>,
    traps: Vec<Trap>,
    /// Blanks that mending puts in front of each line.
    moved: Vec<usize>,
    /// Quote characters that open no further quoted text: a search for their end reached the end of the file.
    unclosed: Vec<u8>,
}

/// Where a line stands: `pos` is the next byte to read, `col` its column in the mended text.
struct Cursor {
    line: usize,
    pos: usize,
    end: usize,
    start: usize,
    /// Blanks that mending adds before `pos`.
    shift: usize,
    /// Behind a dash.
    item: bool,
}

impl Cursor {
    fn col(&self) -> usize {
        self.pos - self.start + self.shift
    }
}

impl<'a> Scan<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let lines = Lines::new(text);
        let moved = vec![0; lines.len()];
        Scan { lines, levels: Vec::new(), traps: Vec::new(), moved, unclosed: Vec::new() }
    }

    pub(super) fn run(mut self) -> Vec<Trap> {
        let mut line = 0;
        while line < self.lines.len() {
            line = self.line(line).max(line + 1);
        }
        self.traps
    }

    /// Reads one line and what its value spans; gives the next line to read.
    fn line(&mut self, line: usize) -> usize {
        if self.lines.is_empty(line) {
            return line + 1;
        }
        let text = self.lines.text;
        let (start, end) = self.lines.get(line);
        let mut at = Cursor { line, pos: self.lines.content(line), end, start, shift: self.moved[line], item: false };
        if at.pos == start {
            let rest = &text[start..end];
            if rest.starts_with('%') {
                return line + 1;
            }
            if (rest.starts_with("---") || rest.starts_with("...")) && lex::is_blank(rest.as_bytes().get(3)) {
                self.levels.clear();
                at.pos = lex::skip_blanks(text, start + 3, end);
            }
        }
        if !self.dashes(&mut at) {
            return line + 1;
        }
        let col = at.col();
        while self.levels.last().is_some_and(|l| l.col > col || l.kind == Kind::Seq && l.col == col && !at.item) {
            self.levels.pop();
        }
        if let Some(value) = self.glued(&at) {
            let stop = lex::content_end(text, value, end).max(value);
            self.traps.push(Trap { kind: Slip::Colon, start: at.pos, end: stop, gap: value, moved: Vec::new() });
            self.enter_map(col, at.item);
            return self.value(line, value, end);
        }
        if let Some(colon) = lex::key_colon(text, at.pos, end) {
            self.enter_map(col, at.item);
            return self.value(line, colon + 1, end);
        }
        self.value(line, at.pos, end)
    }

    /// Enters a list for each dash of the line; false if nothing follows the last.
    fn dashes(&mut self, at: &mut Cursor) -> bool {
        let text = self.lines.text;
        let bytes = text.as_bytes();
        loop {
            if at.pos >= at.end || bytes[at.pos] == b'#' {
                return false;
            }
            if bytes[at.pos] != b'-' {
                return true;
            }
            let blank = at.pos + 1 >= at.end || lex::is_blank(bytes.get(at.pos + 1));
            if blank {
                self.enter_seq(at.col());
                at.pos = lex::skip_blanks(text, at.pos + 1, at.end);
            } else if let Some(end) = self.glued_dash(at) {
                let moved = self.move_item(at);
                self.traps.push(Trap { kind: Slip::Dash, start: at.pos, end, gap: at.pos + 1, moved });
                self.enter_seq(at.col());
                at.pos += 1;
                at.shift += 1;
            } else {
                return true;
            }
            at.item = true;
        }
    }

    /// The column of a line's content in the mended text.
    fn col(&self, line: usize) -> usize {
        self.lines.content(line) - self.lines.get(line).0 + self.moved[line]
    }

    /// The further lines of an item whose keys stand below the word behind the glued dash: they move along.
    fn move_item(&mut self, at: &Cursor) -> Vec<usize> {
        let col = at.col();
        let lines = at.line + 1..self.lines.len();
        let item = lines.take_while(|&l| self.lines.is_empty(l) || self.col(l) > col);
        let inside: Vec<usize> = item.filter(|&l| self.col(l) > col).collect();
        if inside.iter().filter(|&&l| !self.lines.is_empty(l)).map(|&l| self.col(l)).min() != Some(col + 1) {
            return Vec::new();
        }
        for &line in &inside {
            self.moved[line] += 1;
        }
        inside.into_iter().map(|l| self.lines.get(l).0).collect()
    }

    /// A dash glued to a key, or to a word where a list stands or must begin: the end of the word.
    fn glued_dash(&self, at: &Cursor) -> Option<usize> {
        let text = self.lines.text;
        let word = lex::word_end(text, at.pos + 1, at.end)?;
        let col = at.col();
        let mut open = self.levels.iter().rev().skip_while(|l| l.col > col);
        let top = open.next();
        if top.is_some_and(|l| l.filled && l.col < col) {
            return None;
        }
        let key = text.as_bytes().get(word) == Some(&b':') && !text[word + 1..at.end].starts_with("//");
        let in_list = top.is_some_and(|l| l.kind == Kind::Seq && l.col == col);
        let begins_list = top.is_some_and(|l| l.kind == Kind::Map && !l.filled);
        let stop = lex::content_end(text, at.pos, at.end);
        (key || !at.item && (in_list || begins_list)).then_some(if key { word } else { stop })
    }

    /// A colon glued to its value where a key belongs: the offset behind the colon.
    fn glued(&self, at: &Cursor) -> Option<usize> {
        let text = self.lines.text;
        let (value, only_value) = lex::glued_key(text, at.pos, at.end)?;
        if !only_value {
            // `BTC:USDT: 1` is a key with a colon inside.
            let rest = &text[value..lex::content_end(text, value, at.end)];
            if rest.ends_with(':') || rest.contains(": ") {
                return None;
            }
        }
        let col = at.col();
        let top = self.levels.last();
        if top.is_some_and(|l| l.kind == Kind::Map && l.col == col) {
            return Some(value);
        }
        if top.is_some_and(|l| l.filled) {
            return None;
        }
        let lower = text[at.pos..].starts_with(|c: char| c.is_lowercase() || c == '_');
        let among_maps = !at.item || top.is_some_and(|l| l.maps);
        (only_value || lower && among_maps || self.key_follows(at.line, col)).then_some(value)
    }

    /// Whether the next line holds a key in the same column.
    fn key_follows(&self, line: usize, col: usize) -> bool {
        let Some(next) = self.lines.next_filled(line + 1) else { return false };
        let end = self.lines.get(next).1;
        let pos = self.lines.content(next);
        let text = self.lines.text;
        let dash = text[pos..end].starts_with("- ");
        self.col(next) == col
            && !dash
            && (lex::key_colon(text, pos, end).is_some() || lex::glued_key(text, pos, end).is_some())
    }

    fn enter_seq(&mut self, col: usize) {
        while self.levels.last().is_some_and(|l| l.col > col) {
            self.levels.pop();
        }
        match self.levels.last_mut() {
            Some(l) if l.kind == Kind::Seq && l.col == col => l.filled = false,
            parent => {
                if let Some(l) = parent {
                    l.filled = true;
                }
                self.levels.push(Level { kind: Kind::Seq, col, filled: false, maps: false });
            }
        }
    }

    fn enter_map(&mut self, col: usize, item: bool) {
        match self.levels.last_mut() {
            Some(l) if l.kind == Kind::Map && l.col == col => l.filled = false,
            parent => {
                if let Some(l) = parent {
                    l.filled = true;
                    l.maps |= item && l.kind == Kind::Seq;
                }
                self.levels.push(Level { kind: Kind::Map, col, filled: false, maps: false });
            }
        }
    }

    /// Passes over the value at `pos`; gives the next line to read.
    fn value(&mut self, line: usize, pos: usize, end: usize) -> usize {
        let text = self.lines.text;
        let mut pos = lex::skip_blanks(text, pos, end);
        while pos < end && matches!(text.as_bytes()[pos], b'&' | b'!') {
            let property = text[pos..end].find([' ', '\t']).map_or(end, |n| pos + n);
            pos = lex::skip_blanks(text, property, end);
        }
        let first = text.as_bytes().get(pos).copied().filter(|&b| pos < end && b != b'#');
        let Some(first) = first else { return line + 1 };
        let parent = self.levels.last().map(|l| l.col);
        if let Some(l) = self.levels.last_mut() {
            l.filled = true;
        }
        match first {
            b'|' | b'>' => self.block_scalar(line + 1, parent),
            b'{' if let Some(stop) = lex::template_end(text, pos, end)
                && stop == lex::content_end(text, pos, end) =>
            {
                self.traps.push(Trap { kind: Slip::Brace, start: pos, end: stop, gap: pos, moved: Vec::new() });
                line + 1
            }
            b'[' | b'{' => {
                let stop = flow::scan(&self.lines, pos, &mut self.traps);
                self.lines.at(stop) + 1
            }
            b'"' | b'\'' => {
                let close = self.quoted(pos, first).unwrap_or(pos);
                self.lines.at(close) + 1
            }
            _ => line + 1,
        }
    }

    /// The first line behind a block scalar, whose lines are deeper than its parent.
    fn block_scalar(&self, from: usize, parent: Option<usize>) -> usize {
        let inside =
            |l: &usize| self.lines.content(*l) == self.lines.get(*l).1 || parent.is_none_or(|col| self.col(*l) > col);
        (from..self.lines.len()).find(|l| !inside(l)).unwrap_or(self.lines.len())
    }

    /// The end of a quoted text that may span lines; `None` if it is not closed before the next key in column 0.
    fn quoted(&mut self, pos: usize, quote: u8) -> Option<usize> {
        if self.unclosed.contains(&quote) {
            return None;
        }
        let text = self.lines.text;
        let Some(close) = lex::quote_end(text, pos, text.len()) else {
            self.unclosed.push(quote);
            return None;
        };
        let (first, last) = (self.lines.at(pos), self.lines.at(close - 1));
        let key = (first + 1..=last).any(|l| {
            let (start, end) = self.lines.get(l);
            lex::word_end(text, start, end).is_some() && lex::key_colon(text, start, end).is_some()
        });
        (!key).then_some(close)
    }
}
