//! The diagnostic itself, as plain data.

use crate::{Code, Span};
use serde::Serialize;
use std::collections::{HashMap, HashSet};

/// How much a diagnostic matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The pipeline cannot run.
    Error,
    /// It can run, but probably not as meant; `--deny-warnings` makes it fail.
    Warning,
    /// Worth knowing.
    Note,
}

impl Severity {
    /// `error`, `warning` or `note`.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        }
    }
}

/// One labelled place. The first label of a diagnostic is its primary place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What is there, in a few words; may be empty.
    pub text: String,
}

/// Whether a fix may be applied without a human reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Applicability {
    /// `check --fix` applies it.
    Safe,
    /// Shown, never applied by itself.
    Guess,
}

/// A replacement of text that mends the fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// What the fix does: `put a blank after the colon`.
    pub title: String,
    /// What is replaced.
    pub span: Span,
    /// By what.
    pub replacement: String,
    /// May it be applied unread.
    pub applicability: Applicability,
}

/// One finding: a code, a message in the reader's words, places, help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diag {
    /// The code, with its severity and page.
    pub code: &'static Code,
    /// The fact, without blame and without a full stop.
    pub message: String,
    /// Places, primary first. Empty only for faults of the file as a whole.
    pub labels: Vec<Label>,
    /// What to do.
    pub help: Option<String>,
    /// Replacements that mend it.
    pub fixes: Vec<Fix>,
}

impl Diag {
    /// A finding at `span`.
    pub fn new(code: &'static Code, span: Span, message: impl Into<String>) -> Self {
        Diag {
            code,
            message: message.into(),
            labels: vec![Label { span, text: String::new() }],
            help: None,
            fixes: Vec::new(),
        }
    }

    /// Words for the primary place.
    #[must_use]
    pub fn here(mut self, text: impl Into<String>) -> Self {
        if let Some(first) = self.labels.first_mut() {
            first.text = text.into();
        }
        self
    }

    /// A further place.
    #[must_use]
    pub fn label(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label { span, text: text.into() });
        self
    }

    /// What to do about it.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }

    /// A replacement that mends it.
    #[must_use]
    pub fn fix(
        mut self,
        span: Span,
        replacement: impl Into<String>,
        title: impl Into<String>,
        applicability: Applicability,
    ) -> Self {
        self.fixes.push(Fix { title: title.into(), span, replacement: replacement.into(), applicability });
        self
    }

    /// How much it matters.
    pub fn severity(&self) -> Severity {
        self.code.severity
    }

    /// The primary place.
    pub fn span(&self) -> Span {
        self.labels.first().map(|l| l.span).unwrap_or_default()
    }
}

/// Findings of one code, at most: a file that goes wrong everywhere is not helped by ten thousand of them.
pub const MAX_PER_CODE: usize = 200;

/// What the stages have found so far.
#[derive(Debug, Clone, Default)]
pub struct Diags {
    found: Vec<Diag>,
    seen: HashSet<(&'static str, Span, String)>,
    counts: HashMap<&'static str, usize>,
}

impl Diags {
    /// None yet.
    pub fn new() -> Self {
        Diags::default()
    }

    /// Adds a finding; one that repeats code, place and message of an earlier one is dropped, and so is one past
    /// [`MAX_PER_CODE`].
    pub fn push(&mut self, diag: Diag) {
        if !self.seen.insert((diag.code.id, diag.span(), diag.message.clone())) {
            return;
        }
        let count = self.counts.entry(diag.code.id).or_default();
        *count += 1;
        if *count <= MAX_PER_CODE {
            self.found.push(diag);
        }
    }

    /// True if anything found stops the pipeline from running.
    pub fn has_errors(&self) -> bool {
        self.found.iter().any(|d| d.severity() == Severity::Error)
    }

    /// How many there are of one severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.found.iter().filter(|d| d.severity() == severity).count()
    }

    /// In the order of the text, then by severity and code: the order every emitter prints.
    pub fn sorted(mut self) -> Vec<Diag> {
        self.found.sort_by(|a, b| {
            (a.span(), a.severity(), a.code.id, &a.message).cmp(&(b.span(), b.severity(), b.code.id, &b.message))
        });
        self.found
    }

    /// As they were found.
    pub fn iter(&self) -> impl Iterator<Item = &Diag> {
        self.found.iter()
    }

    /// True if nothing was found.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }
}

impl Extend<Diag> for Diags {
    fn extend<I: IntoIterator<Item = Diag>>(&mut self, iter: I) {
        for diag in iter {
            self.push(diag);
        }
    }
}
