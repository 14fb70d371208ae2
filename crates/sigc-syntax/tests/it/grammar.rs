//! The examples in `grammar/sigc.ebnf` hold for the parsers.

use sigc_diag::Span;
use sigc_syntax::{column_name, formula, frame_name, interpolation, interval, reference, template};

/// Whether the rule's parser takes the text; `None` for rules without a parser of their own.
fn takes(rule: &str, text: &str) -> Option<bool> {
    let at = Span::new(0, text.len());
    Some(match rule {
        "frame_name" => frame_name(text, at).is_ok(),
        "column_name" => column_name(text, at).is_ok(),
        "reference" => reference(text, at).is_ok(),
        "template" => template(text, at).is_ok(),
        "interpolation" => interpolation(text, at).is_ok_and(|i| i.is_some()),
        "interval" => interval(text, at).is_ok(),
        "formula" => formula(text, at).is_ok(),
        _ => return None,
    })
}

#[test]
fn the_grammar_file_is_current() {
    let file = include_str!("../../../../grammar/sigc.ebnf");
    let rules = ["frame_name", "column_name", "reference", "template", "interpolation", "interval", "formula"];
    let mut rule = "";
    let mut seen = Vec::new();
    for line in file.lines() {
        if let Some((name, _)) = line.split_once('=')
            && rules.contains(&name.trim())
        {
            rule = name.trim();
        }
        for (mark, expected) in [("(* ok:", true), ("(* not:", false)] {
            let Some(list) = line.strip_prefix(mark) else { continue };
            let examples: Vec<&str> = list.split('`').skip(1).step_by(2).collect();
            assert!(!examples.is_empty(), "{line}");
            for text in examples {
                assert_eq!(takes(rule, text), Some(expected), "{rule}: `{text}`");
            }
            seen.push((rule, expected));
        }
    }
    let all: Vec<_> = rules.iter().flat_map(|r| [(*r, true), (*r, false)]).collect();
    assert_eq!(seen, all, "every rule has examples of both kinds, in this order");
}
