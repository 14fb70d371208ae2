//! `check --online`: asks everything a run would connect to, and changes nothing.
//!
//! What is wrong becomes a finding at its place in the file, like any other; what is right is said in a line.

use crate::failure::Failure;
use crate::live::{SourceProbe, probe_sources};
use crate::load::Loaded;
use crate::secrets::Secrets;
use crate::sinks::{Ways, probe_sinks};
use sigc_diag::{Diag, Span, code};

/// What was found out about one file.
#[derive(Default)]
pub struct Online {
    /// What is wrong.
    pub diags: Vec<Diag>,
    /// What was looked at and is right.
    pub seen: Vec<String>,
}

/// Probes the sources and sinks of a file without errors; nothing is asked for one with errors.
pub fn probe(loaded: &Loaded, may_spawn: bool) -> Online {
    let mut online = Online::default();
    let (Some(plan), Some(typed)) = (&loaded.compiled.plan, &loaded.compiled.typed) else { return online };
    let mut secrets = Secrets::new();
    for SourceProbe { name, span, result } in probe_sources(plan, typed, &mut secrets) {
        online.add(&name, span, result);
    }
    let ways = Ways { run_id: None, marks: false, apart: None, shared_too: true, may_spawn };
    for probed in probe_sinks(plan, typed, ways, &mut secrets) {
        online.add(probed.name, probed.span, probed.result);
    }
    let redactor = secrets.redactor();
    for diag in &mut online.diags {
        diag.message = redactor.apply(&diag.message).into_owned();
    }
    online.seen.iter_mut().for_each(|line| *line = redactor.apply(line).into_owned());
    online
}

impl Online {
    fn add(&mut self, name: &str, span: Span, result: Result<Vec<String>, Failure>) {
        match result {
            Ok(lines) => self.seen.extend(lines.iter().map(|line| format!("{name}: {line}"))),
            Err(failure) => {
                let Some(code) = failure.code.and_then(code).or_else(|| code("E0530")) else { return };
                let mut diag = Diag::new(code, span, failure.message).here("asked just now");
                diag.help = failure.help;
                self.diags.push(diag);
            }
        }
    }
}
