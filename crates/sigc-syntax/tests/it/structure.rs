//! Places, keys, anchors, merge keys, tags, documents.

use crate::support::{found, read, shaped};
use sigc_diag::{Diags, Severity};
use sigc_syntax::{Limits, ScalarStyle, parse_bytes, parse_with, print_tree};

#[test]
fn places_are_bytes_with_mark_crlf_and_umlauts() {
    let text = "\u{feff}ä: é\r\nlist: [x, \"y\"]\r\nmap:\r\n  - k: v # c\r\n  - |\r\n    t\r\nempty:\r\nlast: z";
    let root = read(text).0.root;
    let map = root.as_map().unwrap();
    let at = |key: &str| &text[map.get(key).unwrap().value.span.range()];
    assert_eq!(map.keys().map(|k| &text[k.span.range()]).collect::<Vec<_>>(), ["ä", "list", "map", "empty", "last"]);
    assert_eq!((at("ä"), at("list"), at("last")), ("é", "[x, \"y\"]", "z"));
    assert_eq!(at("map"), "- k: v # c\r\n  - |\r\n    t");
    assert_eq!(at("empty"), "");
    let empty = map.get("empty").unwrap();
    assert_eq!(empty.value.span.start, empty.key.span.end + 1);
    assert_eq!(root.span.start, 3);
    let seq = map.get("list").unwrap().value.as_seq().unwrap();
    assert_eq!((seq[1].as_str(), &text[seq[1].span.range()]), (Some("y"), "\"y\""));
    assert_eq!(seq[1].as_scalar().unwrap().style, ScalarStyle::DoubleQuoted);
}

#[test]
fn places_stay_those_of_the_file_behind_a_mended_slip() {
    let text = "a:\n  b:ü\n  c: [r{w}, x]\nd: é\n";
    let root = read(text).0.root;
    let a = root.as_map().unwrap().get("a").unwrap().value.as_map().unwrap().clone();
    assert_eq!(&text[a.get("b").unwrap().key.span.range()], "b");
    assert_eq!(&text[a.get("b").unwrap().value.span.range()], "ü");
    let list = a.get("c").unwrap().value.as_seq().unwrap();
    assert_eq!(&text[list[0].span.range()], "r{w}");
    assert_eq!(&text[list[1].span.range()], "x");
    let template = sigc_syntax::template(list[0].as_str().unwrap(), list[0].span).unwrap();
    assert_eq!(&text[template.params().next().unwrap().span.range()], "w");
    assert_eq!(&text[root.as_map().unwrap().get("d").unwrap().value.span.range()], "é");
}

#[test]
fn duplicate_keys_name_both_places_and_the_first_stays() {
    let text = "a: 1\nb: 2\na: 3\n";
    let (_, diags) = read(text);
    assert_eq!((diags[0].code.id, diags[0].labels.len()), ("E0104", 2));
    assert_eq!((diags[0].span().start, diags[0].labels[1].span.start), (10, 0));
    assert_eq!(shaped(text), "{a: 1, b: 2}");
}

