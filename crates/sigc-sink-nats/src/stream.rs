//! What a stream is, and whether it keeps rows as they have to be kept.

use crate::failure::Place;
use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::{
    Context, CreateStreamErrorKind, GetStreamErrorKind, PublishErrorKind, RequestError,
};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{
    Config, DiscardPolicy, Info, PersistenceMode, RetentionPolicy, StorageType, Stream,
};
use sigc_connectors::sinks::nats::subject::{Cover, Template, cover};
use sigc_runtime::{RecordSchema, SignalName, SinkError};
use std::error::Error as _;
use std::time::Duration;

/// What the stream has to be.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub name: String,
    pub template: Template,
    pub replicas: usize,
}

impl Wanted {
    /// A stream that fits.
    pub fn config(&self) -> Config {
        Config {
            name: self.name.clone(),
            subjects: vec![self.template.all()],
            retention: RetentionPolicy::Limits,
            storage: StorageType::File,
            num_replicas: self.replicas,
            // The server's default, said for `Config`'s zero.
            duplicate_window: Duration::from_secs(120),
            max_bytes: -1,
            max_messages: -1,
            max_messages_per_subject: -1,
            ..Config::default()
        }
    }

    /// The command that makes it.
    pub fn command(&self) -> String {
        format!(
            "nats stream add {} --subjects '{}' --storage file --retention limits --replicas {} --defaults",
            self.name,
            self.template.all(),
            self.replicas
        )
    }
}

/// Finds the stream; `None` if there is none.
pub(crate) async fn find(context: &Context, wanted: &Wanted, place: &Place) -> Result<Option<Stream>, SinkError> {
    match context.get_stream(&wanted.name).await {
        Ok(stream) => Ok(Some(stream)),
        Err(error) => match error.kind() {
            GetStreamErrorKind::JetStream(e) if e.error_code() == ErrorCode::STREAM_NOT_FOUND => Ok(None),
            GetStreamErrorKind::JetStream(e) => Err(place.refused(&e)),
            kind => match error.source().and_then(|e| e.downcast_ref::<RequestError>()) {
                Some(e) => Err(place.no_answer(e)),
                None => Err(place.unavailable(format!("`{}` did not answer: {kind}", place.server), false)),
            },
        },
    }
}

/// The error of a stream that is not there.
pub(crate) fn missing(wanted: &Wanted, place: &Place) -> SinkError {
    let reason = format!("there is no stream `{}` on `{}`", wanted.name, place.server);
    place.unfit(reason, format!("write `create: true`, or make it:\n{}", wanted.command()))
}

/// Makes the stream.
pub(crate) async fn create(context: &Context, wanted: &Wanted, place: &Place) -> Result<Stream, SinkError> {
    context.create_stream(wanted.config()).await.map_err(|e| match e.kind() {
        CreateStreamErrorKind::JetStream(e) if e.error_code() == ErrorCode::STREAM_SUBJECT_OVERLAP => place.unfit(
            format!("another stream of `{}` takes some of `{}`", place.server, wanted.template.all()),
            "name that stream in `stream`, or give the rows another `subject`",
        ),
        CreateStreamErrorKind::JetStream(e) if e.error_code() == ErrorCode::STREAM_REPLICAS_NOT_SUPPORTED => place
            .unfit(
                format!("`{}` is one server and keeps no {} copies", place.server, wanted.replicas),
                "write `replicas: 1`, or run a cluster",
            ),
        CreateStreamErrorKind::JetStream(e) if e.error_code() == ErrorCode::STREAM_INVALID_CONFIG => place.unfit(
            format!("`{}` does not make the stream `{}`: {e}", place.server, wanted.name),
            "choose another `subject`, or make the stream by hand",
        ),
        CreateStreamErrorKind::JetStream(e) => place.refused(&e),
        kind => place.unavailable(format!("`{}` did not answer: {kind}", place.server), false),
    })
}

/// What keeps the stream from holding every row, once and in order, as long as it is needed; what a person may want to
/// know of one that does.
///
/// `most` bytes has the largest message, and a server takes `payload` bytes.
pub(crate) fn check(
    info: &Info,
    wanted: &Wanted,
    schema: &RecordSchema,
    sizes: Sizes,
    place: &Place,
) -> Result<Vec<String>, SinkError> {
    let (config, name) = (&info.config, &info.config.name);
    if let Some(fault) = fault(config) {
        let reason = format!("the stream `{name}` {fault}");
        return Err(place.unfit(reason, format!("a stream that fits:\n{}", wanted.command())));
    }
    let Sizes { most, payload } = sizes;
    if usize::try_from(config.max_message_size).is_ok_and(|limit| limit > 0 && limit < most) {
        let limit = config.max_message_size;
        let reason = format!("the stream `{name}` takes messages of {limit} bytes, and a row may have {most}");
        return Err(place.unfit(reason, format!("nats stream edit {name} --max-msg-size {}", most.next_power_of_two())));
    }
    if payload < most {
        let reason = format!("`{}` takes messages of {payload} bytes, and a row may have {most}", place.server);
        return Err(place.unfit(reason, "raise its `max_payload`, or ask for fewer columns"));
    }
    let mut notes = covered(config, wanted, schema, place)?;
    notes.extend(limits(info));
    Ok(notes)
}

