//! `sinks.csv_append`: its pure facts.

use crate::sinks::key::{self, KEY};
use crate::sinks::paths;
use sigc_catalog::{ArgProblem, Args, Info, Param, Place, SinkStep};

/// The file.
pub const PATH: Param<String> = Param::path("path", "the CSV file; its folders are made, rows are appended");

/// The step.
pub static CSV_APPEND: SinkStep = SinkStep {
    info: Info {
        name: "sinks.csv_append",
        capability: "shared",
        summary: "appends rows to a CSV file, each once",
        doc: "One line per row: `ts,symbol,open_time,prediction`, the further columns asked for, then the \
              other fields of a record. Times are ISO 8601 in UTC, numbers read back to the same bits, null is an empty \
              cell. A row whose key stands in the file already is not written again; a last line torn by a crash is \
              cut off when the file is opened.",
        params: &[&PATH, &KEY],
    },
    check,
    target: "path",
    place: Place::File,
};

fn check(args: &Args) -> Vec<ArgProblem> {
    let mut problems: Vec<ArgProblem> = paths::check(PATH.name(), &args.get(&PATH)).into_iter().collect();
    problems.extend(key::check(args));
    problems
}
