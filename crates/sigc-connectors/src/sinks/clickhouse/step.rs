//! `sinks.clickhouse`: its pure facts.

use crate::sinks::key::{self, KEY};
use crate::sources::clickhouse::is_name;
use sigc_catalog::{ArgProblem, Args, BATCH_DELAY_MS, BATCH_ROWS, Info, Param, Place, SinkStep, TIMEOUT_MS};

/// Where the server is.
pub const URL: Param<String> =
    Param::url("url", "base address of the HTTP interface: `http://localhost:8123`, `https://ch.example.com:8443`");
/// Who writes.
pub const USER: Param<Option<String>> =
    Param::user("user", "the user who writes and looks; the server's default user if left out").optional();
/// With what.
pub const PASSWORD: Param<Option<String>> =
    Param::secret("password", "the user's password: `${env.NAME}` or `${file.PATH}`").optional();
/// What is written to.
pub const TABLE: Param<String> = Param::text("table", "the table: `predictions` or `signals.predictions`");
/// Whether the table is made.
pub const CREATE: Param<bool> =
    Param::bool("create", "make the table if it is not there; its database must be there").default(false);

/// The step.
pub static CLICKHOUSE: SinkStep = SinkStep {
    info: Info {
        name: "sinks.clickhouse",
        capability: "shared",
        summary: "inserts rows into a ClickHouse table, each once",
        doc: "The table has at least `symbol`, `ts`, `prediction` and the further columns asked for; other fields of a \
              record are written where the table has a column of their name. Rows whose fate is unknown, after a lost \
              answer or a restart, are looked for in the table before they are written again. The durable guard is a \
              `ReplacingMergeTree` ordered by `(dag_name, frame, column, symbol, ts)` and read with `FINAL`; when the \
              table is missing the error has the statement that makes it. See `docs/sinks/clickhouse.md`.",
        params: &[&URL, &TABLE, &USER, &PASSWORD, &CREATE, &KEY, &BATCH_ROWS, &BATCH_DELAY_MS, &TIMEOUT_MS],
    },
    check,
    target: "table",
    place: Place::Shared,
};

fn check(args: &Args) -> Vec<ArgProblem> {
    let mut problems: Vec<ArgProblem> = key::check(args).into_iter().collect();
    if !is_name(&args.get(&TABLE), 2) {
        problems.push(ArgProblem {
            param: TABLE.name(),
            message: "`table` is no name".into(),
            help: Some("a name has letters, digits and `_`, and begins with no digit: `signals.predictions`".into()),
        });
    }
    problems
}
