//! Emitters: a finished list of diagnostics as text for people and machines.
//!
//! In go the checked files, each with its sorted diagnostics; out comes one text that the caller writes to where it
//! belongs. Nothing here prints, reads the environment or fails: spans that do not fit the text are moved to the
//! nearest place that does, and characters that would disturb a terminal or break a format are shown as signs.

mod excerpt;
mod fixes;
mod github;
mod human;
mod json;
mod junit;
mod place;
mod sarif;

use crate::{Diag, Severity, SourceFile};
use std::fmt;
use std::str::FromStr;

pub use fixes::apply_fixes;
pub use human::print_diag;

/// What `check --format` can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Format {
    /// Snippets with marked places, for a terminal.
    #[default]
    Human,
    /// Our own shape, with line, column and offset of every place.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// GitHub workflow commands, which become annotations of a pull request.
    Github,
    /// JUnit XML, for test reports.
    Junit,
}

impl Format {
    /// All formats, in the order help texts name them.
    pub const ALL: [Format; 5] = [Format::Human, Format::Json, Format::Sarif, Format::Github, Format::Junit];

    /// The name on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Format::Human => "human",
            Format::Json => "json",
            Format::Sarif => "sarif",
            Format::Github => "github",
            Format::Junit => "junit",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A word that names no [`Format`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownFormat(pub String);

impl fmt::Display for UnknownFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = Format::ALL.map(Format::as_str).join(", ");
        write!(f, "`{}` is not one of the formats {known}", self.0)
    }
}

impl std::error::Error for UnknownFormat {}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(word: &str) -> Result<Self, UnknownFormat> {
        Format::ALL.into_iter().find(|f| f.as_str() == word).ok_or_else(|| UnknownFormat(word.to_string()))
    }
}

/// How the human format looks; the other formats do not depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Use ANSI colours.
    pub color: bool,
    /// Columns of the terminal. Texts wrap and long lines of the file are cut here; less than 40 counts as 40.
    pub width: usize,
    /// Draw with box characters; otherwise with ASCII. The file's own text stays as it is.
    pub unicode: bool,
}

impl Default for Style {
    /// As a pipe likes it: no colour, 100 columns.
    fn default() -> Self {
        Style { color: false, width: 100, unicode: true }
    }
}

/// One checked file and what was found in it.
#[derive(Debug, Clone, Copy)]
pub struct Checked<'a> {
    /// The file.
    pub file: &'a SourceFile,
    /// What was found, in the order to print: see [`crate::Diags::sorted`].
    pub diags: &'a [Diag],
}

/// The files and their diagnostics in one format, with a line feed at the end unless there is nothing to say.
pub fn render(format: Format, files: &[Checked<'_>], style: &Style) -> String {
    match format {
        Format::Human => human::render(files, style),
        Format::Json => json::render(files),
        Format::Sarif => sarif::render(files),
        Format::Github => github::render(files),
        Format::Junit => junit::render(files),
    }
}

/// How many diagnostics of one severity there are in all files.
fn count(files: &[Checked<'_>], severity: Severity) -> usize {
    let diags = files.iter().flat_map(|f| f.diags);
    diags.filter(|d| d.severity() == severity).count()
}

/// A serialised document as text with a line feed at the end.
fn pretty(document: &impl serde::Serialize) -> String {
    let mut text = serde_json::to_string_pretty(document)
        .expect("only strings, numbers and lists are written, and map keys are field names");
    text.push('\n');
    text
}
