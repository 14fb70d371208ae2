//! The tree of a pipeline file: maps, lists and scalars with their places.

use sigc_diag::{Span, Spanned};

/// A parsed file.
#[derive(Debug, Clone, PartialEq)]
pub struct Tree {
    /// The document; [`Value::Hole`] if nothing could be read.
    pub root: Node,
}

/// A value and where it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The bytes of the value. A map or list covers its content; what came through an alias keeps the place of its
    /// definition; an empty value is an empty span behind its key or dash.
    pub span: Span,
    /// The value.
    pub value: Value,
}

/// What a node holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Text, a number, true/false or nothing.
    Scalar(Scalar),
    /// A list.
    Seq(Vec<Node>),
    /// A map.
    Map(Map),
    /// Could not be read. The reason was reported already, so later stages stay silent about it.
    Hole,
}

/// One scalar.
#[derive(Debug, Clone, PartialEq)]
pub struct Scalar {
    /// The text with escapes and line folding resolved; empty for a value that was not written.
    pub text: String,
    /// How it was written.
    pub style: ScalarStyle,
    /// What it means.
    pub typed: Typed,
}

/// The notation of a scalar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScalarStyle {
    /// Without quotes.
    Plain,
    /// `'...'`.
    SingleQuoted,
    /// `"..."`.
    DoubleQuoted,
    /// `|`.
    Literal,
    /// `>`.
    Folded,
}

/// A scalar's meaning by the YAML 1.2 core schema; anything quoted is text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Typed {
    /// `null`, `~` or nothing at all.
    Null,
    /// `true`, `false`.
    Bool(bool),
    /// A whole number that fits 64 bits.
    Int(i64),
    /// Any other number; `.nan` is a NaN, and a whole number beyond 64 bits is rounded to the nearest float.
    Float(f64),
    /// Text.
    Str,
}

/// A map in the order of the file. Keys are unique: a duplicate was reported and the first one kept.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Map {
    /// The entries as written, with those of merge keys in the place of the `<<`.
    pub entries: Vec<Entry>,
}

/// A key and its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key's text and place.
    pub key: Spanned<String>,
    /// The value.
    pub value: Node,
}

impl Map {
    /// The entry with this key.
    pub fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|e| e.key.value == key)
    }

    /// The keys in order.
    pub fn keys(&self) -> impl Iterator<Item = &Spanned<String>> {
        self.entries.iter().map(|e| &e.key)
    }
}

impl Node {
    /// A node that could not be read.
    pub fn hole(span: Span) -> Self {
        Node { span, value: Value::Hole }
    }

    /// The map, if it is one.
    pub fn as_map(&self) -> Option<&Map> {
        match &self.value {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The list, if it is one.
    pub fn as_seq(&self) -> Option<&[Node]> {
        match &self.value {
            Value::Seq(items) => Some(items),
            _ => None,
        }
    }

    /// The scalar, if it is one.
    pub fn as_scalar(&self) -> Option<&Scalar> {
        match &self.value {
            Value::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// The text, if it is a scalar that means text.
    pub fn as_str(&self) -> Option<&str> {
        self.as_scalar().filter(|s| s.typed == Typed::Str).map(|s| s.text.as_str())
    }

    /// What the value is, in the words of messages: `a map`, `a list`, `text`, `an integer`, `a number`,
    /// `true/false`, `nothing`.
    pub fn kind_name(&self) -> &'static str {
        match &self.value {
            Value::Map(_) => "a map",
            Value::Seq(_) => "a list",
            Value::Hole => "nothing",
            Value::Scalar(scalar) => match scalar.typed {
                Typed::Null => "nothing",
                Typed::Bool(_) => "true/false",
                Typed::Int(_) => "an integer",
                Typed::Float(_) => "a number",
                Typed::Str => "text",
            },
        }
    }

    /// True if the value could not be read and was reported already.
    pub fn is_hole(&self) -> bool {
        matches!(self.value, Value::Hole)
    }
}
