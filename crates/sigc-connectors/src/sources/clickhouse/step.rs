//! `data.clickhouse`: its pure facts.

use super::query::is_name;
use sigc_catalog::{ArgProblem, Args, DataStep, GAP, INTERVAL, Info, LABEL, Param, UNIVERSE};
use sigc_market::Field;

/// The step's name.
pub const CLICKHOUSE: &str = "data.clickhouse";

/// Where the server is.
pub const URL: Param<String> = Param::url("url", "base address of the HTTP interface: `http://localhost:8123`");
/// Who asks.
pub const USER: Param<Option<String>> =
    Param::user("user", "the user who asks; the server's default user if left out").optional();
/// With what.
pub const PASSWORD: Param<Option<String>> =
    Param::secret("password", "the user's password: `${env.NAME}` or `${file.PATH}`").optional();
/// What is asked.
pub const TABLE: Param<String> = Param::text("table", "the table or view: `klines` or `market.klines`");
/// Whether rows are merged.
pub const FINAL: Param<bool> = Param::bool(
    "final",
    "read through FINAL, so that of rows with one key the last counts; `false` for engines that have no FINAL, whose \
     tables never hold a bar twice",
)
.default(true);
/// Who says that a row is final.
pub const CLOSED_COLUMN: Param<Option<String>> = Param::text(
    "closed_column",
    "a column that is not 0 where a bar is final, such as `is_closed`; then nothing else makes it final",
)
.optional();
/// When it is final otherwise.
pub const SETTLE_SECONDS: Param<f64> = Param::number(
    "settle_seconds",
    "a bar is asked for so long after its close, and is final then by the server's clock, or as soon as a later one \
     is there",
)
.range(0.0, 3_600.0)
.default(2.0);
/// How long late bars are waited for.
pub const LATE_SECONDS: Param<f64> = Param::number(
    "late_seconds",
    "a bar that is missing although a later one is there may come so long after its close; then it is a gap",
)
.range(0.0, 86_400.0)
.default(60.0);

pub(in super::super) static STEP: DataStep = DataStep {
    info: Info {
        name: CLICKHOUSE,
        capability: "shared",
        summary: "bars of a ClickHouse table, polled",
        doc: "The table has the columns `symbol` and `interval` (texts), `open_time` (`DateTime` or `DateTime64`), \
              `open`, `high`, `low`, `close` and `volume` (numbers). Bars may be written late, in any order and more \
              than once: each comes once and in order per symbol. Whether a bar is closed is decided by the server's \
              clock. A symbol without its bar is asked for every 2 seconds, later every 5 and 10; between closes \
              nothing is asked.",
        params: &[
            &UNIVERSE,
            &INTERVAL,
            &GAP,
            &LABEL,
            &URL,
            &USER,
            &PASSWORD,
            &TABLE,
            &FINAL,
            &CLOSED_COLUMN,
            &SETTLE_SECONDS,
            &LATE_SECONDS,
        ],
    },
    fields: &Field::OHLCV,
    intervals: &[],
    respell: |_| None,
    request: None,
    check,
};

fn check(args: &Args) -> Vec<ArgProblem> {
    let mut problems = Vec::new();
    let mut name = |param, text: &str, parts| {
        if !is_name(text, parts) {
            problems.push(ArgProblem {
                param,
                message: format!("`{param}` is no name"),
                help: Some("a name has letters, digits and `_`, and begins with no digit: `market.klines`".into()),
            });
        }
    };
    name(TABLE.name(), &args.get(&TABLE), 2);
    if let Some(column) = args.get(&CLOSED_COLUMN) {
        name(CLOSED_COLUMN.name(), &column, 1);
    }
    problems
}
