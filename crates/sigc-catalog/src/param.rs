//! Parameters: declared once, as a constant that both names and reads the value.

use indexmap::IndexMap;
use sigc_market::{Interval, Symbol};
use std::fmt;
use std::marker::PhantomData;

/// A checked parameter value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing, where the parameter allows it.
    Null,
    /// A whole number.
    Int(i64),
    /// A finite number.
    Number(f64),
    /// True or false.
    Bool(bool),
    /// Text, one of the choices where there are choices.
    Text(String),
    /// The length of a bar.
    Interval(Interval),
    /// A universe.
    Symbols(Vec<Symbol>),
    /// A list of texts.
    Texts(Vec<String>),
    /// Numbers by column.
    Weights(IndexMap<String, f64>),
}

impl fmt::Display for Value {
    /// As a template shows it: `12`, `0.5`, `15m`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("null"),
            Value::Int(x) => write!(f, "{x}"),
            Value::Number(x) => write!(f, "{x}"),
            Value::Bool(x) => write!(f, "{x}"),
            Value::Text(x) => f.write_str(x),
            Value::Interval(x) => write!(f, "{x}"),
            Value::Symbols(x) => f.write_str(&x.iter().map(|s| s.as_str()).collect::<Vec<_>>().join(",")),
            Value::Texts(x) => f.write_str(&x.join(",")),
            Value::Weights(x) => f.write_str(&x.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(",")),
        }
    }
}

impl Value {
    /// As JSON, for plans.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as J;
        match self {
            Value::Null => J::Null,
            Value::Int(x) => J::from(*x),
            Value::Number(x) => J::from(*x),
            Value::Bool(x) => J::from(*x),
            Value::Text(x) => J::from(x.as_str()),
            Value::Interval(x) => J::from(x.to_string()),
            Value::Symbols(x) => x.iter().map(|s| s.as_str()).collect(),
            Value::Texts(x) => x.iter().map(String::as_str).collect(),
            Value::Weights(x) => x.iter().map(|(k, v)| (k.clone(), J::from(*v))).collect(),
        }
    }
}

/// What a parameter accepts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ParamKind {
    /// A whole number in a range, both ends included.
    Int {
        /// Least.
        min: i64,
        /// Greatest.
        max: i64,
    },
    /// A finite number in a range, both ends included.
    Number {
        /// Least.
        min: f64,
        /// Greatest.
        max: f64,
    },
    /// True or false.
    Bool,
    /// Any text.
    Text,
    /// A file or folder, relative to the working folder.
    Path,
    /// An address; may be `${env.NAME}`.
    Url,
    /// A user's name: any text; may be `${env.NAME}`.
    User,
    /// A password or key: only ever `${env.NAME}` or `${file.PATH}`.
    Secret,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// `15m`, `2h`.
    Interval,
    /// A list of symbols without repeats.
    Symbols,
    /// A list of these words without repeats.
    Choices(&'static [&'static str]),
    /// A list of texts, not empty.
    Texts,
    /// A list of names of environment variables, without repeats.
    Variables,
    /// A map from column to number.
    Weights,
}

impl ParamKind {
    /// True if `${env.NAME}` and `${file.PATH}` may be written.
    pub fn comes_from_outside(&self) -> bool {
        matches!(self, ParamKind::Url | ParamKind::User | ParamKind::Secret)
    }

