//! Arguments for tests: from text as in YAML, and drawn at random from what the parameters accept.

use sigc_catalog::{Args, Default as ParamDefault, Feature, Known, ParamKind, Spec, Value};

/// Reads one value as the parameter's kind says.
pub fn value_of(spec: &Spec, text: &str) -> Value {
    if spec.nullable && text == "null" {
        return Value::Null;
    }
    let value = match spec.kind {
        ParamKind::Int { .. } => text.parse().ok().map(Value::Int),
        ParamKind::Number { .. } => text.parse().ok().map(Value::Number),
        ParamKind::Bool => text.parse().ok().map(Value::Bool),
        ParamKind::Choice(_) => Some(Value::Text(text.into())),
        _ => panic!("`{}`: features have no such parameters", spec.name),
    };
    let value = value.filter(|v| accepts(spec, v));
    value.unwrap_or_else(|| panic!("`{}` is {}, not `{text}`", spec.name, spec.kind.describe()))
}

/// True if the value is in the parameter's own range.
pub fn accepts(spec: &Spec, value: &Value) -> bool {
    match (spec.kind, value) {
        (_, Value::Null) => spec.nullable,
        (ParamKind::Int { min, max }, Value::Int(x)) => (min..=max).contains(x),
        (ParamKind::Number { min, max }, Value::Number(x)) => (min..=max).contains(x) && x.is_finite(),
        (ParamKind::Bool, Value::Bool(_)) => true,
        (ParamKind::Choice(words), Value::Text(x)) => words.contains(&x.as_str()),
        _ => false,
    }
}

/// Arguments as written, defaults filled in.
///
/// # Panics
/// If a parameter is unknown or missing, or the feature's own check finds fault.
pub fn written<'t>(feature: &Feature, pairs: impl IntoIterator<Item = (&'t str, &'t str)>) -> Args {
    let name = feature.info.name;
    let pairs: Vec<_> = pairs.into_iter().collect();
    for (key, _) in &pairs {
        assert!(feature.info.param(key).is_some(), "`{name}` has no parameter `{key}`");
    }
    let mut args = Args::new();
    for spec in feature.info.specs() {
        let given = pairs.iter().find(|(key, _)| *key == spec.name).map(|(_, text)| value_of(spec, text));
        match given.or_else(|| spec.default.value()) {
            Some(value) => args.insert(spec.name, value),
            None => assert!(matches!(spec.default, ParamDefault::Absent), "`{name}` needs `{}`", spec.name),
        }
    }
    let problems = (feature.check)(&args, Known::default());
    assert!(problems.is_empty(), "`{name}`: {problems:?}");
    args
}

/// Numbers that are the same in every run: splitmix64.
pub struct Draw(u64);

impl Draw {
    /// Begins a sequence of its own for each name.
    pub fn for_name(name: &str) -> Draw {
        Draw(name.bytes().fold(1, |h, b| h.wrapping_mul(31).wrapping_add(u64::from(b))))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// 0 to n - 1.
    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    /// A value of a parameter; `None` leaves it out.
    pub fn value(&mut self, spec: &Spec) -> Option<Value> {
        if matches!(spec.default, ParamDefault::Absent) && self.below(2) == 0 {
            return None;
        }
        if spec.nullable && self.below(3) == 0 {
            return Some(Value::Null);
        }
        Some(match spec.kind {
            // Small counts are where rows are lost or won.
            ParamKind::Int { min, max } => Value::Int((min + self.below(40) as i64).min(max)),
            ParamKind::Number { min, max } => {
                let (min, max) = (min.max(-4.0), max.min(4.0));
                Value::Number(min + (max - min) * self.below(1 << 20) as f64 / (1u64 << 20) as f64)
            }
            ParamKind::Bool => Value::Bool(self.below(2) == 0),
            ParamKind::Choice(words) => Value::Text(words[self.below(words.len() as u64) as usize].into()),
            _ => panic!("`{}`: features have no such parameters", spec.name),
        })
    }

    /// Arguments that the feature's check accepts.
    pub fn args(&mut self, feature: &Feature) -> Args {
        for _ in 0..1_000 {
            let mut args = Args::new();
            for spec in feature.info.specs() {
                if let Some(value) = self.value(spec) {
                    args.insert(spec.name, value);
                }
            }
            if (feature.check)(&args, Known::default()).is_empty() {
                return args;
            }
        }
        panic!("`{}` accepts next to nothing", feature.info.name);
    }
}
