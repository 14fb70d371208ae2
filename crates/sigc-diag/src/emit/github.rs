//! GitHub workflow commands: one line a diagnostic, which the runner turns into an annotation.
//!
//! The runner refuses columns where the place runs over several lines, so they are left out there.

use super::Checked;
use super::place::Place;
use crate::{Diag, Severity, SourceFile};
use std::fmt::Write;

pub(super) fn render(files: &[Checked<'_>]) -> String {
    let mut out = String::new();
    for Checked { file, diags } in files {
        for diag in *diags {
            command(&mut out, file, diag);
        }
    }
    out
}

fn command(out: &mut String, file: &SourceFile, diag: &Diag) {
    let name = match diag.severity() {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "notice",
    };
    let mut properties = format!("file={}", escape(file.name(), true));
    if let Some(primary) = diag.labels.first() {
        let Place { start, end } = Place::of(file, primary.span);
        let (line, end_line) = (start.line, end.line);
        let more = if line == end_line {
            let (col, end_col) = (start.column, end.column);
            write!(properties, ",line={line},col={col},endLine={end_line},endColumn={end_col}")
        } else {
            write!(properties, ",line={line},endLine={end_line}")
        };
        more.expect("a String takes every write");
    }
    let title = escape(&format!("{} {}", diag.code.id, diag.code.name), true);
    let mut message = diag.message.clone();
    if let Some(help) = &diag.help {
        message.push_str("\nhelp: ");
        message.push_str(help);
    }
    let message = escape(&message, false);
    writeln!(out, "::{name} {properties},title={title}::{message}").expect("a String takes every write");
}

/// Escapes what the runner would read as syntax: of a message, or of a property's value.
fn escape(text: &str, property: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '%' => out.push_str("%25"),
            '\r' => out.push_str("%0D"),
            '\n' => out.push_str("%0A"),
            ':' if property => out.push_str("%3A"),
            ',' if property => out.push_str("%2C"),
            _ => out.push(c),
        }
    }
    out
}
