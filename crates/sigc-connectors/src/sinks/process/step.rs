//! `sinks.process`: its pure facts.

use sigc_catalog::{ArgProblem, Args, BATCH_DELAY_MS, BATCH_ROWS, Info, Param, Place, SinkStep, TIMEOUT_MS};

/// The program and its arguments.
pub const COMMAND: Param<Vec<String>> =
    Param::texts("command", "the program and its arguments, one text each: `[python3, sink.py]`; no shell reads them");
/// What it gets of the environment.
pub const ENV: Param<Option<Vec<String>>> = Param::variables(
    "env",
    "environment variables that the process gets beside PATH, HOME, LANG and their like; their values are never printed",
)
.optional();

/// The step.
pub static PROCESS: SinkStep = SinkStep {
    info: Info {
        name: "sinks.process",
        capability: "shared",
        summary: "hands rows to a child process, which confirms them",
        doc: "One JSON object a line: `{\"type\": \"rows\", \"id\": 7, \"rows\": [..]}` on the process's standard \
              input, `{\"type\": \"ack\", \"id\": 7, \"new\": 2, \"duplicates\": 0}` on its standard output. A row \
              comes at least once; the process stores it once by its key `dag_name`, `frame`, `column`, `symbol`, \
              `ts`. Only with `run --allow-process`. `docs/process.md` has the whole protocol and an example.",
        params: &[&COMMAND, &ENV, &BATCH_ROWS, &BATCH_DELAY_MS, &TIMEOUT_MS],
    },
    check,
    target: "command",
    place: Place::Shared,
};

fn check(args: &Args) -> Vec<ArgProblem> {
    let command = args.get(&COMMAND);
    if command.first().is_none_or(|program| program.trim().is_empty()) {
        return vec![ArgProblem {
            param: COMMAND.name(),
            message: "`command` does not begin with a program".into(),
            help: Some("write the program first, then its arguments: `command: [python3, sink.py]`".into()),
        }];
    }
    Vec::new()
}
