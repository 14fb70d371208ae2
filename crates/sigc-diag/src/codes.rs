//! Every code sigc can report: one line here and one page in `pages/`.
//!
//! A released code is never reused. The page says what the code means, shows a pipeline that raises it and one
//! that does not; both run as tests, and `sigc explain CODE` prints the page.

use crate::Severity;

/// A diagnostic code: what never changes about a finding.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Code {
    /// `E0203`, `W0201`, `N0301`.
    pub id: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// A short name in kebab case, also the name of its ui test folder: `unknown-column`.
    pub name: &'static str,
    /// The page that `sigc explain` prints, Markdown.
    pub page: &'static str,
}

/// One line a code: its constant is its id; the first letter gives the severity.
macro_rules! codes {
    ($($id:ident $name:literal)*) => {
        $(
            #[doc = concat!("`", stringify!($id), "`: ", $name, ".")]
            pub static $id: Code = Code {
                id: stringify!($id),
                severity: severity_of(stringify!($id)),
                name: $name,
                page: include_str!(concat!("../pages/", stringify!($id), ".md")),
            };
        )*
        static ALL: &[&Code] = &[$(&$id),*];
    };
}

const fn severity_of(id: &str) -> Severity {
    match id.as_bytes()[0] {
        b'E' => Severity::Error,
        b'W' => Severity::Warning,
        _ => Severity::Note,
    }
}

/// All codes in order of their numbers' groups: syntax 01, names and types 02, time and history 03, models and
/// sinks 04, bars and running 05.
pub fn all_codes() -> &'static [&'static Code] {
    ALL
}

/// The code with this id, whatever its case.
pub fn code(id: &str) -> Option<&'static Code> {
    ALL.iter().copied().find(|c| c.id.eq_ignore_ascii_case(id))
}

codes! {
    // 01: text and shape of the file
    E0101 "yaml-syntax"
    E0102 "missing-blank-after-colon"
    E0103 "missing-blank-after-dash"
    E0104 "duplicate-key"
    E0105 "file-too-large"
    E0106 "nested-too-deep"
    E0107 "alias-budget"
    E0108 "unknown-key"
    E0109 "missing-key"
    E0110 "wrong-type"
    E0111 "bad-reference"
    E0112 "bad-template"
    E0113 "bad-interval"
    E0114 "brace-in-flow-list"
    E0115 "tag-not-supported"
    E0116 "not-one-document"
    E0117 "bad-name"
    E0118 "unknown-anchor"
    E0119 "not-utf8"
    W0101 "yaml-1-1-spelling"
    // 02: names, grids, parameters, types
    E0201 "unknown-step"
    E0202 "unknown-frame"
    E0203 "unknown-column"
    E0204 "duplicate-column"
    E0205 "duplicate-frame"
    E0206 "capability-not-listed"
    E0207 "unknown-parameter"
    E0208 "missing-parameter"
    E0209 "parameter-type"
    E0210 "parameter-range"
    E0211 "unknown-grid"
    E0212 "empty-grid"
    E0213 "grid-product-too-large"
    E0214 "zip-lengths-differ"
    E0215 "template-without-parameter"
    E0216 "template-collision"
    E0217 "column-not-made-yet"
    E0218 "dependency-cycle"
    E0219 "wrong-step-kind"
    E0220 "unknown-capability"
    E0221 "role-missing"
    E0222 "output-count"
    E0223 "unknown-output"
    E0224 "source-lacks-column"
    E0225 "frames-do-not-match"
    E0227 "empty-universe"
    E0228 "duplicate-symbol"
    E0230 "not-supported-yet"
    E0231 "secret-not-allowed-here"
    E0232 "pattern-matches-nothing"
    E0233 "secret-in-the-file"
    E0240 "unknown-event"
    E0241 "event-between-rows"
    E0242 "bad-condition"
    E0243 "condition-type"
    W0201 "unused-grid"
    W0202 "dead-step"
    W0203 "symbol-spelling"
    // 03: time and history
    E0301 "resample-not-a-multiple"
    E0302 "scheduling-interval-mismatch"
    E0303 "lookback-too-small"
    E0304 "universe-not-covered"
    E0305 "mode-not-stream"
    E0306 "tolerance-range"
    E0308 "interval-not-offered"
    W0301 "scheduling-interval-unused"
    W0302 "buffer-longer-than-bar"
    N0301 "lookback-far-too-large"
    // 04: models and sinks
    E0401 "no-model-step"
    E0402 "output-col-not-made"
    E0403 "ambiguous-prediction"
    E0404 "no-sink"
    E0405 "unknown-sink"
    E0406 "dedup-key"
    E0407 "model-features-differ"
    E0408 "model-window-differs"
    E0409 "model-checkpoint-bad"
    E0410 "model-symbol-missing"
    E0411 "path-not-allowed"
    E0412 "model-dtype"
    E0413 "same-sink-path-twice"
    E0414 "column-name-taken"
    E0415 "model-inputs-differ"
    E0416 "model-interval-differs"
    W0401 "checkpoint-missing"
    W0402 "model-inputs-not-stated"
    // 05: bars and running
    E0501 "file-not-found"
    E0502 "bars-missing-column"
    E0503 "bars-unreadable"
    E0504 "bars-unsorted"
    E0505 "bars-duplicate"
    E0506 "bars-value"
    E0507 "bars-misaligned"
    E0508 "bars-wrong-interval"
    E0509 "bars-missing-symbol"
    E0510 "sink-file-mismatch"
    E0511 "output-exists"
    E0512 "write-failed"
    E0513 "verify-differs"
    E0515 "gap-halts"
    E0517 "model-failed"
    E0518 "live-not-available"
    E0519 "universe-incomplete"
    E0520 "journal-other-pipeline"
    E0521 "journal-damaged"
    E0522 "journal-in-use"
    E0523 "journal-version"
    E0524 "journal-full"
    E0525 "journal-absent"
    E0526 "journal-refused"
    E0527 "journal-contradiction"
    E0528 "ledger-incomplete"
    E0530 "venue-not-reached"
    E0531 "secret-not-found"
    E0532 "log-not-possible"
    E0533 "system-refuses"
    E0534 "simulation-not-possible"
    E0540 "sink-unavailable"
    E0541 "sink-denied"
    E0542 "sink-unfit"
    E0543 "sink-unsupported"
    E0560 "process-not-allowed"
    E0561 "process-fails"
}
