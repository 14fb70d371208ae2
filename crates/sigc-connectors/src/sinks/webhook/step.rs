//! `sinks.webhook`: its pure facts.

use crate::sinks::key::{self, KEY};
use sigc_catalog::{ArgProblem, Args, BATCH_DELAY_MS, BATCH_ROWS, Info, Param, Place, SinkStep, TIMEOUT_MS};

/// Where rows are sent.
pub const URL: Param<String> = Param::url("url", "the address; `${env.NAME}` where it holds a secret");
/// How many rows go into a request.
pub const FORMAT: Param<String> = Param::choice(
    "format",
    "`object`: a request for each row, its body the record; `array`: a request for many rows, its body a list",
    &["object", "array"],
)
.default("object");
/// Proof of who sends.
pub const AUTH: Param<Option<String>> =
    Param::secret("auth", "the value of the header `auth_header`, such as `Bearer ...`: `${env.NAME}`").optional();
/// Where it goes.
pub const AUTH_HEADER: Param<String> =
    Param::text("auth_header", "the header that `auth` is sent in").default("authorization");
/// Proof that the body is the sender's.
pub const SIGN_WITH: Param<Option<String>> = Param::secret(
    "sign_with",
    "a key shared with the receiver: `X-Sigc-Signature` is the HMAC-SHA256 of `X-Sigc-Timestamp`, a dot and the body",
)
.optional();

/// The step.
pub static WEBHOOK: SinkStep = SinkStep {
    info: Info {
        name: "sinks.webhook",
        capability: "shared",
        summary: "sends rows to an address by HTTP POST",
        doc: "A row counts as stored when the receiver answers 2xx. Rows are sent again after 408, 409, 425, 429, 5xx, \
              a lost answer or a restart, always with the same `Idempotency-Key`: a receiver that takes each key once \
              has each row once. Redirects are not followed. See `docs/sinks/webhook.md`.",
        params: &[&URL, &FORMAT, &AUTH, &AUTH_HEADER, &SIGN_WITH, &KEY, &BATCH_ROWS, &BATCH_DELAY_MS, &TIMEOUT_MS],
    },
    check,
    target: "url",
    place: Place::Shared,
};

/// Headers that the sink sets itself.
const OWN: [&str; 8] = [
    "content-length",
    "content-type",
    "host",
    "idempotency-key",
    "transfer-encoding",
    "user-agent",
    "x-sigc-signature",
    "x-sigc-timestamp",
];

fn check(args: &Args) -> Vec<ArgProblem> {
    let mut problems: Vec<ArgProblem> = key::check(args).into_iter().collect();
    let header = args.get(&AUTH_HEADER).to_ascii_lowercase();
    let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if header.is_empty() || !header.bytes().all(is_token) || OWN.contains(&header.as_str()) {
        problems.push(ArgProblem {
            param: AUTH_HEADER.name(),
            message: "`auth_header` cannot be a header of its own".into(),
            help: Some("name a header such as `authorization` or `x-api-key`".into()),
        });
    }
    problems
}
