//! Parameters: what is written against what the step's definition says.

use crate::read::{self, unknown_key};
use crate::shape::ParamDecl;
use indexmap::IndexMap;
use sigc_catalog::{Args, Info, ParamKind, Spec, Value};
use sigc_diag::{Applicability, Diag, Diags, E0207, E0208, E0209, E0210, E0227, E0228, E0231, E0233, Span, nearest};
use sigc_market::{Interval, Symbol};
use sigc_syntax::{Interpolation, IntervalText, Node, Typed, Unit, interpolation};

/// Longest universe.
const MAX_SYMBOLS: usize = 10_000;
/// Longest list of texts.
const MAX_TEXTS: usize = 256;

/// Reads a step's parameters. `None` if a required one is missing or one could not be read; all faults are reported.
pub(crate) fn read_args(info: &'static Info, written: &[ParamDecl], at: Span, diags: &mut Diags) -> Option<Args> {
    let mut args = Args::new();
    let mut sound = true;
    let known: Vec<&str> = info.specs().map(|s| s.name).collect();
    for param in written {
        if info.param(&param.name.value).is_none() {
            let what = format!("`{}`", info.name);
            diags.push(unknown_key(&E0207, &param.name, &known, &what));
        }
    }
    for spec in info.specs() {
        match written.iter().find(|p| p.name.value == spec.name) {
            Some(p) => match read_value(spec, &p.value, (info.name, at), diags) {
                Some(value) => args.insert(spec.name, value),
                None => sound = false,
            },
            None => match spec.default {
                sigc_catalog::Default::Required => {
                    sound = false;
                    // A misspelt name was reported as unknown already; its value is not missing too.
                    let misspelt = written.iter().any(|p| {
                        !known.contains(&p.name.value.as_str()) && nearest(&p.name.value, [spec.name]).is_some()
                    });
                    if !misspelt {
                        let message = format!("`{}` needs the parameter `{}`", info.name, spec.name);
                        let help = format!("`{}` is {}: {}", spec.name, spec.kind.describe(), spec.doc);
                        diags.push(Diag::new(&E0208, at, message).here(format!("no `{}` here", spec.name)).help(help));
                    }
                }
                default => {
                    if let Some(value) = default.value() {
                        args.insert(spec.name, value);
                    }
                }
            },
        }
    }
    sound.then_some(args)
}

