//! Properties over arbitrary texts, mutated pipelines and generated trees.

use crate::originals::originals;
use crate::support::{read, shape};
use proptest::prelude::*;
use sigc_diag::{Span, Spanned};
use sigc_syntax::{Entry, Map, Node, Scalar, ScalarStyle, Typed, Value, to_yaml};

/// Every place lies in the text, on character boundaries, children inside the text too.
fn places_hold(text: &str) {
    let (tree, diags) = read(text);
    let ok = |span: Span| assert!(text.get(span.range()).is_some(), "{span:?} of {text:?}");
    fn walk(node: &Node, ok: &dyn Fn(Span)) {
        ok(node.span);
        match &node.value {
            Value::Map(map) => map.entries.iter().for_each(|e| {
                ok(e.key.span);
                walk(&e.value, ok);
            }),
            Value::Seq(items) => items.iter().for_each(|i| walk(i, ok)),
            Value::Scalar(_) | Value::Hole => {}
        }
    }
    walk(&tree.root, &ok);
    for diag in &diags {
        diag.labels.iter().for_each(|l| ok(l.span));
        diag.fixes.iter().for_each(|f| ok(f.span));
    }
    let _ = sigc_syntax::print_tree(&tree, text);
}

/// The grammars take any text, and their places lie in it.
fn grammars_hold(text: &str) {
    let at = Span::new(0, text.len());
    let ok = |span: Span| assert!(text.get(span.range()).is_some(), "{span:?} of {text:?}");
    match sigc_syntax::reference(text, at) {
        Ok(r) => assert_eq!(format!("{}.{}", &text[r.frame.span.range()], &text[r.column.span.range()]), text),
        Err(d) => ok(d.span()),
    }
    match sigc_syntax::template(text, at) {
        Ok(t) => assert_eq!(t.fill(|name| Some(format!("{{{name}}}"))).unwrap(), text),
        Err(d) => ok(d.span()),
    }
    for diag in [
        sigc_syntax::interpolation(text, at).err(),
        sigc_syntax::interval(text, at).err(),
        sigc_syntax::name(text, at).err(),
        sigc_syntax::column_name(text, at).err(),
    ] {
        diag.iter().for_each(|d| ok(d.span()));
    }
}

fn yaml_soup() -> impl Strategy<Value = String> {
    let atoms = prop::sample::select(vec![
        "a",
        "key",
        "- ",
        "-",
        ":",
        ": ",
        "\n",
        "\n  ",
        "\n    ",
        "[",
        "]",
        "{",
        "}",
        ",",
        "\"",
        "'",
        "|",
        ">",
        "&x ",
        "*x",
        "!!str ",
        "!t ",
        "<<: ",
        "#",
        " #",
        "? ",
        "---\n",
        "...\n",
        "\t",
        "\r\n",
        "é",
        "\u{feff}",
        "1",
        "012",
        "yes",
        "${expand.a}",
        "rsi{w}",
        "pipeline:\n",
        "name: x\n",
        "  - b:1\n",
        "-using: x\n",
        "%",
        "@",
        "\\",
        "\u{85}",
        "\u{2028}",
        "\r",
    ]);
    prop::collection::vec(atoms, 0..40).prop_map(|v| v.concat())
}

fn scalar() -> impl Strategy<Value = Node> {
    let text = prop_oneof![
        "[ -~]{0,12}",
        "\\PC{0,6}",
        "[a-z]{1,3}[:{}#, -]{1,2}[a-z0-9]{0,3}",
        any::<String>(),
        prop::sample::select(vec![
            "yes", "012", "null", "~", "1", "-", "--", "...", "<<", "a: b", " x", "x ", "rsi{w}", "${env.A}", "-x",
            "a:b", "1:2"
        ])
        .prop_map(str::to_owned),
    ];
    let plain = prop_oneof![
        any::<i64>().prop_map(|n| (n.to_string(), Typed::Int(n))),
        any::<bool>().prop_map(|b| (b.to_string(), Typed::Bool(b))),
        (-1e9..1e9f64).prop_map(|x| (format!("{x:?}"), Typed::Float(x))),
        Just((String::new(), Typed::Null)),
        Just(("0x1F".to_owned(), Typed::Int(31))),
        Just(("3".to_owned(), Typed::Float(3.0))),
        Just((".nan".to_owned(), Typed::Float(f64::NAN))),
        text.prop_map(|t| (t, Typed::Str)),
    ];
    plain.prop_map(|(text, typed)| Node {
        span: Span::default(),
        value: Value::Scalar(Scalar { text, style: ScalarStyle::Plain, typed }),
    })
}

fn tree() -> impl Strategy<Value = Node> {
    let node = |value| Node { span: Span::default(), value };
    let key = prop_oneof!["[a-z_]{1,6}", "\\PC{0,5}", "[ -~]{0,8}", "[a-z:.-]{1,5}", "x{1005}"];
    scalar().prop_recursive(4, 40, 5, move |inner| {
        let map = prop::collection::vec((key.clone(), inner.clone()), 0..5).prop_map(move |pairs| {
            let mut map = Map::default();
            for (key, value) in pairs {
                if map.get(&key).is_none() {
                    map.entries.push(Entry { key: Spanned::new(key, Span::default()), value });
                }
            }
            node(Value::Map(map))
        });
        prop_oneof![map, prop::collection::vec(inner, 0..5).prop_map(move |v| node(Value::Seq(v)))]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_parses_to_places_in_it(text in any::<String>()) {
        places_hold(&text);
        grammars_hold(&text);
    }

    #[test]
    fn yaml_like_text_parses_to_places_in_it(text in yaml_soup()) {
        places_hold(&text);
        grammars_hold(&text);
    }

    #[test]
    fn mutated_pipelines_parse_to_places_in_them(
        which in 0usize..2, from in 0usize..2000, len in 0usize..12, put in yaml_soup(), again in 0usize..2000,
    ) {
        if let Some(text) = originals().get(which) {
            let mut text = text.clone();
            for (start, len, put) in [(from, len, put.as_str()), (again, 1, "")] {
                let start = text.floor_char_boundary(start.min(text.len()));
                let end = text.ceil_char_boundary((start + len).min(text.len()));
                text.replace_range(start..end, put);
            }
            places_hold(&text);
        }
    }

    #[test]
    fn printed_trees_read_the_same(node in tree()) {
        let nothing = node.as_scalar().is_some_and(|s| s.typed == Typed::Null);
        if !nothing {
            let yaml = to_yaml(&node);
            let (tree, diags) = read(&yaml);
            prop_assert!(diags.is_empty(), "{:?}\n{}", diags, yaml);
            prop_assert_eq!(shape(&tree.root), shape(&node), "{}", yaml);
        }
    }
}
