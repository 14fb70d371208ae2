//! JUnit XML: a suite a file, a case a diagnostic.
//!
//! Errors are failures; warnings and notes are passing cases that speak in `system-out`. A file without findings is
//! one passing case, so that it shows up in the report.

use super::place::Place;
use super::{Checked, count};
use crate::{Diag, Severity, SourceFile};
use std::fmt::Write;

pub(super) fn render(files: &[Checked<'_>]) -> String {
    let mut out = String::new();
    write_all(&mut out, files).expect("a String takes every write");
    out
}

fn write_all(out: &mut String, files: &[Checked<'_>]) -> std::fmt::Result {
    let tests: usize = files.iter().map(|c| c.diags.len().max(1)).sum();
    let failures = count(files, Severity::Error);
    writeln!(out, r#"<?xml version="1.0" encoding="UTF-8"?>"#)?;
    writeln!(out, r#"<testsuites name="sigc check" tests="{tests}" failures="{failures}" errors="0">"#)?;
    for checked in files {
        suite(out, checked)?;
    }
    writeln!(out, "</testsuites>")
}

fn suite(out: &mut String, checked: &Checked<'_>) -> std::fmt::Result {
    let Checked { file, diags } = *checked;
    let name = escape(file.name());
    let tests = diags.len().max(1);
    let failures = count(&[*checked], Severity::Error);
    writeln!(out, r#"  <testsuite name="{name}" tests="{tests}" failures="{failures}" errors="0" skipped="0">"#)?;
    if diags.is_empty() {
        writeln!(out, r#"    <testcase name="check" classname="{name}"/>"#)?;
    }
    for diag in diags {
        case(out, file, diag)?;
    }
    writeln!(out, "  </testsuite>")
}

fn case(out: &mut String, file: &SourceFile, diag: &Diag) -> std::fmt::Result {
    let (class, code) = (escape(file.name()), diag.code);
    let at = diag.labels.first().map(|l| Place::of(file, l.span).start);
    let at = at.map(|p| format!(" {}:{}", p.line, p.column));
    let at = at.unwrap_or_default();
    let body = escape(&body(file, diag));
    writeln!(out, r#"    <testcase name="{} {}{at}" classname="{class}">"#, code.id, code.name)?;
    match diag.severity() {
        Severity::Error => {
            let message = escape(&diag.message).replace('\n', "&#10;");
            writeln!(out, r#"      <failure type="{}" message="{message}">{body}</failure>"#, code.id)?;
        }
        Severity::Warning | Severity::Note => {
            writeln!(out, "      <system-out>{body}</system-out>")?;
        }
    }
    writeln!(out, "    </testcase>")
}

/// The diagnostic in plain lines: place and message, further labels, help.
fn body(file: &SourceFile, diag: &Diag) -> String {
    let mut lines = Vec::new();
    let head = format!("{} {}: {}", diag.severity().as_str(), diag.code.id, diag.message);
    let place = |l: &crate::Label| {
        let start = Place::of(file, l.span).start;
        format!("{}:{}:{}", file.name(), start.line, start.column)
    };
    match diag.labels.first() {
        Some(primary) => lines.push(format!("{}: {head}", place(primary))),
        None => lines.push(format!("{}: {head}", file.name())),
    }
    for label in diag.labels.iter().filter(|l| !l.text.is_empty()) {
        lines.push(format!("{}: {}", place(label), label.text));
    }
    if let Some(help) = &diag.help {
        lines.push(format!("help: {help}"));
    }
    lines.join("\n")
}

/// Text as XML content or attribute value; what XML 1.0 cannot hold becomes U+FFFD.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // A parser would turn these into a line feed and a blank.
            '\r' => out.push_str("&#13;"),
            '\t' => out.push_str("&#9;"),
            '\n' => out.push('\n'),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            _ => out.push(c),
        }
    }
    out
}
