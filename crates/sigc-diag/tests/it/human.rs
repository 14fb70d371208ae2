//! Snippets as a terminal shows them: what is marked, what is cut, what is made visible.

use super::{file, missing_blank, no_file, unused};
use sigc_diag::emit::{Checked, Format, Style, print_diag, render};
use sigc_diag::{Applicability, Diag, E0101, E0203, SourceFile, Span, W0201};

const PLAIN: Style = Style { color: false, width: 80, unicode: true };

const PIPELINE: &str = "\
name: btc
pipeline:
  - name: bars
    uses: data.binance
    interval: 15m
  - name: rsi
    uses: features.rsi
    in: bars.colse
";

fn unknown_column() -> Diag {
    let at = |word: &str| {
        let start = PIPELINE.find(word).expect("the text has the word");
        Span::new(start, start + word.len())
    };
    Diag::new(&E0203, at("colse"), "frame `bars` has no column `colse`")
        .here("not a column of `bars`")
        .label(at("bars"), "`bars` comes from here")
        .help("columns at this step: open_time, open, high, low, close, volume, quote_volume")
        .fix(at("colse"), "close", "write `close`", Applicability::Guess)
}

#[test]
fn the_primary_place_comes_first_and_far_places_get_their_own_snippet() {
    let file = SourceFile::new("btc.yaml", PIPELINE);
    let expected = "\
error[E0203] unknown-column

  × frame `bars` has no column `colse`
   ╭─[btc.yaml:8:14]
 7 │     uses: features.rsi
 8 │     in: bars.colse
   ·              ──┬──
   ·                ╰── not a column of `bars`
   ╰────
   ╭─[btc.yaml:3:11]
 2 │ pipeline:
 3 │   - name: bars
   ·           ──┬─
   ·             ╰── `bars` comes from here
 4 │     uses: data.binance
   ╰────
  help: columns at this step: open_time, open, high, low, close, volume,
        quote_volume
   fix: write `close` (a guess, `--fix` leaves it to you)
";
    assert_eq!(print_diag(&file, &unknown_column(), &PLAIN), expected);
}

#[test]
fn ascii_draws_the_same() {
    let style = Style { unicode: false, ..PLAIN };
    let expected = "\
error[E0102] missing-blank-after-colon

  x no blank after `b:`, so <it> is 100% text
   ,-[a b.yaml:2:3]
 1 | näme: x
   : ^^|^
   :   `-- as here
 2 | b:1
   :   ^
   :   `-- a blank belongs here
   `----
  help: YAML needs \"colon blank\"
   fix: put a blank after the colon (`--fix` applies it)
";
    assert_eq!(print_diag(&file(), &missing_blank(), &style), expected);
}

#[test]
fn the_summary_counts_what_there_is() {
    let (one, other) = (file(), SourceFile::new("b.yaml", ""));
    let both = [unused(), missing_blank(), missing_blank()];
    let last = |files: &[Checked<'_>]| {
        let text = render(Format::Human, files, &PLAIN);
        text.lines().last().unwrap_or_default().to_string()
    };
    let dirty = Checked { file: &one, diags: &both };
    let clean = Checked { file: &other, diags: &[] };
    assert_eq!(last(&[dirty]), "2 errors, 1 warning in a b.yaml");
    assert_eq!(last(&[dirty, clean]), "2 errors, 1 warning in 1 of 2 files");
    assert_eq!(last(&[clean]), "b.yaml: no problems");
    assert_eq!(last(&[clean, clean]), "2 files: no problems");
    assert_eq!(last(&[]), "");
}

#[test]
fn a_finding_without_places_names_its_file() {
    let expected = "\
error[E0501] file-not-found in a b.yaml

  × there is no such file
";
    assert_eq!(print_diag(&file(), &no_file(), &PLAIN), expected);
}

#[test]
fn the_end_of_the_file_and_an_empty_file_can_be_marked() {
    let diag = Diag::new(&E0101, Span::new(900, 900), "the file ends early").here("here");
    let expected = "\
error[E0101] yaml-syntax

  × the file ends early
   ╭─[a b.yaml:3:1]
 2 │ b:1
 3 │
   · ▲
   · ╰── here
   ╰────
";
    assert_eq!(print_diag(&file(), &diag, &PLAIN), expected);
    let empty = SourceFile::new("e.yaml", "");
    let shown = print_diag(&empty, &diag, &PLAIN);
    assert!(shown.contains("[e.yaml:1:1]\n 1 │\n   · ▲\n   · ╰── here\n"), "{shown}");
}

#[test]
fn a_place_over_several_lines_marks_its_first() {
    let shown = print_diag(&file(), &unused(), &PLAIN);
    assert!(shown.contains(" 1 │ näme: x\n   ·       ─\n 2 │ b:1\n"), "{shown}");
}

#[test]
fn long_lines_are_cut_around_the_place() {
    let text = format!("a: {}here{}", "x".repeat(500), "y".repeat(500));
    let file = SourceFile::new("long.yaml", text);
    let diag = Diag::new(&W0201, Span::new(503, 507), "m");
    let shown = print_diag(&file, &diag, &PLAIN);
    let widest = shown.lines().map(|l| l.chars().count()).max();
    assert!(widest <= Some(80), "{shown}");
    assert!(shown.contains("[long.yaml:1:504]"), "{shown}");
    assert!(shown.contains("xhereyy") && shown.contains("│ …xx") && shown.contains("yy…\n"), "{shown}");
}

#[test]
fn nothing_in_the_file_reaches_the_terminal_as_a_command() {
    // A colour, a mark that reverses the line, a bell, a lone carriage return, a tab, a byte order mark.
    let file = SourceFile::new("\u{7}.yaml", "\u{feff}\u{1b}[31m\u{202e}\u{7}\r\tx: 1\n");
    let diag = Diag::new(&E0101, Span::new(0, 3), "key `\u{1b}[31m`\tis odd").help("\u{1b}c");
    for unicode in [true, false] {
        let style = Style { unicode, ..PLAIN };
        let text = render(Format::Human, &[Checked { file: &file, diags: std::slice::from_ref(&diag) }], &style);
        assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
        assert!(!text.contains(['\u{202e}', '\u{feff}']), "{text:?}");
    }
    let shown = print_diag(&file, &diag, &PLAIN);
    assert!(shown.contains(" 1 │ ␛[31m\u{fffd}␇␍    x: 1\n"), "{shown}");
}

#[test]
fn colour_adds_only_escape_sequences() {
    let file = SourceFile::new("btc.yaml", PIPELINE);
    let coloured = print_diag(&file, &unknown_column(), &Style { color: true, ..PLAIN });
    // Red and bold is the primary place, bright blue the other one.
    assert!(coloured.contains("\u{1b}[31;1m             ──┬──"), "{coloured:?}");
    assert!(coloured.contains("\u{1b}[94m          ──┬─"), "{coloured:?}");
    let mut bare = String::new();
    let mut rest = coloured.as_str();
    while let Some(start) = rest.find('\u{1b}') {
        bare.push_str(&rest[..start]);
        let end = rest[start..].find('m').expect("every sequence sets a colour");
        rest = &rest[start + end + 1..];
    }
    bare.push_str(rest);
    assert_eq!(bare, print_diag(&file, &unknown_column(), &PLAIN));
}