/// One value, checked against kind and range.
fn read_value(spec: &Spec, node: &Node, (step, at): (&str, Span), diags: &mut Diags) -> Option<Value> {
    if node.is_hole() {
        return None;
    }
    if let Some(text) = node.as_str()
        && text.contains("${")
        && spec.kind != ParamKind::Secret
    {
        return interpolated(spec, text, node.span, diags);
    }
    if spec.kind == ParamKind::Url && node.as_str().is_some_and(crate::hidden::has_password) {
        let message = format!("`{}` of `{step}` holds a password", spec.name);
        let help = format!(
            "write the address without it, or take the whole of it from outside: `{}: ${{env.NAME}}`; change the password if it was a real one",
            spec.name
        );
        diags.push(Diag::new(&E0233, at, message).here("this step's address").help(help));
        return None;
    }
    if spec.nullable && read::is_nothing(node) {
        return Some(Value::Null);
    }
    let wrong = |diags: &mut Diags| {
        let found = match node.as_scalar() {
            Some(s) if matches!(s.typed, Typed::Float(_)) => s.text.as_str(),
            _ => node.kind_name(),
        };
        let message = format!("`{}` of `{step}` should be {}, not {found}", spec.name, spec.kind.describe());
        let here = format!("{} here", node.kind_name());
        let mut diag = Diag::new(&E0209, node.span, message).here(here).help(meaning(spec));
        if let (ParamKind::Symbols | ParamKind::Choices(_), Some(text)) = (spec.kind, node.as_str()) {
            diag = diag.fix(node.span, format!("[{text}]"), "write it in brackets", Applicability::Guess);
        }
        // A number in quotes is the usual slip.
        if let (ParamKind::Int { .. } | ParamKind::Number { .. }, Some(text)) = (spec.kind, node.as_str())
            && text.parse::<f64>().is_ok_and(f64::is_finite)
        {
            diag = diag.fix(node.span, text, "write it without quotes", Applicability::Guess);
        }
        let bool = match node.as_str().map(str::to_lowercase).as_deref() {
            Some("yes" | "on" | "y") => Some("true"),
            Some("no" | "off" | "n") => Some("false"),
            _ => None,
        };
        if let (ParamKind::Bool, Some(word)) = (spec.kind, bool) {
            diag = diag.fix(node.span, word, format!("write `{word}`"), Applicability::Guess);
        }
        diags.push(diag);
        None
    };
    let scalar = node.as_scalar();
    match spec.kind {
        ParamKind::Int { min, max } => match scalar.map(|s| s.typed) {
            Some(Typed::Int(x)) if (min..=max).contains(&x) => Some(Value::Int(x)),
            Some(Typed::Int(x)) => out_of_range(spec, step, &x.to_string(), node.span, diags),
            _ => wrong(diags),
        },
        ParamKind::Number { min, max } => match scalar.map(|s| s.typed) {
            Some(Typed::Int(x)) if (min..=max).contains(&(x as f64)) => Some(Value::Number(x as f64)),
            Some(Typed::Float(x)) if x.is_finite() && (min..=max).contains(&x) => Some(Value::Number(x)),
            Some(Typed::Int(_) | Typed::Float(_)) => {
                out_of_range(spec, step, scalar.map_or("", |s| s.text.as_str()), node.span, diags)
            }
            _ => wrong(diags),
        },
        ParamKind::Bool => match scalar.map(|s| s.typed) {
            Some(Typed::Bool(x)) => Some(Value::Bool(x)),
            _ => wrong(diags),
        },
        ParamKind::Text | ParamKind::Path | ParamKind::Url | ParamKind::User => match node.as_str() {
            Some("") => out_of_range(spec, step, "an empty text", node.span, diags),
            Some(text) => Some(Value::Text(text.into())),
            None => wrong(diags),
        },
        ParamKind::Secret => secret(spec, node, (step, at), diags),
        ParamKind::Choice(words) => choice(spec, words, node, step, diags),
        ParamKind::Interval => match scalar {
            Some(s) => read_interval(&s.text, node.span, diags).map(Value::Interval),
            None => wrong(diags),
        },
        ParamKind::Symbols => match node.as_seq() {
            Some(items) => symbols(spec, items, node, diags),
            None => wrong(diags),
        },
        ParamKind::Choices(words) => match node.as_seq() {
            Some(items) => {
                let mut list = Vec::new();
                for item in items {
                    match choice(spec, words, item, step, diags)? {
                        Value::Text(word) if list.contains(&word) => {
                            let message = format!("`{word}` stands twice in `{}`", spec.name);
                            diags.push(Diag::new(&E0210, item.span, message).here("again here"));
                            return None;
                        }
                        Value::Text(word) => list.push(word),
                        _ => return None,
                    }
                }
                Some(Value::Texts(list))
            }
            None => wrong(diags),
        },
        ParamKind::Texts | ParamKind::Variables => match node.as_seq() {
            Some(items) => texts(spec, items, node, diags),
            None => wrong(diags),
        },
        ParamKind::Weights => match node.as_map() {
            Some(map) => {
                let mut weights = IndexMap::new();
                for e in &map.entries {
                    let weight = read::number(&e.value, "a weight", diags)?;
                    weights.insert(e.key.value.clone(), weight);
                }
                Some(Value::Weights(weights))
            }
            None => wrong(diags),
        },
    }
}

