//! `sigc explain`: the page of a code.

use crate::cli::Explain;
use crate::failure::{Failure, Outcome};
use crate::terminal::Terminal;
use sigc_diag::{all_codes, code, nearest};
use std::fmt::Write;

/// Prints a page, or the list of codes.
pub fn run(args: &Explain, term: &mut Terminal) -> Outcome {
    let Some(wanted) = &args.code else {
        let mut out = String::new();
        for c in all_codes() {
            let _ = writeln!(out, "{}  {:<8} {}", c.id, c.severity.as_str(), c.name.replace('-', " "));
        }
        term.print(&out);
        return Ok(0);
    };
    match code(wanted) {
        Some(found) => {
            term.print(found.page);
            Ok(0)
        }
        None => {
            let ids: Vec<&str> = all_codes().iter().map(|c| c.id).collect();
            let near = nearest(&wanted.to_uppercase(), ids.iter().copied());
            let help = near.map_or("`sigc explain` lists all codes".into(), |n| format!("did you mean {n}?"));
            Err(Failure::usage(format!("there is no code `{wanted}`"), help))
        }
    }
}
