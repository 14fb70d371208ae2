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
        doc: "A message is a record as JSON; its subject names the series, its headers the row: `Sigc-Ts` \
              (milliseconds), `Sigc-Symbol`, `Sigc-Bits` and `Nats-Msg-Id`. The server stores a message only if the last \
              one of its subject is the one before it, so a row is stored once and in order however long an outage \
              lasts; what was stored while answers were lost is read from the stream. The stream keeps its messages \
              in files and by limits, and the last message of each subject for as long as an outage may last. Rows of \
              one series go one after the other, those of different series at once.",
        params: &[
            &URL,
            &STREAM,
            &SUBJECT,
            &CREATE,
            &REPLICAS,
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
    // A token is a user without a password.
    let url_is_fine = problems.is_empty();
    let mut problem = |param, message: String, help: &str| {
        problems.push(ArgProblem { param, message, help: Some(help.into()) });
    };
    let url = args.get(&URL);
    if url_is_fine && !url.starts_with("${") && url.contains('@') {
        problem(URL.name(), "`url` has a user or a token in it, and a pipeline file is no place for one".into(), {
            "write `user` and `password` or `token` beside it, or the whole address as `${env.NAME}`"
        });
    }
    let stream = args.get(&STREAM);
    let of_no_name = |c: char| c.is_whitespace() || c.is_control() || ".*>/\\".contains(c);
    if !(1..=255).contains(&stream.len()) || stream.contains(of_no_name) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use sigc_catalog::Value;

    fn problems(more: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
        let mut args = Args::new();
        args.insert("url", Value::Text("nats://a:4222,tls://b:4222".into()));
        args.insert("stream", Value::Text("SIGNALS".into()));
        args.insert("subject", Value::Text("signals.{dag_name}.{frame}.{column}.{symbol}".into()));
        for (name, text) in more {
            args.insert(name, Value::Text((*text).into()));
        }
        check(&args).into_iter().map(|p| (p.param, p.message)).collect()
    }

    #[test]
    fn parameters_are_checked_together() {
        assert_eq!(problems(&[]), []);
        assert_eq!(
            problems(&[("url", "${env.NATS_URL}"), ("token", "${env.T}"), ("tls", "verify"), ("ca", "a.pem")]),
            []
        );
        assert_eq!(problems(&[("user", "u"), ("password", "${env.P}")]), []);
        for (more, param, part) in [
            (&[("url", "http://a:4222")][..], "url", "no address"),
            (&[("url", "nats://a:4222,nats://hunter2@b:4222")], "url", "a user or a token"),
            (&[("url", "nats://u:hunter2@b:4222")], "url", "a password"),
            (&[("stream", "a.b")], "stream", "no name of a stream"),
            (&[("stream", "a b")], "stream", "no name of a stream"),
            (&[("stream", "")], "stream", "no name of a stream"),
            (&[("subject", "signals.{symbol}")], "subject", "lacks `{dag_name}`"),
            (&[("user", "u")], "user", "go together"),
            (&[("password", "${env.P}")], "password", "go together"),
            (&[("token", "${env.T}"), ("nkey", "${env.N}")], "nkey", "several ways"),
            (&[("user", "u"), ("password", "${env.P}"), ("credentials", "${file.c}")], "credentials", "several ways"),
            (&[("tls", "disable"), ("ca", "a.pem")], "ca", "asks for none"),
        ] {
            let found = problems(more);
            let [(name, message)] = &found[..] else { panic!("{more:?}: {found:?}") };
            assert!(*name == param && message.contains(part), "{more:?}: {found:?}");
            assert!(!message.contains("hunter2"), "{message}");
        }
    }
}
