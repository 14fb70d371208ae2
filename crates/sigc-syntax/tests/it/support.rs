//! Short ways to parse and to look at the result.

use sigc_diag::{Applicability, Diag, Diags};
use sigc_syntax::{Node, Tree, Typed, Value, parse};

pub fn read(text: &str) -> (Tree, Vec<Diag>) {
    let mut diags = Diags::new();
    let tree = parse(text, &mut diags);
    (tree, diags.sorted())
}

/// `CODE text-at-the-primary-place`, in the order of the text.
pub fn found(text: &str) -> Vec<String> {
    read(text).1.iter().map(|d| format!("{} {}", d.code.id, &text[d.span().range()])).collect()
}

/// A tree without places and styles: `{name: "x", list: [1, null], bad: ?}`.
pub fn shape(node: &Node) -> String {
    match &node.value {
        Value::Hole => "?".into(),
        Value::Seq(items) => format!("[{}]", items.iter().map(shape).collect::<Vec<_>>().join(", ")),
        Value::Map(map) => {
            let entry = |e: &sigc_syntax::Entry| format!("{}: {}", e.key.value, shape(&e.value));
            format!("{{{}}}", map.entries.iter().map(entry).collect::<Vec<_>>().join(", "))
        }
        Value::Scalar(s) => match s.typed {
            Typed::Null => "null".into(),
            Typed::Bool(b) => b.to_string(),
            Typed::Int(n) => n.to_string(),
            Typed::Float(x) => format!("{x:?}"),
            Typed::Str => format!("{:?}", s.text),
        },
    }
}

pub fn shaped(text: &str) -> String {
    shape(&read(text).0.root)
}

/// The text with every safe fix applied.
pub fn mended(text: &str) -> String {
    let mut fixes: Vec<_> = read(text).1.into_iter().flat_map(|d| d.fixes).collect();
    fixes.retain(|f| f.applicability == Applicability::Safe);
    fixes.sort_by_key(|f| std::cmp::Reverse(f.span));
    let mut text = text.to_owned();
    for fix in fixes {
        text.replace_range(fix.span.range(), &fix.replacement);
    }
    text
}
