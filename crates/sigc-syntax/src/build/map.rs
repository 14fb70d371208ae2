//! A map under construction: keys, duplicates, merge keys.

use crate::report::Reporter;
use crate::{Entry, Map, Node, ScalarStyle, Typed, Value, words};
use sigc_diag::{Applicability, Diag, E0104, E0110, Span, Spanned};
use std::collections::{HashMap, HashSet};

/// A map under construction.
#[derive(Default)]
pub(super) struct Pending {
    entries: Vec<Entry>,
    seen: HashMap<String, Span>,
    /// The key whose value comes next.
    pub key: Option<Key>,
    /// Entries from merge keys, with the number of own entries before them.
    merged: Vec<(usize, Vec<Entry>)>,
}

pub(super) enum Key {
    Text(Spanned<String>),
    Merge(Span),
    /// Reported already; its value is dropped.
    Bad,
}

impl Pending {
    /// Takes the next node: a key, or the value of the last one.
    pub(super) fn take(&mut self, node: Node, report: &mut Reporter) {
        match self.key.take() {
            None => self.key = Some(key(node, &self.seen, report)),
            Some(key) => self.value(key, node, report),
        }
    }

    fn value(&mut self, key: Key, node: Node, report: &mut Reporter) {
        match key {
            Key::Bad => {}
            Key::Merge(at) => {
                self.seen.insert("<<".into(), at);
                let mut entries = Vec::new();
                if merge_into(&mut entries, node) {
                    self.merged.push((self.entries.len(), entries));
                } else {
                    report.push(
                        Diag::new(&E0110, at, "the merge key `<<` needs a map or a list of maps")
                            .help("write `<<: *name`, where `&name` stands at a map"),
                    );
                }
            }
            Key::Text(key) => {
                if let Some(&first) = self.seen.get(&key.value) {
                    report.push(
                        Diag::new(
                            &E0104,
                            key.span,
                            format!("the key `{}` is written twice", words::shorten(&key.value)),
                        )
                        .here("again here")
                        .label(first, "first written here")
                        .help("remove one of them; the first one is used"),
                    );
                    return;
                }
                self.seen.insert(key.value.clone(), key.span);
                self.entries.push(Entry { key, value: node });
            }
        }
    }

    /// The map, with merged entries where no own key has their name.
    pub(super) fn finish(self) -> Map {
        if self.merged.is_empty() {
            return Map { entries: self.entries };
        }
        let mut taken: HashSet<String> = self.entries.iter().map(|e| e.key.value.clone()).collect();
        let mut merged = self.merged.into_iter().peekable();
        let mut entries = Vec::new();
        let mut own = self.entries.into_iter().enumerate().peekable();
        loop {
            let at = own.peek().map_or(usize::MAX, |(i, _)| *i);
            if let Some((_, from)) = merged.next_if(|(before, _)| *before <= at) {
                entries.extend(from.into_iter().filter(|e| taken.insert(e.key.value.clone())));
            } else if let Some((_, entry)) = own.next() {
                entries.push(entry);
            } else {
                return Map { entries };
            }
        }
    }
}

/// Takes a node for a key.
fn key(node: Node, seen: &HashMap<String, Span>, report: &mut Reporter) -> Key {
    let span = node.span;
    match node.value {
        Value::Hole => Key::Bad,
        Value::Scalar(s)
            if s.typed == Typed::Str && s.text == "<<" && s.style == ScalarStyle::Plain && !seen.contains_key("<<") =>
        {
            Key::Merge(span)
        }
        Value::Scalar(s) if s.typed == Typed::Str => Key::Text(Spanned::new(s.text, span)),
        Value::Scalar(s) if s.text.is_empty() => {
            report.push(Diag::new(&E0110, span, "a key is missing before this colon").help("write `key: value`"));
            Key::Bad
        }
        Value::Scalar(s) => {
            let node = Node { span, value: Value::Scalar(s.clone()) };
            report.push(
                Diag::new(&E0110, span, format!("a key must be text, and `{}` is {}", s.text, node.kind_name()))
                    .help(format!("write \"{}\" in quotes if that is the name", s.text))
                    .fix(span, format!("\"{}\"", s.text), "put the key in quotes", Applicability::Guess),
            );
            Key::Bad
        }
        value => {
            let kind = Node { span, value }.kind_name();
            report.push(
                Diag::new(&E0110, span, format!("a key must be text, not {kind}"))
                    .help("a text with braces or brackets at its start needs quotes"),
            );
            Key::Bad
        }
    }
}

/// Appends the entries of a map or of a list of maps; false if it is something else.
fn merge_into(entries: &mut Vec<Entry>, node: Node) -> bool {
    match node.value {
        Value::Map(map) => entries.extend(map.entries),
        Value::Hole => {}
        Value::Seq(items) => {
            for item in items {
                match item.value {
                    Value::Map(map) => entries.extend(map.entries),
                    Value::Hole => {}
                    _ => return false,
                }
            }
        }
        Value::Scalar(_) => return false,
    }
    true
}
