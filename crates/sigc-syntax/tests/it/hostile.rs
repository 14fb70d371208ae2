//! Large files made to hurt: every one ends soon, with few findings and no overflow.

use crate::support::read;
use std::time::{Duration, Instant};

/// A quarter of the limit keeps the test short; a quadratic pass would still take minutes.
const SIZE: usize = 1 << 18;

fn filled(unit: &str) -> String {
    unit.repeat(SIZE / unit.len())
}

#[test]
fn each_ends_soon_with_few_findings() {
    let deep: String = (0..1400).map(|i| format!("{}a:\n", " ".repeat(i))).collect();
    let laughs: String = (1..40).map(|i| format!("a{i}: &a{i} [*a{0}, *a{0}, *a{0}, *a{0}]\n", i - 1)).collect();
    let nested_anchors: String = (0..60).map(|i| format!("&n{i} [")).collect::<String>() + &"1, ".repeat(300_000);
    let text_bomb = format!("a: &a {}\nb: [{}]\n", "x".repeat(SIZE / 2), "*a,".repeat(SIZE / 8));
    let cases = [
        ("colons", filled("a:1\n")),
        ("colon items", filled("- a:1\n")),
        ("list of slips", format!("p:\n{}", filled("  -a:b\n"))),
        ("bad keys", filled("a: [\n")),
        ("bad steps", format!("p:\n{}", filled("  - [\n"))),
        ("nulls and bad steps", format!("p:\n{}", filled("  - [\n  -\n"))),
        ("duplicate keys", filled("a: 1\n")),
        ("old spellings", format!("p:\n{}", filled("  - yes\n"))),
        ("brackets", filled("[")),
        ("braces", filled("{")),
        ("flow braces", format!("a: [{}", filled("{a{a"))),
        ("quotes", filled("'")),
        ("double quotes", filled("a: \"\n")),
        ("escaped quotes", filled("\\\"")),
        ("mixed quotes", filled("a: '\nb: \"\n")),
        ("ampersands", filled("&")),
        ("anchors in a bad piece", format!("a: [{}", filled("&b"))),
        ("aliases", format!("p:\n{}", filled("  - *a\n"))),
        ("dashes", filled("- ")),
        ("glued dashes", filled("-a")),
        ("questions", filled("? ")),
        ("tabs", filled("\t\n")),
        ("blank lines", filled("\n") + "a:1"),
        ("colons only", filled(":")),
        ("comments", filled("# x\n")),
        ("hash", filled("a #")),
        ("block scalars", filled("a: |\n  b:1\n")),
        ("deep", deep),
        ("laughs", format!("a0: &a0 [1, 1]\n{laughs}")),
        ("nested anchors", nested_anchors.chars().take(SIZE).collect()),
        ("text bomb", text_bomb.chars().take(SIZE).collect()),
        ("one word", filled("x")),
        ("flow slips", format!("a: {{{}", filled("a:1,"))),
        ("flow templates", format!("a: [{}", filled("a{b},"))),
        ("documents", filled("---\n")),
        ("marks", filled("\u{feff}")),
        ("carriage returns", filled("a: 1\r")),
        ("odd keys", filled("a:b: c:d\n")),
    ];
    for (name, text) in cases {
        let text = &text[..text.floor_char_boundary(SIZE)];
        let start = Instant::now();
        let (_, diags) = read(text);
        let took = start.elapsed();
        // Far above what a linear pass takes, far below what a quadratic one would.
        assert!(took < Duration::from_secs(8), "{name} took {took:?}");
        assert!(diags.len() <= 300, "{name} gave {} findings", diags.len());
    }
}
