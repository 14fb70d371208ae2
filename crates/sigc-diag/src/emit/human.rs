//! For people: snippets with marked places, drawn by miette, and a line that sums up.

use super::excerpt::{Excerpt, visible};
use super::{Checked, Style, count};
use crate::{Applicability, Diag, Severity, SourceFile, Span};
use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, SourceCode, ThemeCharacters, ThemeStyles,
};
use std::fmt;

/// Below this a snippet says nothing.
const LEAST_WIDTH: usize = 40;
/// Columns beside a line of the file: its number, the bar and blanks.
const MARGIN: usize = 12;

/// One diagnostic with its snippet, ending in a line feed.
pub fn print_diag(file: &SourceFile, diag: &Diag, style: &Style) -> String {
    let view = View::new(file, diag, style);
    let theme = view.theme();
    let handler = GraphicalReportHandler::new_themed(theme.clone())
        .with_links(false)
        .with_width(style.width.max(LEAST_WIDTH))
        .with_context_lines(1)
        .with_break_words(false)
        .without_syntax_highlighting();
    let mut drawn = String::new();
    handler
        .render_report(&mut drawn, &view)
        .expect("a String takes every write, and every label is inside the excerpt");
    for fix in &diag.fixes {
        let note = match fix.applicability {
            Applicability::Safe => "`--fix` applies it",
            Applicability::Guess => "a guess, `--fix` leaves it to you",
        };
        let title = view.clean(&fix.title);
        let head = theme.styles.help.style("   fix: ");
        drawn.push_str(&format!("{head}{title} ({note})\n"));
    }
    // The renderer pads empty rows with blanks.
    drawn.lines().fold(String::new(), |mut out, line| {
        out.push_str(line.trim_end());
        out.push('\n');
        out
    })
}

pub(super) fn render(files: &[Checked<'_>], style: &Style) -> String {
    let mut out = String::new();
    for Checked { file, diags } in files {
        for diag in *diags {
            out.push_str(&print_diag(file, diag, style));
            out.push('\n');
        }
    }
    out.push_str(&summary(files, style));
    out
}

/// `2 errors, 1 warning in pipeline.yaml`; nothing where no file was checked.
fn summary(files: &[Checked<'_>], style: &Style) -> String {
    let name = |c: &Checked<'_>| clean(c.file.name(), style.unicode);
    let styles = styles(style.color);
    let severities =
        [(Severity::Error, styles.error), (Severity::Warning, styles.warning), (Severity::Note, styles.advice)];
    let counted: Vec<String> = severities
        .into_iter()
        .map(|(severity, colour)| (severity, colour, count(files, severity)))
        .filter(|&(.., n)| n > 0)
        .map(|(severity, colour, n)| {
            let s = if n == 1 { "" } else { "s" };
            let words = format!("{n} {}{s}", severity.as_str());
            let colour = if style.color { colour.bold() } else { colour };
            colour.style(words).to_string()
        })
        .collect();
    let found_in = files.iter().filter(|c| !c.diags.is_empty()).count();
    let counted = counted.join(", ");
    match (files, found_in) {
        ([], _) => String::new(),
        ([one], 0) => format!("{}: no problems\n", name(one)),
        (all, 0) => format!("{} files: no problems\n", all.len()),
        ([one], _) => format!("{counted} in {}\n", name(one)),
        (all, n) => format!("{counted} in {n} of {} files\n", all.len()),
    }
}

/// A diagnostic as miette wants to see it.
#[derive(Debug)]
struct View<'a> {
    file: &'a SourceFile,
    diag: &'a Diag,
    style: &'a Style,
    excerpt: Excerpt,
}

impl<'a> View<'a> {
    fn new(file: &'a SourceFile, diag: &'a Diag, style: &'a Style) -> Self {
        let spans: Vec<Span> = diag.labels.iter().map(|l| l.span).collect();
        let room = style.width.max(LEAST_WIDTH) - MARGIN;
        let excerpt = Excerpt::new(file, &spans, room, style.unicode);
        View { file, diag, style, excerpt }
    }

    fn clean(&self, text: &str) -> String {
        clean(text, self.style.unicode)
    }

    /// The primary place in the colour of the severity, the others in blue.
    fn theme(&self) -> GraphicalTheme {
        let mut styles = styles(self.style.color);
        let mut characters = if self.style.unicode { ThemeCharacters::unicode() } else { ThemeCharacters::ascii() };
        // The pointing hand is missing from many fonts.
        if self.style.unicode {
            characters.advice = "•".into();
        }
        if self.style.color && !self.diag.labels.is_empty() {
            let primary = match self.diag.severity() {
                Severity::Error => styles.error,
                Severity::Warning => styles.warning,
                Severity::Note => styles.advice,
            };
            let other = ThemeStyles::none().help.bright_blue();
            // Miette hands out the colours in the order of the text, and sorts as is done here.
            let mut order: Vec<usize> = (0..self.diag.labels.len()).collect();
            order.sort_by_key(|&i| self.excerpt.marks[i].start);
            let colour = |i| if i == 0 { primary.bold() } else { other };
            styles.highlights = order.into_iter().map(colour).collect();
        }
        GraphicalTheme { characters, styles }
    }
}

impl fmt::Display for View<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.clean(&self.diag.message))
    }
}

impl std::error::Error for View<'_> {}

impl Diagnostic for View<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let (severity, code) = (self.diag.severity().as_str(), self.diag.code);
        // Without a snippet nothing else names the file.
        let place = match self.diag.labels.is_empty() {
            true => format!(" in {}", self.clean(self.file.name())),
            false => String::new(),
        };
        let line = format!("{severity}[{}] {}{place}", code.id, code.name);
        Some(Box::new(line))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.diag.severity() {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
            Severity::Note => miette::Severity::Advice,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let help = self.diag.help.as_deref()?;
        Some(Box::new(self.clean(help)))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.excerpt)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        if self.diag.labels.is_empty() {
            return None;
        }
        let marked = self.diag.labels.iter().zip(&self.excerpt.marks);
        Some(Box::new(marked.enumerate().map(|(i, (label, mark))| {
            let text = (!label.text.is_empty()).then(|| self.clean(&label.text));
            let span = (mark.start, mark.len());
            match i {
                0 => LabeledSpan::new_primary_with_span(text, span),
                _ => LabeledSpan::new_with_span(text, span),
            }
        })))
    }
}

fn styles(color: bool) -> ThemeStyles {
    if color { ThemeStyles::ansi() } else { ThemeStyles::none() }
}

/// Text of ours that may quote the user's: line breaks stay, other controls become signs.
fn clean(text: &str, unicode: bool) -> String {
    text.replace("\r\n", "\n")
        .chars()
        .map(|c| match c {
            '\n' => c,
            '\t' => ' ',
            _ => visible(c, unicode),
        })
        .collect()
}
