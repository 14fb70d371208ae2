//! Several syntax errors in one pass, each once, with the rest of the file intact.

use crate::support::{found, read, shaped};

#[test]
fn three_bad_blocks_give_three_errors_and_the_rest_parses() {
    let text = "name: x\nusing: [a\nexpand:\n  w: \"1\nmode: stream\npipeline: }\nlast: 1\n";
    assert_eq!(found(text), ["E0101 [a", "E0101 \"1", "E0101 }"]);
    assert_eq!(shaped(text), r#"{name: "x", using: ?, expand: ?, mode: "stream", pipeline: ?, last: 1}"#);
}

#[test]
fn a_bad_step_leaves_the_other_steps() {
    let text = "pipeline:\n  - data: a\n  - model: [x\n    frame: b\n  - sink: c\nname: x\n";
    assert_eq!(shaped(text), r#"{pipeline: [{data: "a"}, ?, {sink: "c"}], name: "x"}"#);
    assert_eq!(found(text).len(), 1);
    let hole = read(text).0.root.as_map().unwrap().get("pipeline").unwrap().value.as_seq().unwrap()[1].span;
    assert_eq!(&text[hole.range()], "  - model: [x\n    frame: b");
}

#[test]
fn several_bad_steps() {
    let text = "pipeline:\n  - a: 'x\n  - b: 1\n  - c: d: e\n  - f: 2\n";
    assert_eq!(found(text), ["E0101 'x", "E0101 :"]);
    assert_eq!(shaped(text), "{pipeline: [?, {b: 1}, ?, {f: 2}]}");
}

#[test]
fn a_key_without_a_colon_costs_its_own_line_only() {
    let text = "name x\nmode: stream\nlist 1\nlast: 2\n";
    assert_eq!(found(text), ["E0101 name", "E0101 list"]);
    assert_eq!(shaped(text), r#"{mode: "stream", last: 2}"#);
}

#[test]
fn wrong_indentation_is_one_error() {
    let text = "a:\n  b: 1\n c: 2\nd: 3\n";
    assert_eq!(found(text), ["E0101 c:"]);
    assert_eq!(shaped(text), "{a: ?, d: 3}");
    assert_eq!(found("a: 1\n  b: 2\nc: 3\n"), ["E0101 b:"]);
    assert_eq!(found("a: 1\n- b\nc: 3\n"), ["E0101 - b"]);
}

#[test]
fn tabs_are_named() {
    assert_eq!(found("a: 1\n\tb: 2\nc: 2\n"), ["E0101 \t"]);
    assert_eq!(found("a:\n  b: 1\n \tc: 2\nc: 2\n"), ["E0101 \t"]);
    let (_, diags) = read("a:\n\tb: 1\nc: 2\n");
    assert_eq!(diags.len(), 1);
    assert!(diags[0].message.contains("tab"), "{}", diags[0].message);
    assert_eq!(diags[0].help.as_deref(), Some("indent with spaces only"));
}

#[test]
fn plain_words_for_common_errors() {
    let message = |text: &str| read(text).1[0].message.clone();
    assert_eq!(message("a: [1\n"), "this `[` is not closed");
    assert_eq!(message("a: \"x\n"), "this quote is not closed");
    assert_eq!(message("a: b: c\n"), "a second `:` on one line");
    assert_eq!(message("a: @x\n"), "a text cannot begin with `@`");
    assert_eq!(message("a: 1\nb\n"), "a `:` is missing after this key");
    assert_eq!(message("a: 'x' y\n"), "something follows the closing quote");
}

#[test]
fn text_before_the_first_key() {
    assert_eq!(shaped("hello there\nname: x\n"), r#"{name: "x"}"#);
    assert_eq!(found("hello there\nname: x\n"), ["E0101 hello"]);
    assert_eq!(shaped("- a\nname: x\n"), r#"{name: "x"}"#);
    assert_eq!(found("- a\nname: x\n").len(), 1);
    assert_eq!(shaped("# note\n---\nname: x\nb: [\n"), r#"{name: "x", b: ?}"#);
}

#[test]
fn an_anchor_lost_with_its_block_is_not_reported_again() {
    let text = "a: &base [1\nb: *base\nc: *other\n";
    assert_eq!(found(text), ["E0101 [1", "E0118 *other"]);
    assert_eq!(shaped(text), "{a: ?, b: ?, c: ?}");
}

#[test]
fn errors_stop_after_twenty_and_say_so() {
    let text: String = (0..100).map(|i| format!("k{i}: [\n")).collect();
    let (tree, diags) = read(&text);
    assert_eq!(diags.len(), 21);
    assert!(diags[20].message.contains("only the first 20"), "{}", diags[20].message);
    assert_eq!(tree.root.as_map().unwrap().entries.len(), 100);
}

#[test]
fn nothing_to_save() {
    assert_eq!(shaped("[1, 2\n"), "?");
    assert_eq!(found("[1, 2\n").len(), 1);
    assert_eq!(found("}\n").len(), 1);
}