#[test]
fn keys_must_be_text() {
    assert_eq!(found("1: a\ntrue: b\non: c\n\"2\": d\n? [x]\n: e\n"), ["E0110 1", "E0110 true", "E0110 [x]"]);
    assert_eq!(shaped("1: a\non: c\n\"2\": d\n"), r#"{on: "c", 2: "d"}"#);
    assert_eq!(found("a: {{x}: 1}\n"), ["E0110 {x}"]);
}

#[test]
fn aliases_repeat_their_value() {
    let text = "a: &x {k: 1}\nb: *x\nc: &y 7\nd: [*y, *y]\n";
    assert_eq!(found(text), [""; 0]);
    assert_eq!(shaped(text), "{a: {k: 1}, b: {k: 1}, c: 7, d: [7, 7]}");
    assert_eq!(found("a: *nope\n"), ["E0118 *nope"]);
    assert_eq!(shaped("a: *nope\n"), "{a: ?}");
    assert_eq!(found("a: &x [*x]\n"), ["E0118 *x"]);
}

#[test]
fn merge_keys_yield_to_the_maps_own_keys() {
    let text = "base: &b {x: 1, y: 2}\nmore: &m {y: 3, z: 4}\none:\n  y: 9\n  <<: *b\nmany:\n  <<: [*b, *m]\n  w: 0\n";
    assert_eq!(found(text), [""; 0]);
    assert!(shaped(text).ends_with("one: {y: 9, x: 1}, many: {x: 1, y: 2, z: 4, w: 0}}"), "{}", shaped(text));
    assert_eq!(found("a:\n  <<: 1\n"), ["E0110 <<"]);
    assert_eq!(shaped("a:\n  \"<<\": 1\n"), "{a: {<<: 1}}");
}

#[test]
fn tags_of_the_core_schema_only() {
    assert_eq!(
        shaped("a: !!str 12\nb: !!float 3\nc: !!int \"4\"\nd: !!seq [1]\n"),
        r#"{a: "12", b: 3.0, c: 4, d: [1]}"#
    );
    assert_eq!(
        found("a: !secret x\nb: !!int y\nc: !!map [1]\nd: !!binary x\n"),
        ["E0115 !secret", "E0115 !!int", "E0115 !!map", "E0115 !!binary"]
    );
    assert_eq!(shaped("a: !secret x\nc: !!map [1]\n"), "{a: ?, c: ?}");
}

#[test]
fn one_document() {
    for empty in ["", "\n\n", "# only this\n", "---\n", "\u{feff}", "---\n...\n"] {
        assert_eq!(read(empty).1.iter().map(|d| d.code.id).collect::<Vec<_>>(), ["E0116"], "{empty:?}");
        assert!(read(empty).0.root.is_hole());
    }
    assert_eq!(found("a: 1\n---\nb: 2\n"), ["E0116 ---"]);
    assert_eq!(shaped("a: 1\n---\nb: 2\n"), "{a: 1}");
    assert_eq!(found("---\na: 1\n...\n"), [""; 0]);
}

#[test]
fn bytes_must_be_utf8() {
    let mut diags = Diags::new();
    assert!(parse_bytes(b"a: \xff\n", &mut diags).is_none());
    let diag = diags.iter().next().unwrap();
    assert_eq!((diag.code.id, diag.span().start, diag.severity()), ("E0119", 3, Severity::Error));
    let (text, tree) = parse_bytes(b"a: 1\n", &mut Diags::new()).unwrap();
    assert_eq!((text.as_str(), tree.root.kind_name()), ("a: 1\n", "a map"));
}

#[test]
fn limits_have_their_own_codes() {
    let codes = |text: &str, limits: &Limits| {
        let mut diags = Diags::new();
        parse_with(text, limits, &mut diags);
        diags.iter().map(|d| d.code.id).collect::<Vec<_>>()
    };
    let small = Limits { max_bytes: 100, max_depth: 3, max_nodes: 12 };
    assert_eq!(codes(&"#".repeat(101), &small), ["E0105"]);
    assert_eq!(codes("a: [[1]]\n", &small), [""; 0]);
    assert_eq!(codes("a: [[[1]]]\nb: 1\n", &small), ["E0106"]);
    assert_eq!(codes("a: [[[[[1]]]]]\nb: [\n", &small), ["E0106", "E0101"]);
    assert_eq!(codes("a: [1,1,1,1,1,1,1,1,1,1]\n", &small), ["E0105"]);
    assert_eq!(codes("a: &x [1,2,3]\nb: [*x]\nc: [*x]\n", &small), ["E0107"]);
    assert_eq!(codes("a: &x [[1]]\nb: [*x]\n", &small), ["E0106"]);
}

#[test]
fn kinds_in_words() {
    let text = "m: {}\nl: []\nt: x\ni: 1\nf: .5\nb: true\nn:\n";
    let root = read(text).0.root;
    let kinds: Vec<_> = root.as_map().unwrap().entries.iter().map(|e| e.value.kind_name()).collect();
    assert_eq!(kinds, ["a map", "a list", "text", "an integer", "a number", "true/false", "nothing"]);
}

#[test]
fn the_dump_shows_kind_value_and_place() {
    let text = "a: 1\nb:\n  - 'x'\n";
    let dump = print_tree(&read(text).0, text);
    assert_eq!(dump, "map of 2 @1:1\n  a: int 1 @1:4\n  b: list of 1 @3:3\n    - text \"x\", quoted @3:5\n");
}