    /// What to write, for messages: "a whole number from 2 to 100000".
    pub fn describe(&self) -> String {
        match self {
            ParamKind::Int { min, max } => format!("a whole number from {min} to {max}"),
            ParamKind::Number { min, max } => match (min.is_finite(), max.is_finite()) {
                (true, true) => format!("a number from {min} to {max}"),
                (true, false) => format!("a number of at least {min}"),
                (false, true) => format!("a number of at most {max}"),
                (false, false) => "a number".into(),
            },
            ParamKind::Bool => "true or false".into(),
            ParamKind::Text => "a text".into(),
            ParamKind::Path => "a path".into(),
            ParamKind::Url => "an address".into(),
            ParamKind::User => "a user's name".into(),
            ParamKind::Secret => "`${env.NAME}` or `${file.PATH}`".into(),
            ParamKind::Choice(words) => format!("one of {}", words.join(", ")),
            ParamKind::Interval => "an interval such as `15m`".into(),
            ParamKind::Symbols => "a list of symbols such as `[BTCUSDT, ETHUSDT]`".into(),
            ParamKind::Choices(words) => format!("a list of {}", words.join(", ")),
            ParamKind::Texts => "a list of texts such as `[python3, program.py]`".into(),
            ParamKind::Variables => "a list of environment variables such as `[API_TOKEN]`".into(),
            ParamKind::Weights => "a map from column to number such as `{rsi_14: 0.5}`".into(),
        }
    }
}

/// The default of a parameter, in a form that a constant can hold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Default {
    /// The parameter must be written.
    Required,
    /// It may be left out and is then absent.
    Absent,
    /// A whole number.
    Int(i64),
    /// A number.
    Number(f64),
    /// True or false.
    Bool(bool),
    /// A word or text.
    Text(&'static str),
}

impl Default {
    /// The value, if there is one.
    pub fn value(self) -> Option<Value> {
        match self {
            Default::Required | Default::Absent => None,
            Default::Int(x) => Some(Value::Int(x)),
            Default::Number(x) => Some(Value::Number(x)),
            Default::Bool(x) => Some(Value::Bool(x)),
            Default::Text(x) => Some(Value::Text(x.into())),
        }
    }
}

/// A parameter without its Rust type.
#[derive(Debug, Clone, Copy)]
pub struct Spec {
    /// As written in `params:`.
    pub name: &'static str,
    /// What it means, with its unit.
    pub doc: &'static str,
    /// What it accepts.
    pub kind: ParamKind,
    /// What it is when left out.
    pub default: Default,
    /// True if `null` may be written.
    pub nullable: bool,
}

/// A parameter of Rust type `T`: the constant that declares it is the one that reads it, with [`crate::Args::get`].
#[derive(Debug)]
pub struct Param<T> {
    spec: Spec,
    read: PhantomData<fn() -> T>,
}

/// Any parameter, for lists.
pub trait AnyParam: Sync + fmt::Debug {
    /// Its specification.
    fn spec(&self) -> &Spec;
}

impl<T: fmt::Debug> AnyParam for Param<T> {
    fn spec(&self) -> &Spec {
        &self.spec
    }
}

impl<T> Param<T> {
    const fn new(name: &'static str, doc: &'static str, kind: ParamKind) -> Param<T> {
        Param { spec: Spec { name, doc, kind, default: Default::Required, nullable: false }, read: PhantomData }
    }

    /// Its name.
    pub const fn name(&self) -> &'static str {
        self.spec.name
    }

    const fn with_default(mut self, default: Default) -> Param<T> {
        self.spec.default = default;
        self
    }

    /// May be left out; read as `None`.
    pub const fn optional(self) -> Param<Option<T>> {
        Param { spec: Spec { default: Default::Absent, ..self.spec }, read: PhantomData }
    }

    /// `null` may be written and is read as `None`.
    pub const fn nullable(self) -> Param<Option<T>> {
        Param { spec: Spec { nullable: true, ..self.spec }, read: PhantomData }
    }
}

impl Param<u32> {
    /// A whole number from 1 to 100000.
    pub const fn int(name: &'static str, doc: &'static str) -> Param<u32> {
        Param::new(name, doc, ParamKind::Int { min: 1, max: 100_000 })
    }

    /// Another least value.
    pub const fn min(mut self, min: u32) -> Param<u32> {
        if let ParamKind::Int { max, .. } = self.spec.kind {
            self.spec.kind = ParamKind::Int { min: min as i64, max };
        }
        self
    }

