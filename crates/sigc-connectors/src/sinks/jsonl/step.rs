//! `sinks.jsonl`: its pure facts.

use crate::sinks::key::{self, KEY};
use crate::sinks::paths;
use sigc_catalog::{ArgProblem, Args, Info, Param, Place, SinkStep};

/// The file.
pub const PATH: Param<String> =
    Param::path("path", "the file; its folders are made, rows are appended; `-` prints them to standard output");

/// In place of a path: standard output.
pub const STDOUT: &str = "-";

/// The step.
pub static JSONL: SinkStep = SinkStep {
    info: Info {
        name: "sinks.jsonl",
        capability: "shared",
        summary: "appends rows to a file of JSON lines, each once, or prints them",
        doc: "One JSON object per row, its fields in the order of a record. Times are ISO 8601 in UTC, numbers read \
              back to the same bits. A row whose key stands in the file already is not written again; a last line torn \
              by a crash is cut off when the file is opened. With `path: \"-\"` rows are printed to standard output, \
              each at least once: what was printed by an earlier run is not known.",
        params: &[&PATH, &KEY],
    },
    check,
    target: "path",
    place: Place::File,
};

fn check(args: &Args) -> Vec<ArgProblem> {
    let path = args.get(&PATH);
    let mut problems: Vec<ArgProblem> = paths::check(PATH.name(), &path).into_iter().collect();
    problems.extend(key::check(args));
    problems
}
