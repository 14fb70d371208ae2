//! Progress of long work: a line that redraws itself in a terminal, nothing in a pipe.

use crate::terminal::Terminal;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// One piece of work of known length.
pub struct Progress(ProgressBar);

impl Progress {
    /// Shows `what` with time left, if standard error is a terminal and notes are wanted.
    pub fn start(term: &Terminal, what: &str, total: u64) -> Progress {
        let shown = term.live && !term.quiet;
        let target = if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(total), target);
        let style = ProgressStyle::with_template("{msg:24} {bar:32} {percent:>3}% {eta} left");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_message(what.to_owned());
        Progress(bar)
    }

    /// How much is done.
    pub fn at(&self, done: u64) {
        self.0.set_position(done);
    }

    /// Another name.
    pub fn name(&self, what: &'static str) {
        self.0.set_message(what);
    }

    /// Another length than was thought.
    pub fn of(&self, total: u64) {
        self.0.set_length(total);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
