//! What a stream is, and whether it keeps rows as they have to be kept.

use crate::failure::Place;
use async_nats::jetstream::context::{Context, GetStreamErrorKind};
use async_nats::jetstream::stream::{Config, RetentionPolicy, StorageType};
use async_nats::jetstream::{ErrorCode, stream::Stream};
use sigc_connectors::sinks::nats::subject::{Cover, Template, cover};
use sigc_runtime::{RecordSchema, SinkError};
use std::error::Error as _;
use std::time::Duration;

/// What the stream has to be.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub name: String,
    pub template: Template,
    pub window: Duration,
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
            duplicate_window: self.window,
            max_bytes: -1,
            max_messages: -1,
            max_messages_per_subject: -1,
            ..Config::default()
        }
    }

    /// The command that makes it.
    pub fn command(&self) -> String {
        format!(
            "nats stream add {} --subjects '{}' --storage file --retention limits --replicas {} --dupe-window {}s \
             --defaults",
            self.name,
            self.template.all(),
            self.replicas,
            self.window.as_secs()
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
            kind => match error.source().and_then(|e| e.downcast_ref::<async_nats::RequestError>()) {
                Some(e) => Err(place.no_answer(e, false)),
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

/// What keeps the stream from holding every row, once and in order, as long as it is needed.
pub(crate) fn check(config: &Config, wanted: &Wanted, schema: &RecordSchema, place: &Place) -> Result<(), SinkError> {
    let name = &config.name;
    let fault = if config.retention != RetentionPolicy::Limits {
        Some("deletes messages once they are read, so what was stored cannot be found out: `--retention limits`")
    } else if config.storage != StorageType::File {
        Some("is held in memory and would be gone after a restart: `--storage file`")
    } else if config.no_ack {
        Some("does not confirm messages (`no_ack`)")
    } else if config.sealed || config.mirror.is_some() {
        Some("takes no messages: it is sealed or a mirror")
    } else if config.subject_transform.is_some() {
        Some("stores messages under other subjects (`subject_transform`)")
    } else {
        None
    };
    if let Some(fault) = fault {
        let reason = format!("the stream `{name}` {fault}");
        return Err(place.unfit(reason, format!("a stream that fits:\n{}", wanted.command())));
    }
    if config.duplicate_window < wanted.window {
        let (has, wants) = (config.duplicate_window.as_secs_f64(), wanted.window.as_secs());
        let reason = format!("the stream `{name}` knows a message id for {has} s, and {wants} s are asked for");
        return Err(place.unfit(reason, format!("nats stream edit {name} --dupe-window {wants}s")));
    }
    for signal in &schema.signals {
        let subjects = wanted.template.of_signal(&schema.dag_name, &signal.frame, &signal.column);
        if cover(&config.subjects, &subjects) == Cover::None {
            let own = config.subjects.join(", ");
            let reason = format!("the stream `{name}` takes `{own}`, and rows go to `{subjects}`");
            let help = format!("nats stream edit {name} --subjects '{own},{}'", wanted.template.all());
            return Err(place.unfit(reason, help));
        }
    }
    Ok(())
}
