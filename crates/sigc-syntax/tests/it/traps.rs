//! The slips of the original examples (S15), and what must not be taken for one.

use crate::support::{found, mended, read, shaped};

/// The slip is found at its place, the tree is that of the mended text, and the safe fix gives a text without faults.
#[track_caller]
fn slip(text: &str, expected: &[&str], fixed: &str) {
    assert_eq!(found(text), expected, "{text}");
    assert_eq!(shaped(text), shaped(fixed), "{text}");
    assert_eq!(mended(text), fixed, "{text}");
    assert_eq!(found(fixed), [""; 0], "{fixed}");
}

#[track_caller]
fn silent(text: &str) {
    assert_eq!(found(text), [""; 0], "{text}");
}

#[test]
fn a_glued_colon_where_yaml_sees_a_word() {
    slip("warmup:\n  lookback_days:30\n", &["E0102 lookback_days:30"], "warmup:\n  lookback_days: 30\n");
    slip("a: 1\nmode:stream", &["E0102 mode:stream"], "a: 1\nmode: stream");
    slip("mode:stream\r\nb: 1\r\n", &["E0102 mode:stream"], "mode: stream\r\nb: 1\r\n");
}

#[test]
fn a_glued_colon_where_yaml_sees_an_error_on_the_next_line() {
    slip("w:\n  a:1\n  b: 2\nz: 3\n", &["E0102 a:1"], "w:\n  a: 1\n  b: 2\nz: 3\n");
    slip("w:\n  b: 2\n  a:1 # why\nz: 3\n", &["E0102 a:1"], "w:\n  b: 2\n  a: 1 # why\nz: 3\n");
    slip(
        "p:\n  path: x.csv\n  dedup_key:[ts, symbol]\n",
        &["E0102 dedup_key:[ts, symbol]"],
        "p:\n  path: x.csv\n  dedup_key: [ts, symbol]\n",
    );
    slip(
        "w:\n  lookback_days:30\n  tolerance:1e-9\n",
        &["E0102 lookback_days:30", "E0102 tolerance:1e-9"],
        "w:\n  lookback_days: 30\n  tolerance: 1e-9\n",
    );
}

#[test]
fn a_glued_colon_before_braces_quotes_and_interpolations() {
    slip("s:\n  params:{a: 1}\n", &["E0102 params:{a: 1}"], "s:\n  params: {a: 1}\n");
    slip("s:\n  path:\"a: b\"\n", &["E0102 path:\"a: b\""], "s:\n  path: \"a: b\"\n");
    slip("s:\n  window:${expand.w}\n", &["E0102 window:${expand.w}"], "s:\n  window: ${expand.w}\n");
    slip("s:\n  a: 1\n  expr:|\n    x:y\n", &["E0102 expr:|"], "s:\n  a: 1\n  expr: |\n    x:y\n");
}

#[test]
fn a_glued_colon_in_a_list() {
    slip(
        "on:\n  - using:sinks.csv\n    params: 1\n",
        &["E0102 using:sinks.csv"],
        "on:\n  - using: sinks.csv\n    params: 1\n",
    );
    slip("p:\n  - data: 1\n  - model:x\n", &["E0102 model:x"], "p:\n  - data: 1\n  - model: x\n");
    slip("p:\n  - data:{using: x}\n", &["E0102 data:{using: x}"], "p:\n  - data: {using: x}\n");
}

#[test]
fn a_glued_colon_in_flow_maps() {
    slip("p: {window:14}\n", &["E0102 window:14"], "p: {window: 14}\n");
    slip("p: {a: 1, w:[1, 2]}\n", &["E0102 w:"], "p: {a: 1, w: [1, 2]}\n");
    slip("p: [{a:x}, {b: y}]\n", &["E0102 a:x"], "p: [{a: x}, {b: y}]\n");
}

#[test]
fn a_glued_dash() {
    slip("sinks:\n  -using: x\n", &["E0103 -using"], "sinks:\n  - using: x\n");
    // Keys below the word move along with it.
    slip(
        "sinks:\n  -using: x\n   params:\n     a:1\n\n   on: b\n  - using: y\n",
        &["E0103 -using", "E0102 a:1"],
        "sinks:\n  - using: x\n    params:\n      a: 1\n\n    on: b\n  - using: y\n",
    );
    slip("s:\n-using: x\n-using: y\nt: 1\n", &["E0103 -using", "E0103 -using"], "s:\n- using: x\n- using: y\nt: 1\n");
}

