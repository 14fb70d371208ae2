//! `sinks.dynamodb`: its pure facts.

use sigc_catalog::{ArgProblem, Args, BATCH_DELAY_MS, BATCH_ROWS, Info, Param, Place, SinkStep, TIMEOUT_MS};

/// The table.
pub const TABLE: Param<String> = Param::text("table", "name of the table");
/// The region.
pub const REGION: Param<Option<String>> =
    Param::text("region", "the table's region, such as `eu-central-1`; left out, what the environment says").optional();
/// Another address.
pub const ENDPOINT_URL: Param<Option<String>> =
    Param::url("endpoint_url", "another address than the region's own, such as that of a local server").optional();
/// A key's public half.
pub const ACCESS_KEY_ID: Param<Option<String>> = Param::secret(
    "access_key_id",
    "id of an access key; left out, credentials come from the environment, the profile, or the machine's role",
)
.optional();
/// A key's secret half.
pub const SECRET_ACCESS_KEY: Param<Option<String>> =
    Param::secret("secret_access_key", "the secret of the access key").optional();
/// For temporary keys.
pub const SESSION_TOKEN: Param<Option<String>> =
    Param::secret("session_token", "the token of a temporary access key").optional();
/// A profile.
pub const PROFILE: Param<Option<String>> =
    Param::text("profile", "a profile of the shared configuration files (`~/.aws`)").optional();
/// What happens to a row that is there with another prediction.
pub const ON_CONFLICT: Param<String> = Param::choice(
    "on_conflict",
    "a row that is there with other values: `keep` leaves it and counts a conflict; `replace` lets the run that was \
     started later win, by the attribute `version`",
    &["keep", "replace"],
)
.default("keep");
/// When rows go away by themselves.
pub const TTL_DAYS: Param<Option<u32>> = Param::int(
    "ttl_days",
    "days from a row's `ts` until the table may delete it, by the attribute `expires_at`; left out, rows stay",
)
.max(36_500)
.optional();
/// Whether a missing table is made.
pub const CREATE: Param<bool> =
    Param::bool("create", "makes the table, billed on demand, if there is none").default(false);
/// Requests at once.
pub const CONCURRENCY: Param<u32> =
    Param::int("concurrency", "requests at once; rows of one symbol stay in order").max(128).default(16);

/// The step.
pub static DYNAMODB: SinkStep = SinkStep {
    info: Info {
        name: "sinks.dynamodb",
        capability: "shared",
        summary: "puts rows into a DynamoDB table, each once",
        doc: "One item per row, put only if its key is not there. The partition key is \
              `dag_name#frame#column#symbol`, with `%23` for a `#` in a name and `%25` for a `%`; the sort key is `ts` \
              in milliseconds. The other attributes are the fields of a record: times are numbers of milliseconds, a \
              number too small or too large for DynamoDB is a text. An attempt whose answer was lost is made again and \
              finds its own rows.",
        params: &[
            &TABLE,
            &REGION,
            &ENDPOINT_URL,
            &ACCESS_KEY_ID,
            &SECRET_ACCESS_KEY,
            &SESSION_TOKEN,
            &PROFILE,
            &ON_CONFLICT,
            &TTL_DAYS,
            &CREATE,
            &CONCURRENCY,
            &BATCH_ROWS,
            &BATCH_DELAY_MS,
            &TIMEOUT_MS,
        ],
    },
    check,
    target: "table",
    place: Place::Shared,
};

fn check(args: &Args) -> Vec<ArgProblem> {
    let mut problems = Vec::new();
    let mut problem = |param, message: String, help: &str| {
        problems.push(ArgProblem { param, message, help: Some(help.into()) });
    };
    let table = args.get(&TABLE);
    let plain = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    if !(3..=255).contains(&table.len()) || !table.chars().all(plain) {
        problem(TABLE.name(), format!("`{table}` is no name of a table"), "3 to 255 letters, digits, `_`, `-` and `.`");
    }
    let given = |param: &Param<Option<String>>| args.get(param).is_some();
    if given(&ACCESS_KEY_ID) != given(&SECRET_ACCESS_KEY) {
        let (there, missing) = match given(&ACCESS_KEY_ID) {
            true => (&ACCESS_KEY_ID, &SECRET_ACCESS_KEY),
            false => (&SECRET_ACCESS_KEY, &ACCESS_KEY_ID),
        };
        let message = format!("`{}` without `{}`", there.name(), missing.name());
        problem(there.name(), message, "an access key is both: write the other one, too");
    }
    if given(&SESSION_TOKEN) && !given(&ACCESS_KEY_ID) {
        problem(SESSION_TOKEN.name(), "`session_token` without an access key".into(), "write `access_key_id`, too");
    }
    if given(&PROFILE) && given(&ACCESS_KEY_ID) {
        problem(PROFILE.name(), "`profile` and `access_key_id` exclude each other".into(), "leave one of them out");
    }
    problems
}