/// How large messages are and may be, in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    /// The largest message of a row.
    pub most: usize,
    /// What the server takes.
    pub payload: usize,
}

fn fault(config: &Config) -> Option<&'static str> {
    if config.retention != RetentionPolicy::Limits {
        Some("deletes messages once they are read, so what was stored cannot be found out: `--retention limits`")
    } else if config.storage != StorageType::File {
        Some("is held in memory and would be gone after a restart: `--storage file`")
    } else if config.no_ack {
        Some("does not confirm messages (`no_ack`)")
    } else if config.persist_mode == Some(PersistenceMode::Async) {
        Some("confirms messages before it has written them (`persist_mode`)")
    } else if config.sealed || config.mirror.is_some() {
        Some("takes no messages: it is sealed or a mirror")
    } else if config.subject_transform.is_some() {
        Some("stores messages under other subjects (`subject_transform`)")
    } else if config.discard_new_per_subject {
        Some("takes no more rows of a series once it has some (`discard_new_per_subject`)")
    } else {
        None
    }
}

/// Whether rows have a place in the stream; a note for each signal that has none.
fn covered(config: &Config, wanted: &Wanted, schema: &RecordSchema, place: &Place) -> Result<Vec<String>, SinkError> {
    let subjects = schema.signals.iter().map(|s| wanted.template.of_signal(&schema.dag_name, &s.frame, &s.column));
    let none: Vec<String> = subjects.filter(|s| cover(&config.subjects, s) == Cover::None).collect();
    let (name, own) = (&config.name, &config.subjects);
    // A sink need not get every signal, so one with a place is enough.
    if none.len() == schema.signals.len()
        && let Some(first) = none.first()
    {
        let reason = format!("the stream `{name}` takes `{}`, and rows go to `{first}`", own.join(", "));
        let help = format!("nats stream edit {name} --subjects '{},{}'", own.join(","), wanted.template.all());
        return Err(place.unfit(reason, help));
    }
    Ok(none.into_iter().map(|s| format!("the stream `{name}` has no place for rows of `{s}`")).collect())
}

/// What limits mean for rows and their readers.
fn limits(info: &Info) -> Vec<String> {
    let (config, name) = (&info.config, &info.config.name);
    let mut notes = Vec::new();
    let limit = |n: i64| u64::try_from(n).ok().filter(|n| *n > 0);
    let bounds = [
        (limit(config.max_bytes), info.state.bytes, "bytes"),
        (limit(config.max_messages), info.state.messages, "messages"),
    ];
    for (most, has, what) in bounds {
        let Some(most) = most else { continue };
        notes.push(match config.discard {
            DiscardPolicy::New => format!(
                "the stream `{name}` has {has} of at most {most} {what} and takes no rows once it is full: they wait until \
                 there is space"
            ),
            DiscardPolicy::Old => {
                format!("the stream `{name}` drops its oldest rows beyond {most} {what}, read or not; it has {has}")
            }
        });
    }
    if !config.max_age.is_zero() {
        notes.push(format!(
            "the stream `{name}` drops rows after {} s, read or not: an outage that lasts longer can leave a row twice",
            config.max_age.as_secs()
        ));
    }
    notes
}

/// A message with this number is never the last of a subject. The server reads it as a signed number.
const NEVER: u64 = 1 << 62;

/// Makes sure that rows may be written, and that the server keeps to the condition they are written under: it has to
/// refuse a message whose condition cannot hold, so nothing is stored. Does nothing for a stream that takes some symbols
/// only.
pub(crate) async fn refuses(
    context: &Context,
    config: &Config,
    wanted: &Wanted,
    schema: &RecordSchema,
    place: &Place,
) -> Result<(), SinkError> {
    let all = |s: &&SignalName| {
        cover(&config.subjects, &wanted.template.of_signal(&schema.dag_name, &s.frame, &s.column)) == Cover::All
    };
    let Some(signal) = schema.signals.iter().find(all) else { return Ok(()) };
    // No symbol is empty: if the message were stored, no row would have its subject.
    let subject = wanted.template.subject(&schema.dag_name, &signal.frame, &signal.column, "");
    let message =
        PublishMessage::build().expected_stream(&wanted.name).expected_last_subject_sequence(NEVER).payload("".into());
    let answer = async { context.send_publish(subject.clone(), message).await?.await };
    match answer.await {
        Ok(_) => {
            let reason = format!("`{}` stores messages whose condition does not hold", place.server);
            Err(place.unfit(reason, "update the server: `nats-server` 2.10 or later"))
        }
        Err(e) if e.kind() == PublishErrorKind::WrongLastSequence => Ok(()),
        Err(e) => Err(place.not_stored(&e)),
    }
}
