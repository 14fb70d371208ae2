//! `sinks.parquet`: its pure facts.

use crate::sinks::key::{self, KEY};
use crate::sinks::paths;
use sigc_catalog::{ArgProblem, Args, Info, Param, Place, SinkStep};

/// The folder.
pub const PATH: Param<String> = Param::path("path", "the folder of the parts; it is made if it is not there");
/// Rows of a part.
pub const ROLL_ROWS: Param<u32> =
    Param::int("roll_rows", "rows after which a part is written").max(1_000_000).default(50_000);
/// Time of a part.
pub const ROLL_MINUTES: Param<u32> = Param::int(
    "roll_minutes",
    "minutes from a part's first row, by the rows' own `ts`, after which the next row begins another part",
)
.default(1_440);

/// The step.
pub static PARQUET: SinkStep = SinkStep {
    info: Info {
        name: "sinks.parquet",
        capability: "shared",
        summary: "writes rows to parquet files in a folder, each once",
        doc: "Rows are durable in the side file `_open.jsonl` first; a part `part-00000001.parquet` is written from it \
              when it is full, when its time is over, and when the run ends. A part is whole from the moment its name \
              is there. Columns are the fields of a record: times are UTC milliseconds, numbers doubles, texts \
              dictionaries, compressed with zstd. A row whose key stands in the folder already is not written again.",
        params: &[&PATH, &KEY, &ROLL_ROWS, &ROLL_MINUTES],
    },
    check,
    target: "path",
    place: Place::File,
};

fn check(args: &Args) -> Vec<ArgProblem> {
    let path = args.get(&PATH);
    let mut problems: Vec<ArgProblem> = paths::check_folder(PATH.name(), &path).into_iter().collect();
    problems.extend(key::check(args));
    problems
}