fn out_of_range(spec: &Spec, step: &str, found: &str, span: Span, diags: &mut Diags) -> Option<Value> {
    let message = format!("`{}` of `{step}` is {}, not {found}", spec.name, spec.kind.describe());
    diags.push(Diag::new(&E0210, span, message).here("out of range").help(meaning(spec)));
    None
}

/// What a parameter is for.
fn meaning(spec: &Spec) -> String {
    format!("`{}`: {}", spec.name, spec.doc)
}

fn choice(spec: &Spec, words: &[&str], node: &Node, step: &str, diags: &mut Diags) -> Option<Value> {
    let Some(scalar) = node.as_scalar() else {
        read::wrong_type(node, &format!("`{}`", spec.name), &spec.kind.describe(), diags);
        return None;
    };
    // `gap: null` reads as nothing in YAML, and is the word here.
    if words.contains(&scalar.text.as_str()) {
        return Some(Value::Text(scalar.text.clone()));
    }
    let message = format!("`{}` of `{step}` is one of {}, not `{}`", spec.name, words.join(", "), scalar.text);
    let mut diag = Diag::new(&E0210, node.span, message).here("not one of them").help(meaning(spec));
    if let Some(near) = nearest(&scalar.text, words.iter().copied()) {
        diag = diag.fix(node.span, near, format!("write `{near}`"), Applicability::Guess);
    }
    diags.push(diag);
    None
}

/// A list of texts, or of names of environment variables.
fn texts(spec: &Spec, items: &[Node], node: &Node, diags: &mut Diags) -> Option<Value> {
    let variables = spec.kind == ParamKind::Variables;
    if items.len() > MAX_TEXTS || (items.is_empty() && !variables) {
        let message = format!("`{}` is a list of 1 to {MAX_TEXTS} texts, and has {}", spec.name, items.len());
        diags.push(Diag::new(&E0210, node.span, message).here("out of range").help(meaning(spec)));
        return None;
    }
    let mut list: Vec<String> = Vec::with_capacity(items.len());
    let mut sound = true;
    for item in items {
        // A number is as good a text as any: `[prog, --port, 80]`.
        let Some(scalar) = item.as_scalar().filter(|s| s.typed != Typed::Null) else {
            read::wrong_type(item, &format!("an item of `{}`", spec.name), "a text", diags);
            sound = false;
            continue;
        };
        let text = scalar.text.as_str();
        if text.contains("${") {
            let message = format!("an item of `{}` cannot come from the environment or a file", spec.name);
            let help = "it would be seen by everybody who lists processes; hand it over in a variable: `env: [NAME]`";
            diags.push(Diag::new(&E0231, item.span, message).here("not allowed here").help(help));
            sound = false;
            continue;
        }
        let fault = if text.contains('\0') {
            Some("holds a zero byte")
        } else if variables && !is_variable(text) {
            Some("is not the name of an environment variable")
        } else if variables && list.iter().any(|name| name == text) {
            Some("is named twice")
        } else {
            None
        };
        match fault {
            Some(fault) => {
                let message = format!("{text:?} in `{}` {fault}", spec.name);
                diags.push(Diag::new(&E0210, item.span, message).here("here").help(meaning(spec)));
                sound = false;
            }
            None => list.push(text.to_owned()),
        }
    }
    sound.then_some(Value::Texts(list))
}

fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn symbols(spec: &Spec, items: &[Node], node: &Node, diags: &mut Diags) -> Option<Value> {
    if items.is_empty() {
        let help = "list at least one symbol: `universe: [BTCUSDT]`";
        diags.push(Diag::new(&E0227, node.span, format!("`{}` is empty", spec.name)).here("no symbols").help(help));
        return None;
    }
    if items.len() > MAX_SYMBOLS {
        let message = format!("`{}` has {} symbols, more than {MAX_SYMBOLS}", spec.name, items.len());
        diags.push(Diag::new(&E0210, node.span, message));
        return None;
    }
    let mut list: Vec<Symbol> = Vec::with_capacity(items.len());
    let mut sound = true;
    let mut seen = std::collections::HashMap::new();
    for item in items {
        let Some(scalar) = item.as_scalar() else {
            read::wrong_type(item, "a symbol", "text such as `BTCUSDT`", diags);
            sound = false;
            continue;
        };
        match Symbol::new(&scalar.text) {
            Ok(symbol) => {
                if let Some(&first) = seen.get(&symbol) {
                    let message = format!("the symbol `{symbol}` stands twice in `{}`", spec.name);
                    diags.push(Diag::new(&E0228, item.span, message).here("again here").label(first, "first here"));
                    sound = false;
                    continue;
                }
                seen.insert(symbol.clone(), item.span);
                list.push(symbol);
            }
            Err(error) => {
                let message = format!("`{}` is not a symbol: {error}", scalar.text);
                let help = "write each symbol as the venue spells it, such as `BTCUSDT`";
                diags.push(Diag::new(&E0209, item.span, message).here("not a symbol").help(help));
                sound = false;
            }
        }
    }
    sound.then_some(Value::Symbols(list))
}

/// A secret's place outside the file. What stands there instead may be a password: neither the message nor the lines
/// it shows hold it, so it points at the step.
fn secret(spec: &Spec, node: &Node, (step, at): (&str, Span), diags: &mut Diags) -> Option<Value> {
    let outside =
        |text: &str| matches!(interpolation(text, node.span), Ok(Some(Interpolation::Env(_) | Interpolation::File(_))));
    if let Some(text) = node.as_str().filter(|text| outside(text)) {
        return Some(Value::Text(text.into()));
    }
    let message = format!("`{}` of `{step}` stands in the file", spec.name);
    let help =
        format!("write `{}: ${{env.NAME}}` or `${{file.PATH}}`, and change the secret if it was a real one", spec.name);
    diags.push(Diag::new(&E0233, at, message).here("this step's secret").help(help));
    None
}

/// `${env.NAME}` and `${file.PATH}` stay as they are: they are looked up when something connects, and never printed.
fn interpolated(spec: &Spec, text: &str, span: Span, diags: &mut Diags) -> Option<Value> {
    match interpolation(text, span) {
        Ok(Some(Interpolation::Env(_) | Interpolation::File(_))) if spec.kind.comes_from_outside() => {
            Some(Value::Text(text.into()))
        }
        Ok(Some(Interpolation::Env(_) | Interpolation::File(_))) => {
            let help = "`${env.NAME}` and `${file.PATH}` are for endpoints and secrets of sources and sinks";
            let message = format!("`{}` cannot come from the environment or a file", spec.name);
            diags.push(Diag::new(&E0231, span, message).here("not allowed here").help(help));
            None
        }
        // `${expand.NAME}` was reported or replaced when grids were unrolled.
        Ok(_) => None,
        Err(diag) => {
            diags.push(diag);
            None
        }
    }
}

/// Reads `15m`, or reports why it is no interval.
pub(crate) fn read_interval(text: &str, at: Span, diags: &mut Diags) -> Option<Interval> {
    match sigc_syntax::interval(text, at) {
        Ok(IntervalText { count, unit }) => {
            let letter = match unit {
                Unit::Second => 's',
                Unit::Minute => 'm',
                Unit::Hour => 'h',
                Unit::Day => 'd',
                Unit::Week => 'w',
                Unit::Month => 'M',
            };
            match Interval::new(count, letter) {
                Ok(interval) => Some(interval),
                Err(error) => {
                    let message = format!("`{text}` is not an interval: {error}");
                    let help = "write a whole number and a unit: `30s`, `15m`, `2h`, `1d`, `1w`, `1M`";
                    diags.push(Diag::new(&sigc_diag::E0113, at, message).here("not an interval").help(help));
                    None
                }
            }
        }
        Err(diag) => {
            diags.push(diag);
            None
        }
    }
}
