//! `sigc expand`: the pipeline without grids.

use crate::cli::Expand;
use crate::failure::{Failure, Outcome};
use crate::load::load;
use crate::terminal::Terminal;
use sigc_compiler::stages::expanded_yaml;
use sigc_diag::Severity;
use sigc_diag::emit::{Checked, Format, render};

/// Prints the pipeline after expansion. Errors of later stages do not hinder it and are printed as well.
pub fn run(args: &Expand, term: &mut Terminal) -> Outcome {
    let loaded = load(&args.file)?;
    let errors = loaded.diags.iter().any(|d| d.severity() == Severity::Error);
    if errors {
        let checked = [Checked { file: &loaded.file, diags: &loaded.diags }];
        term.note(&render(Format::Human, &checked, &term.err_style()));
        return Err(Failure::reported());
    }
    if let Some(expanded) = &loaded.compiled.expanded {
        term.print(&expanded_yaml(expanded));
    }
    Ok(0)
}
