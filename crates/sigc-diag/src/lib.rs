//! Diagnostics: what is wrong, where, and what to do.
//!
//! A [`Diag`] is plain data: a [`Code`], a message, labelled byte ranges of the file, help and fixes. Stages
//! collect them in [`Diags`] and go on; the emitters in [`emit`] turn a finished list into human text, JSON, SARIF,
//! GitHub workflow commands or JUnit. This crate knows nothing of YAML or of stages.

mod codes;
mod diag;
pub mod emit;
mod nearest;
mod source;
mod span;

pub use codes::*;
pub use codes::{Code, all_codes, code};
pub use diag::{Applicability, Diag, Diags, Fix, Label, MAX_PER_CODE, Severity};
pub use nearest::nearest;
pub use source::{LineCol, SourceFile};
pub use span::{Span, Spanned};
