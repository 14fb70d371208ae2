//! `sinks.nats`: parameters.

use super::subject::Template;
use crate::sinks::address;
use sigc_catalog::{ArgProblem, Args, BATCH_DELAY_MS, BATCH_ROWS, DEDUP_KEY, Info, Param, Place, SinkStep, TIMEOUT_MS};

/// Where the servers are.
pub const URL: Param<String> = Param::url(
    "url",
    "addresses of the servers of one cluster, separated by commas: `nats://HOST:4222`, or `${env.NAME}`; `tls://` asks \
     for TLS",
);
/// Where rows are stored.
pub const STREAM: Param<String> = Param::text("stream", "the JetStream stream that stores the rows");
/// Under which subjects.
pub const SUBJECT: Param<String> = Param::text(
    "subject",
    "the subject of a row, with `{dag_name}`, `{frame}`, `{column}` and `{symbol}` each between dots, so that every \
     series has a subject of its own; characters other than letters, digits, `-` and `_` become `%` and two hex digits",
)
.default("signals.{dag_name}.{frame}.{column}.{symbol}");
/// Whether the stream is made.
pub const CREATE: Param<bool> = Param::bool("create", "make the stream if it is not there").default(false);
/// How many copies.
pub const REPLICAS: Param<u32> =
    Param::int("replicas", "servers that keep a copy of each row, for a stream that is made").max(5).default(1);
/// How far back the server recognises a message id.
pub const DUPLICATE_WINDOW_S: Param<u32> = Param::int(
    "duplicate_window_s",
    "seconds for which the stream must recognise a row by its message id, and does if it is made",
)
.default(120);
/// Who writes.
pub const USER: Param<Option<String>> = Param::user("user", "the user who writes").optional();
/// With what.
pub const PASSWORD: Param<Option<String>> =
    Param::secret("password", "the user's password: `${env.NAME}` or `${file.PATH}`").optional();
/// A token instead.
pub const TOKEN: Param<Option<String>> =
    Param::secret("token", "a token in place of a user: `${env.NAME}` or `${file.PATH}`").optional();
/// An nkey instead.
pub const NKEY: Param<Option<String>> =
    Param::secret("nkey", "the seed of an nkey in place of a user: `${env.NAME}` or `${file.PATH}`").optional();
/// A credentials file instead.
pub const CREDENTIALS: Param<Option<String>> =
    Param::secret("credentials", "a credentials file in place of a user: `${file.PATH}`").optional();
/// How the connection is protected.
pub const TLS: Param<Option<String>> = Param::choice(
    "tls",
    "`verify`: TLS with a certificate that is checked, the default unless the host is this machine; `disable`: none",
    address::TLS,
)
.optional();
/// Who signs the servers' certificates.
pub const CA: Param<Option<String>> = Param::path(
    "ca",
    "a PEM file with the certificates that the servers' must descend from, in place of those of the system",
)
.optional();
/// What makes a row unique.
pub const KEY: Param<Option<Vec<String>>> = DEDUP_KEY.optional();

/// The step.
pub static NATS: SinkStep = SinkStep {
    info: Info {
        name: "sinks.nats",
        capability: "shared",
        summary: "publishes rows to a NATS JetStream stream, each once and in order per series",
        doc: "A message is a record as JSON; its subject names the series, its headers the key: `Sigc-Ts` \
              (milliseconds), `Sigc-Symbol`, and `Nats-Msg-Id`. A message is stored only if the last one of its \
              subject is the one before it, so a row is stored once and in order however long an outage lasts; what \
              was stored while answers were lost is read from the stream. The stream keeps its messages in files, by \
              limits, and the last message of each subject for as long as an outage may last.",
        params: &[
            &URL,
            &STREAM,
            &SUBJECT,
            &CREATE,
            &REPLICAS,
            &DUPLICATE_WINDOW_S,
            &USER,
            &PASSWORD,
            &TOKEN,
            &NKEY,
            &CREDENTIALS,
            &TLS,
            &CA,
            &KEY,
            &BATCH_ROWS,
            &BATCH_DELAY_MS,
            &TIMEOUT_MS,
        ],
    },
    check,
    target: "subject",
    place: Place::Shared,
};

fn check(args: &Args) -> Vec<ArgProblem> {
    let example = "nats://HOST:4222";
    let mut problems: Vec<ArgProblem> =
        address::check(URL.name(), &args.get(&URL), &["nats", "tls"], example).into_iter().collect();
    let mut problem = |param, message: String, help: &str| {
        problems.push(ArgProblem { param, message, help: Some(help.into()) });
    };
    let stream = args.get(&STREAM);
    if stream.len() > 255 || stream.contains(|c: char| c.is_whitespace() || c.is_control() || ".*>/\\".contains(c)) {
        problem(STREAM.name(), format!("`{}` is no name of a stream", stream.escape_default()), {
            "a stream's name has no spaces and none of `. * > / \\`: `SIGNALS`"
        });
    }
    if let Err(message) = Template::parse(&args.get(&SUBJECT)) {
        problem(SUBJECT.name(), message, "write `signals.{dag_name}.{frame}.{column}.{symbol}`");
    }
    let (user, password) = (args.get(&USER).is_some(), args.get(&PASSWORD).is_some());
    if user != password {
        problem(if user { USER.name() } else { PASSWORD.name() }, "`user` and `password` go together".into(), {
            "write both, or one of `token`, `nkey` and `credentials`"
        });
    }
    let others = [&TOKEN, &NKEY, &CREDENTIALS].into_iter().filter(|p| args.get(p).is_some()).collect::<Vec<_>>();
    if others.len() + usize::from(user || password) > 1
        && let Some(last) = others.last()
    {
        problem(last.name(), "there are several ways to say who writes".into(), {
            "keep one of `user` with `password`, `token`, `nkey` and `credentials`"
        });
    }
    if args.get(&CA).is_some() && args.get(&TLS).as_deref() == Some("disable") {
        problem(CA.name(), "`ca` says who signs the servers' certificates, and `tls: disable` asks for none".into(), {
            "leave one of them out"
        });
    }
    problems.extend(address::check_key(args));
    problems
}
