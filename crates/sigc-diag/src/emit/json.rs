//! Our own JSON: every place with line, column and offset.
//!
//! A diagnostic of the file as a whole has no labels; its `span` is then the beginning of the file. `fix` is the
//! first of `fixes`, or null.

use super::place::Place;
use super::{Checked, count, pretty};
use crate::{Applicability, Diag, Fix, Severity, SourceFile};
use serde::Serialize;

/// Rises when a field changes its meaning or goes; further fields do not raise it.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    files: Vec<&'a str>,
    diagnostics: Vec<Entry<'a>>,
    summary: Summary,
}

#[derive(Serialize)]
struct Entry<'a> {
    code: &'static str,
    severity: Severity,
    message: &'a str,
    file: &'a str,
    span: Place,
    labels: Vec<LabelEntry<'a>>,
    help: Option<&'a str>,
    fix: Option<FixEntry<'a>>,
    fixes: Vec<FixEntry<'a>>,
}

#[derive(Serialize)]
struct LabelEntry<'a> {
    span: Place,
    text: &'a str,
}

#[derive(Serialize)]
struct FixEntry<'a> {
    title: &'a str,
    span: Place,
    replacement: &'a str,
    applicability: Applicability,
}

#[derive(Serialize)]
struct Summary {
    errors: usize,
    warnings: usize,
    notes: usize,
}

pub(super) fn render(files: &[Checked<'_>]) -> String {
    pretty(&Document {
        version: VERSION,
        files: files.iter().map(|c| c.file.name()).collect(),
        diagnostics: files.iter().flat_map(|c| c.diags.iter().map(|d| entry(c.file, d))).collect(),
        summary: Summary {
            errors: count(files, Severity::Error),
            warnings: count(files, Severity::Warning),
            notes: count(files, Severity::Note),
        },
    })
}

fn entry<'a>(file: &'a SourceFile, diag: &'a Diag) -> Entry<'a> {
    let fix = |f: &'a Fix| FixEntry {
        title: &f.title,
        span: Place::of(file, f.span),
        replacement: &f.replacement,
        applicability: f.applicability,
    };
    let labels = diag.labels.iter().map(|l| LabelEntry { span: Place::of(file, l.span), text: &l.text });
    Entry {
        code: diag.code.id,
        severity: diag.severity(),
        message: &diag.message,
        file: file.name(),
        span: Place::of(file, diag.span()),
        labels: labels.collect(),
        help: diag.help.as_deref(),
        fix: diag.fixes.first().map(fix),
        fixes: diag.fixes.iter().map(fix).collect(),
    }
}
