//! `sigc schema`: the JSON Schema of pipeline files.

use crate::catalog::catalog;
use crate::failure::Outcome;
use crate::terminal::Terminal;

/// The schema as it stands in `grammar/`.
pub fn text() -> String {
    let schema = sigc_compiler::schema::schema(&catalog());
    serde_json::to_string_pretty(&schema).expect("a JSON value prints") + "\n"
}

/// Prints it.
pub fn run(term: &mut Terminal) -> Outcome {
    term.print(&text());
    Ok(0)
}
