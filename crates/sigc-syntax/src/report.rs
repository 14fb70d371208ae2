//! Findings with a limit for each code, so that a hostile or generated file cannot fill memory with messages.

use sigc_diag::{Code, Diag, Diags, E0101};

/// Findings of one code that are shown; a further one only says that there are more.
const SHOWN: usize = 50;
/// Syntax errors that are shown.
const SHOWN_SYNTAX: usize = 20;

/// Pushes findings on, up to a limit for each code.
pub(crate) struct Reporter<'a> {
    diags: &'a mut Diags,
    counts: Vec<(&'static Code, usize)>,
}

impl<'a> Reporter<'a> {
    pub(crate) fn new(diags: &'a mut Diags) -> Self {
        Reporter { diags, counts: Vec::new() }
    }

    /// False if a finding of this code would not be shown any more, so that it need not be worded.
    pub(crate) fn wants(&self, code: &'static Code) -> bool {
        self.counts.iter().all(|(c, count)| *c != code || *count <= limit(code))
    }

    /// Adds the finding; the first one past the limit becomes a note that more follow, the others vanish.
    pub(crate) fn push(&mut self, diag: Diag) {
        let at = match self.counts.iter().position(|(code, _)| *code == diag.code) {
            Some(at) => at,
            None => {
                self.counts.push((diag.code, 0));
                self.counts.len() - 1
            }
        };
        let limit = limit(diag.code);
        let count = &mut self.counts[at].1;
        *count += 1;
        if *count <= limit {
            self.diags.push(diag);
        } else if *count == limit + 1 {
            let more = format!("further findings of this kind follow; only the first {limit} are shown");
            self.diags.push(Diag::new(diag.code, diag.span(), more).help("mend those shown and check again"));
        }
    }
}

fn limit(code: &Code) -> usize {
    if *code == E0101 { SHOWN_SYNTAX } else { SHOWN }
}
