//! Reading the tree: small helpers that report what is not as it should be.

use sigc_diag::{Diag, Diags, E0108, E0109, E0110, Span, Spanned, nearest};
use sigc_syntax::{Map, Node, Typed, Value};
use std::borrow::Cow;

/// The map of a node, or a report that it is none. A hole was reported already.
pub(crate) fn map<'a>(node: &'a Node, what: &str, diags: &mut Diags) -> Option<&'a Map> {
    if let Some(map) = node.as_map() {
        return Some(map);
    }
    wrong_type(node, what, "a map", diags);
    None
}

/// The list of a node, or a report that it is none.
pub(crate) fn seq<'a>(node: &'a Node, what: &str, diags: &mut Diags) -> Option<&'a [Node]> {
    if let Some(seq) = node.as_seq() {
        return Some(seq);
    }
    wrong_type(node, what, "a list", diags);
    None
}

/// The text of a node with its place, or a report that it is none.
pub(crate) fn text(node: &Node, what: &str, diags: &mut Diags) -> Option<Spanned<String>> {
    if let Some(text) = node.as_str() {
        return Some(Spanned::new(text.to_owned(), node.span));
    }
    wrong_type(node, what, "text", diags);
    None
}

/// A finite number, or a report.
pub(crate) fn number(node: &Node, what: &str, diags: &mut Diags) -> Option<f64> {
    match node.as_scalar().map(|s| s.typed) {
        Some(Typed::Int(x)) => return Some(x as f64),
        Some(Typed::Float(x)) if x.is_finite() => return Some(x),
        _ => wrong_type(node, what, "a number", diags),
    }
    None
}

/// Reports that `what` should be `wanted`.
pub(crate) fn wrong_type(node: &Node, what: &str, wanted: &str, diags: &mut Diags) {
    if node.is_hole() {
        return;
    }
    let found = node.kind_name();
    let diag = Diag::new(&E0110, node.span, format!("{what} should be {wanted}, not {found}"));
    let diag = diag.here(format!("{found} here"));
    diags.push(match wanted {
        "a list" => diag.help("write the entries in brackets, or each on a line of its own with `- ` before it"),
        "a map" => diag.help("write `key: value` lines under it, indented further"),
        "text" if node.as_seq().is_some() => diag.help("write one name, without brackets"),
        "a number" => diag.help("write a plain number, without quotes or a unit"),
        _ => diag,
    });
}

/// True if the node was not written or is `null`.
pub(crate) fn is_nothing(node: &Node) -> bool {
    matches!(&node.value, Value::Scalar(s) if s.typed == Typed::Null)
}

/// Reports keys that are not known, each with the nearest that is. Gives the map with such a key spelt as the nearest
/// one, unless that is there too: what stands under a misspelt key is not missing as well.
pub(crate) fn known_keys<'a>(map: &'a Map, known: &[&str], what: &str, diags: &mut Diags) -> Cow<'a, Map> {
    let mut respelt = Cow::Borrowed(map);
    for (i, key) in map.keys().enumerate() {
        if known.contains(&key.value.as_str()) {
            continue;
        }
        diags.push(unknown_key(&E0108, key, known, what));
        if let Some(near) = nearest(&key.value, known.iter().copied())
            && respelt.get(near).is_none()
        {
            respelt.to_mut().entries[i].key.value = near.into();
        }
    }
    respelt
}

/// "`what` has no key `key`", with the nearest known one as a fix.
pub(crate) fn unknown_key(code: &'static sigc_diag::Code, key: &Spanned<String>, known: &[&str], what: &str) -> Diag {
    let noun = if std::ptr::eq(code, &E0108) { "key" } else { "parameter" };
    let mut diag = Diag::new(code, key.span, format!("{what} has no {noun} `{}`", key.value)).here("not known here");
    if let Some(near) = nearest(&key.value, known.iter().copied()) {
        diag = diag.help(format!("did you mean `{near}`? Known here: {}", list(known))).fix(
            key.span,
            near,
            format!("write `{near}`"),
            sigc_diag::Applicability::Guess,
        );
    } else if known.is_empty() {
        diag = diag.help(format!("{what} takes no {noun}s"));
    } else {
        diag = diag.help(format!("known here: {}", list(known)));
    }
    diag
}

/// The value of a key, or a report that it is missing.
pub(crate) fn required<'a>(
    map: &'a Map,
    key: &str,
    at: Span,
    what: &str,
    help: &str,
    diags: &mut Diags,
) -> Option<&'a Node> {
    let found = map.get(key).map(|e| &e.value);
    if found.is_none() {
        diags.push(Diag::new(&E0109, at, format!("{what} needs `{key}`")).here(format!("no `{key}` here")).help(help));
    }
    found
}

/// Names in back quotes with commas.
pub(crate) fn list<S: AsRef<str>>(names: &[S]) -> String {
    const SHOWN: usize = 40;
    let shown: Vec<String> = names.iter().take(SHOWN).map(|n| format!("`{}`", n.as_ref())).collect();
    let more = names.len().saturating_sub(SHOWN);
    if more == 0 { shown.join(", ") } else { format!("{} and {more} more", shown.join(", ")) }
}