    /// Another greatest value.
    pub const fn max(mut self, max: u32) -> Param<u32> {
        if let ParamKind::Int { min, .. } = self.spec.kind {
            self.spec.kind = ParamKind::Int { min, max: max as i64 };
        }
        self
    }

    /// What it is when left out.
    pub const fn default(self, value: u32) -> Param<u32> {
        self.with_default(Default::Int(value as i64))
    }
}

impl Param<f64> {
    /// Any finite number.
    pub const fn number(name: &'static str, doc: &'static str) -> Param<f64> {
        Param::new(name, doc, ParamKind::Number { min: f64::NEG_INFINITY, max: f64::INFINITY })
    }

    /// A range, both ends included.
    pub const fn range(mut self, min: f64, max: f64) -> Param<f64> {
        self.spec.kind = ParamKind::Number { min, max };
        self
    }

    /// What it is when left out.
    pub const fn default(self, value: f64) -> Param<f64> {
        self.with_default(Default::Number(value))
    }
}

impl Param<bool> {
    /// True or false.
    pub const fn bool(name: &'static str, doc: &'static str) -> Param<bool> {
        Param::new(name, doc, ParamKind::Bool)
    }

    /// What it is when left out.
    pub const fn default(self, value: bool) -> Param<bool> {
        self.with_default(Default::Bool(value))
    }
}

impl Param<String> {
    /// Any text.
    pub const fn text(name: &'static str, doc: &'static str) -> Param<String> {
        Param::new(name, doc, ParamKind::Text)
    }

    /// A file or folder.
    pub const fn path(name: &'static str, doc: &'static str) -> Param<String> {
        Param::new(name, doc, ParamKind::Path)
    }

    /// An address.
    pub const fn url(name: &'static str, doc: &'static str) -> Param<String> {
        Param::new(name, doc, ParamKind::Url)
    }

    /// A user's name, which may come from the environment or a file.
    pub const fn user(name: &'static str, doc: &'static str) -> Param<String> {
        Param::new(name, doc, ParamKind::User)
    }

    /// A secret, which must come from the environment or a file.
    pub const fn secret(name: &'static str, doc: &'static str) -> Param<String> {
        Param::new(name, doc, ParamKind::Secret)
    }

    /// One of these words.
    pub const fn choice(name: &'static str, doc: &'static str, words: &'static [&'static str]) -> Param<String> {
        Param::new(name, doc, ParamKind::Choice(words))
    }

    /// What it is when left out.
    pub const fn default(self, value: &'static str) -> Param<String> {
        self.with_default(Default::Text(value))
    }
}

impl Param<Interval> {
    /// The length of a bar.
    pub const fn interval(name: &'static str, doc: &'static str) -> Param<Interval> {
        Param::new(name, doc, ParamKind::Interval)
    }
}

impl Param<Vec<Symbol>> {
    /// A universe.
    pub const fn symbols(name: &'static str, doc: &'static str) -> Param<Vec<Symbol>> {
        Param::new(name, doc, ParamKind::Symbols)
    }
}

impl Param<Vec<String>> {
    /// A list of words.
    pub const fn choices(name: &'static str, doc: &'static str, words: &'static [&'static str]) -> Param<Vec<String>> {
        Param::new(name, doc, ParamKind::Choices(words))
    }

    /// A list of texts, not empty.
    pub const fn texts(name: &'static str, doc: &'static str) -> Param<Vec<String>> {
        Param::new(name, doc, ParamKind::Texts)
    }

    /// Names of environment variables, whose values are secrets.
    pub const fn variables(name: &'static str, doc: &'static str) -> Param<Vec<String>> {
        Param::new(name, doc, ParamKind::Variables)
    }
}

impl Param<IndexMap<String, f64>> {
    /// Numbers by column.
    pub const fn weights(name: &'static str, doc: &'static str) -> Param<IndexMap<String, f64>> {
        Param::new(name, doc, ParamKind::Weights)
    }
}
