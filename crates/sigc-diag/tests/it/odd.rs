//! Every span on odd texts, in every format: nothing panics, and what comes out is well formed.

use serde_json::Value;
use sigc_diag::emit::{Checked, Format, Style, apply_fixes, print_diag, render};
use sigc_diag::{Applicability, Diag, E0101, SourceFile, Span};

const TEXTS: &[&str] = &[
    "",
    "\n",
    "\r\n",
    "\r",
    "\u{feff}",
    "\u{feff}a: 1\r\n\tb: é\r\r\n",
    "a\n\n\nb\n中文\n",
    "🦀e\u{301}\u{200d}\t\u{1b}[3\u{202e}\n.",
    "a: 1\r\n\r\n\r\n\r\n\r\nb: 2",
];

fn diag(start: usize, end: usize, other: Span) -> Diag {
    let span = Span::new(start, end);
    Diag::new(&E0101, span, "m\u{0}\n\u{1b}m")
        .here("one\r\ntwo")
        .label(other, "")
        .label(span, "again")
        .help("h\n\nh")
        .fix(span, "\u{1b}", "t\n", Applicability::Safe)
}

fn each_diag(mut visit: impl FnMut(&SourceFile, &Diag)) {
    for text in TEXTS {
        let file = SourceFile::new("\u{1b}.yaml", *text);
        for start in 0..=text.len() + 2 {
            for end in start..=text.len() + 2 {
                // Three other places: before, after and around.
                let n = text.len() + 1 - start.min(text.len());
                for other in [Span::new(0, 0), Span::new(n, n + 1), Span::new(0, 99)] {
                    visit(&file, &diag(start, end, other));
                }
            }
        }
    }
}

#[test]
fn human_output_is_free_of_controls() {
    for (unicode, width) in [(true, 0), (false, 80)] {
        let style = Style { color: false, width, unicode };
        each_diag(|file, diag| {
            let text = print_diag(file, diag, &style);
            let fault = text.contains(|c: char| c.is_control() && c != '\n');
            assert!(!fault, "{:?} {diag:?}\n{text:?}", file.text());
            // Every label with a text is drawn once.
            assert_eq!(text.matches("again").count(), 1, "{:?} {diag:?}\n{text}", file.text());
            assert!(!text.contains("Failed to read"), "{text}");
        });
    }
    each_diag(|file, diag| {
        let color = Style { color: true, ..Style::default() };
        print_diag(file, diag, &color);
    });
}

#[test]
fn machine_output_is_well_formed() {
    each_diag(|file, diag| {
        let checked = [Checked { file, diags: std::slice::from_ref(diag) }];
        let text = |format| render(format, &checked, &Style::default());
        let value = |format| -> Value { serde_json::from_str(&text(format)).expect("JSON") };

        let span = value(Format::Json)["diagnostics"][0]["span"].clone();
        let offset = |end: &str| span[end]["offset"].as_u64().expect("a number") as usize;
        assert!(file.text().get(offset("start")..offset("end")).is_some());
        let results = value(Format::Sarif);
        let region = &results["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"];
        assert_eq!(region["startLine"], span["start"]["line"]);
        assert_eq!(text(Format::Github).matches('\n').count(), 1);
        let xml = text(Format::Junit);
        assert!(!xml.contains(|c: char| c.is_control() && c != '\n'), "{xml:?}");
        apply_fixes(file.text(), std::slice::from_ref(diag));
    });
}