#[test]
fn a_glued_dash_among_steps() {
    slip(
        "pipeline:\n  - data:\n      frame: a\n  -features:\n      window: 1\n  - model: x\n",
        &["E0103 -features"],
        "pipeline:\n  - data:\n      frame: a\n  - features:\n      window: 1\n  - model: x\n",
    );
    slip(
        "pipeline:\n  -using:data.x\n    params: 1\n",
        &["E0103 -using", "E0102 using:data.x"],
        "pipeline:\n  - using: data.x\n    params: 1\n",
    );
    slip("universe:\n  -BTC\n  -ETH\n", &["E0103 -BTC", "E0103 -ETH"], "universe:\n  - BTC\n  - ETH\n");
}

#[test]
fn templates_in_flow_collections() {
    slip("columns: [rsi{window}]\n", &["E0114 rsi{window}"], "columns: [\"rsi{window}\"]\n");
    slip("c: [a, ma{w}rocp, b]\n", &["E0114 ma{w}rocp"], "c: [a, \"ma{w}rocp\", b]\n");
    slip("p: {w: ${expand.ws}}\n", &["E0114 ${expand.ws}"], "p: {w: \"${expand.ws}\"}\n");
    slip("p: [{s}_x]\n", &["E0114 {s}_x"], "p: [\"{s}_x\"]\n");
    slip("c:\n  - {s}_x\n", &["E0114 {s}_x"], "c:\n  - \"{s}_x\"\n");
    silent("columns:\n  - rsi{window}\n  - ma{window}rocp\nw: ${expand.ws}\n");
}

#[test]
fn messages_and_fixes_name_the_place() {
    let text = "w:\n  lookback_days:30\n";
    let diag = &read(text).1[0];
    assert_eq!(diag.message, "a blank is missing after the colon of `lookback_days`");
    assert_eq!(diag.help.as_deref(), Some("write `lookback_days: 30`"));
    assert_eq!((diag.fixes[0].span.start, diag.fixes[0].span.len()), (19, 0));
}

#[test]
fn addresses_paths_times_and_symbols_are_left_alone() {
    silent("a: http://x\nb:\n  https://y/z\nc: C:\\x\nd:\n  C:\\y\ne: BTC:USDT\nf: localhost:8080\n");
    silent("universe:\n  - BTC:USDT\n  - ETH:USDT\nhosts:\n  - localhost:8080\n  - http://x:1\n");
    silent("universe: [BTC:USDT, a:b]\nw: {BTC:USDT: 1}\n");
    silent("w:\n  BTC:USDT: 1\n  ETH:USDT: 2\n");
    silent("text: one\n  note:this goes on\nq: 'a\n  b:c'\n");
    silent("t: |\n  a:1\n  -b: 2\nu: >-\n  c:[d]\n");
    silent("# a:1\nb: 1 # c:2\n");
    silent("args:\n  - -x\n  - --y\n  - -1\nn: -inf\nm: -5\n");
    assert_eq!(found("t: 12:30\n"), ["W0101 12:30"]);
}

#[test]
fn a_mend_that_breaks_a_good_file_is_dropped() {
    // A key that begins with a dash, in a map: odd, but YAML; the compiler will not know the key.
    let (tree, diags) = read("a: 1\n-b: 2\n");
    assert!(diags.is_empty() && tree.root.as_map().unwrap().get("-b").is_some(), "{diags:?}");
}

#[test]
fn a_fix_is_only_safe_if_it_mends() {
    let (_, diags) = read("a:\n  b:1\n  c: [\nd: 2\n");
    assert_eq!(diags.iter().map(|d| d.code.id).collect::<Vec<_>>(), ["E0102", "E0101"]);
    assert_eq!(diags[0].fixes[0].applicability, sigc_diag::Applicability::Guess);
}

#[test]
fn blanks_beyond_ascii_are_part_of_the_word() {
    assert_eq!(found("é:\u{85}\nb: 1\n"), ["E0102 é:\u{85}"]);
}
