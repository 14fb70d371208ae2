//! Trees as text: YAML that parses back, and a dump for `--stage tree`.

use crate::{Map, Node, Scalar, ScalarStyle, Tree, Typed, Value, schema, traps};
use sigc_diag::SourceFile;
use std::fmt::Write;

/// Flow lists are used up to this width.
const FLOW_WIDTH: usize = 80;
/// Keys beyond this length are written with `?`: parsers look no further than 1,024 characters for the colon.
const LONG_KEY: usize = 1000;

/// Prints a tree as YAML 1.2 in block style that parses back to the same tree; short lists of scalars go on one line,
/// quotes stand only where needed. A hole prints as `null`.
pub fn to_yaml(node: &Node) -> String {
    let mut out = String::new();
    match &node.value {
        Value::Map(map) if !map.entries.is_empty() => write_map(&mut out, map, 0),
        Value::Seq(items) if inline(node).is_none() => write_seq(&mut out, items, 0),
        _ => out.push_str(&inline(node).unwrap_or_default()),
    }
    if !out.ends_with('\n') {
        out.push('\n');
    }
    out
}

fn indent(out: &mut String, depth: usize) {
    out.extend(std::iter::repeat_n("  ", depth));
}

fn write_map(out: &mut String, map: &Map, depth: usize) {
    for (i, entry) in map.entries.iter().enumerate() {
        // The first key of a map in a list stands behind the dash.
        if i > 0 || out.is_empty() || out.ends_with('\n') {
            indent(out, depth);
        }
        let key = text(&entry.key.value, Place::Key);
        if key.len() > LONG_KEY {
            let _ = writeln!(out, "? {key}");
            indent(out, depth);
        } else {
            out.push_str(&key);
        }
        out.push(':');
        write_value(out, &entry.value, depth, false);
    }
}

fn write_seq(out: &mut String, items: &[Node], depth: usize) {
    for (i, item) in items.iter().enumerate() {
        if i > 0 || out.is_empty() || out.ends_with('\n') {
            indent(out, depth);
        }
        out.push('-');
        write_value(out, item, depth, true);
    }
}

/// The value behind a colon or a dash, with its line break.
fn write_value(out: &mut String, node: &Node, depth: usize, item: bool) {
    if let Some(line) = inline(node) {
        if !line.is_empty() {
            out.push(' ');
            let place = if item { Place::Item } else { Place::Value };
            out.push_str(&node.as_scalar().map_or(line, |s| scalar(s, place)));
        }
        out.push('\n');
        return;
    }
    out.push(if item { ' ' } else { '\n' });
    match &node.value {
        Value::Map(map) => write_map(out, map, depth + 1),
        Value::Seq(items) => write_seq(out, items, depth + 1),
        Value::Scalar(_) | Value::Hole => {}
    }
}

/// What fits behind a colon: scalars, empty collections, short lists of scalars.
fn inline(node: &Node) -> Option<String> {
    match &node.value {
        Value::Hole => Some("null".into()),
        Value::Scalar(s) => Some(scalar(s, Place::Item)),
        Value::Map(map) => map.entries.is_empty().then(|| "{}".into()),
        Value::Seq(items) => {
            let mut line = String::from("[");
            for (i, item) in items.iter().enumerate() {
                let entry = scalar(item.as_scalar()?, Place::Flow);
                if entry.is_empty() {
                    return None;
                }
                line.push_str(if i > 0 { ", " } else { "" });
                line.push_str(&entry);
                if line.len() > FLOW_WIDTH {
                    return None;
                }
            }
            line.push(']');
            Some(line)
        }
    }
}

/// Where a scalar stands; that decides what must be quoted.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Key,
    Value,
    Item,
    Flow,
}

fn same(a: Typed, b: Typed) -> bool {
    match (a, b) {
        (Typed::Float(x), Typed::Float(y)) => x.to_bits() == y.to_bits(),
        (a, b) => a == b,
    }
}

fn scalar(scalar: &Scalar, place: Place) -> String {
    let Scalar { text: t, typed, .. } = scalar;
    if *typed == Typed::Str {
        return text(t, place);
    }
    if same(schema::resolve(t), *typed) {
        return t.clone();
    }
    // Only a tag gives this text this type: `!!float 3`, or a text that was changed after parsing.
    match typed {
        Typed::Null => "null".into(),
        Typed::Bool(b) => b.to_string(),
        Typed::Int(n) => n.to_string(),
        Typed::Float(_) | Typed::Str => format!("!!float {t}"),
    }
}

/// A text, in quotes if it would be read as something else without.
fn text(text: &str, place: Place) -> String {
    if plain(text, place) {
        return text.to_owned();
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Whether a text may stand without quotes; when in doubt it may not.
fn plain(text: &str, place: Place) -> bool {
    let Some(first) = text.chars().next() else { return false };
    let starts = first.is_alphanumeric() || matches!(first, '_' | '.' | '/' | '$' | '+' | '(');
    let chars = text.chars().all(|c| c == ' ' || c.is_alphanumeric() || c.is_ascii_graphic());
    let marks = text.contains(": ") || text.contains(" #") || text.ends_with([':', ' ']) || text.starts_with("...");
    let flow = place == Place::Flow && text.contains([',', '[', ']', '{', '}', ':', '"', '\'']);
    let colon = matches!(place, Place::Item | Place::Key) && (text.contains(':') || traps::looks_like_slip(text));
    starts
        && chars
        && !marks
        && !flow
        && !colon
        && (place != Place::Key || text.len() <= LONG_KEY)
        && schema::resolve(text) == Typed::Str
        && schema::old_spelling(text).is_none()
}

/// A readable dump: kind, value and place of every node, one a line.
pub fn print_tree(tree: &Tree, text: &str) -> String {
    let file = SourceFile::new("", text);
    let mut out = String::new();
    dump(&mut out, &file, &tree.root, "", 0);
    out
}

fn dump(out: &mut String, file: &SourceFile, node: &Node, label: &str, depth: usize) {
    indent(out, depth);
    let at = file.line_col(node.span.start as usize);
    let kind = match &node.value {
        Value::Hole => "hole".to_owned(),
        Value::Map(map) => format!("map of {}", map.entries.len()),
        Value::Seq(items) => format!("list of {}", items.len()),
        Value::Scalar(s) => {
            let style = match s.style {
                ScalarStyle::Plain => "",
                ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => ", quoted",
                ScalarStyle::Literal | ScalarStyle::Folded => ", block",
            };
            match s.typed {
                Typed::Null => "nothing".into(),
                Typed::Bool(b) => format!("bool {b}"),
                Typed::Int(n) => format!("int {n}"),
                Typed::Float(x) => format!("float {x}"),
                Typed::Str => format!("text {:?}{style}", s.text),
            }
        }
    };
    let _ = writeln!(out, "{label}{kind} @{}:{}", at.line, at.column);
    match &node.value {
        Value::Map(map) => {
            for entry in &map.entries {
                dump(out, file, &entry.value, &format!("{}: ", entry.key.value.escape_debug()), depth + 1);
            }
        }
        Value::Seq(items) => {
            for item in items {
                dump(out, file, item, "- ", depth + 1);
            }
        }
        Value::Scalar(_) | Value::Hole => {}
    }
}
