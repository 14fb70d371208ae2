//! What the emitters write. Expected texts were written by hand from each format's definition.

mod human;
mod machine;
mod odd;

use sigc_diag::{Applicability, Diag, E0102, E0501, SourceFile, Span, W0201};

/// Two lines with CRLF and a letter of two bytes; byte 12 is the `1`.
const TEXT: &str = "näme: x\r\nb:1\r\n";

fn file() -> SourceFile {
    SourceFile::new("a b.yaml", TEXT)
}

/// An error with two labels, help and a safe fix.
fn missing_blank() -> Diag {
    Diag::new(&E0102, Span::new(12, 12), "no blank after `b:`, so <it> is 100% text")
        .here("a blank belongs here")
        .label(Span::new(0, 5), "as here")
        .help("YAML needs \"colon blank\"")
        .fix(Span::new(12, 12), " ", "put a blank after the colon", Applicability::Safe)
}

/// A warning over both lines.
fn unused() -> Diag {
    Diag::new(&W0201, Span::new(7, 13), "unused")
}

/// An error of the file as a whole.
fn no_file() -> Diag {
    let diag = Diag::new(&E0501, Span::default(), "there is no such file");
    Diag { labels: Vec::new(), ..diag }
}
