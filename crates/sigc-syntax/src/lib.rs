//! Pipeline text to a tree with spans, and the small grammars.
//!
//! [`parse`] takes the text of a pipeline file (one YAML 1.2 document) and gives a [`Tree`]: maps, lists and scalars,
//! each with its byte range. It reports what it finds in a [`Diags`](sigc_diag::Diags) and goes on, so that one run
//! shows every mistake; what could not be read is a [`Value::Hole`], which later stages pass over in silence.
//!
//! ```text
//! text ──► traps  ──► recover ──► build ──► Tree
//!          mended     blanked     typed scalars, aliases and merge keys resolved
//!          slips      bad pieces
//! ```
//!
//! * `traps` finds the slips that YAML reads as something else (`lookback_days:30`, `-using:`, `[rsi{window}]`),
//!   reports them and mends a copy of the text, so that later stages see the tree that was meant.
//! * `recover` cuts a text with syntax errors into top keys and list items, reports each bad piece once and blanks it.
//! * `build` turns parser events into the tree. All spans are byte ranges of the *original* text.
//!
//! Inside scalars live the small grammars of `grammar/sigc.ebnf`: [`reference()`], [`template`], [`interpolation`],
//! [`interval`], [`frame_name`], [`column_name`] and [`formula()`]. [`to_yaml`] prints a node so that it parses back to the same tree.

mod build;
mod grammar;
mod mend;
mod parse;
mod print;
mod recover;
mod report;
mod schema;
mod traps;
mod tree;
mod words;

pub use grammar::{
    BinaryOp, Formula, FormulaKind, Interpolation, IntervalText, Part, Reference, Template, UnaryOp, Unit, column_name,
    formula, frame_name, interpolation, interval, name, reference, template,
};
pub use parse::{Limits, parse, parse_bytes, parse_with};
pub use print::{print_tree, to_yaml};
pub use tree::{Entry, Map, Node, Scalar, ScalarStyle, Tree, Typed, Value};
