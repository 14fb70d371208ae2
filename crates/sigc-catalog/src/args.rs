//! The arguments of one step: checked values by parameter.

use crate::{Param, Value};
use indexmap::IndexMap;
use sigc_market::{Interval, Symbol};

/// Checked values of a step's parameters, defaults filled in. The compiler makes it; a parameter that is required
/// and missing never gets this far.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Args(IndexMap<&'static str, Value>);

/// A fault of the arguments together that no single parameter's range shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArgProblem {
    /// The parameter to point at.
    pub param: &'static str,
    /// The fact.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

/// A Rust type that a checked value can be read as.
pub trait FromValue: Sized {
    /// Reads it; `None` if the value is absent or of another kind.
    fn from_value(value: Option<&Value>) -> Option<Self>;
}

impl Args {
    /// No values.
    pub fn new() -> Args {
        Args::default()
    }

    /// Sets a checked value.
    pub fn insert(&mut self, name: &'static str, value: Value) {
        self.0.insert(name, value);
    }

    /// The value of a parameter.
    ///
    /// # Panics
    /// If the step's definition does not list the parameter, or its arguments were not checked.
    pub fn get<T: FromValue>(&self, param: &Param<T>) -> T {
        T::from_value(self.0.get(param.name())).unwrap_or_else(|| {
            panic!("`{}` is listed in the step's params and was checked before it is read", param.name())
        })
    }

    /// The value of a parameter by name.
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// All values in the order of the definition.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        self.0.iter().map(|(k, v)| (*k, v))
    }
}

impl FromValue for u32 {
    fn from_value(value: Option<&Value>) -> Option<u32> {
        match value? {
            Value::Int(x) => u32::try_from(*x).ok(),
            _ => None,
        }
    }
}

impl FromValue for f64 {
    fn from_value(value: Option<&Value>) -> Option<f64> {
        match value? {
            Value::Int(x) => Some(*x as f64),
            Value::Number(x) => Some(*x),
            _ => None,
        }
    }
}

impl FromValue for bool {
    fn from_value(value: Option<&Value>) -> Option<bool> {
        match value? {
            Value::Bool(x) => Some(*x),
            _ => None,
        }
    }
}

impl FromValue for String {
    fn from_value(value: Option<&Value>) -> Option<String> {
        match value? {
            Value::Text(x) => Some(x.clone()),
            _ => None,
        }
    }
}

impl FromValue for Interval {
    fn from_value(value: Option<&Value>) -> Option<Interval> {
        match value? {
            Value::Interval(x) => Some(*x),
            _ => None,
        }
    }
}

impl FromValue for Vec<Symbol> {
    fn from_value(value: Option<&Value>) -> Option<Vec<Symbol>> {
        match value? {
            Value::Symbols(x) => Some(x.clone()),
            _ => None,
        }
    }
}

impl FromValue for Vec<String> {
    fn from_value(value: Option<&Value>) -> Option<Vec<String>> {
        match value? {
            Value::Texts(x) => Some(x.clone()),
            _ => None,
        }
    }
}

impl FromValue for IndexMap<String, f64> {
    fn from_value(value: Option<&Value>) -> Option<IndexMap<String, f64>> {
        match value? {
            Value::Weights(x) => Some(x.clone()),
            _ => None,
        }
    }
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: Option<&Value>) -> Option<Option<T>> {
        match value {
            None | Some(Value::Null) => Some(None),
            some => T::from_value(some).map(Some),
        }
    }
}
