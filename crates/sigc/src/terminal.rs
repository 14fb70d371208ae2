//! Where output goes: results to standard output, everything else to standard error.

use crate::cli::Color;
use crate::secrets::redacted;
use sigc_diag::emit::Style;
use std::io::{IsTerminal, Write};

/// The two streams and how they like their text.
pub struct Terminal {
    out: Box<dyn Write>,
    color_out: bool,
    color_err: bool,
    width: usize,
    /// No progress and no notes.
    pub quiet: bool,
    /// Standard error is a terminal: progress may redraw its line.
    pub live: bool,
}

impl Terminal {
    /// The process's own streams.
    pub fn new(color: Color, quiet: bool) -> Terminal {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        let wanted = |is_terminal: bool| match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => is_terminal && !no_color,
        };
        let live = std::io::stderr().is_terminal();
        let width = std::env::var("COLUMNS").ok().and_then(|c| c.parse().ok()).unwrap_or(100);
        Terminal {
            out: Box::new(std::io::BufWriter::new(std::io::stdout())),
            color_out: wanted(std::io::stdout().is_terminal()),
            color_err: wanted(live),
            width,
            quiet,
            live,
        }
    }

    /// Style of results.
    pub fn out_style(&self) -> Style {
        Style { color: self.color_out, width: self.width, unicode: true }
    }

    /// Style of notes and errors.
    pub fn err_style(&self) -> Style {
        Style { color: self.color_err, width: self.width, unicode: true }
    }

    /// A result. A reader that has gone away (`| head`) is not an error.
    pub fn print(&mut self, text: &str) {
        let text = redacted(text);
        let _ = self.out.write_all(text.as_bytes());
        if !text.ends_with('\n') {
            let _ = self.out.write_all(b"\n");
        }
    }

    /// Results so far reach whoever reads them.
    pub fn flush(&mut self) {
        let _ = self.out.flush();
    }

    /// A note or an error.
    pub fn note(&mut self, text: &str) {
        let text = redacted(text);
        let _ = self.out.flush();
        let mut err = std::io::stderr().lock();
        let _ = err.write_all(text.as_bytes());
        if !text.ends_with('\n') {
            let _ = err.write_all(b"\n");
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.out.flush();
    }
}
