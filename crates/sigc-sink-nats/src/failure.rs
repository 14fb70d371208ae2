//! What an error means for the rows.

use async_nats::jetstream::context::{PublishError, PublishErrorKind, RequestError, RequestErrorKind};
use async_nats::jetstream::{Error, ErrorCode};
use async_nats::{ConnectError, ConnectErrorKind};
use sigc_runtime::SinkError;
use std::error::Error as _;
use std::time::Duration;

const TLS_HELP: &str = "make the server's certificate one that this machine trusts (`ca: PATH` names who signed it) and that \
                        is made out to the host of `url`; `tls: disable` does without TLS";

/// Whether TLS could not be agreed upon: another attempt will not do better.
fn is_of_tls(error: &ConnectError) -> bool {
    let io = error.source().and_then(|e| e.downcast_ref::<std::io::Error>());
    io.and_then(std::io::Error::get_ref).is_some_and(|e| e.is::<async_nats::rustls::Error>())
}

/// Who failed.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// The sink, as messages name it.
    pub sink: String,
    /// The servers, without users and passwords.
    pub server: String,
}

impl Place {
    /// The server cannot be used now.
    pub fn unavailable(&self, reason: String, unknown: bool) -> SinkError {
        SinkError::Unavailable { sink: self.sink.clone(), reason, unknown }
    }

    /// The server refuses.
    pub fn denied(&self, reason: String, help: impl Into<String>) -> SinkError {
        SinkError::Denied { sink: self.sink.clone(), reason, help: help.into() }
    }

    /// The stream does not fit.
    pub fn unfit(&self, reason: String, help: impl Into<String>) -> SinkError {
        SinkError::Unfit { sink: self.sink.clone(), reason, help: help.into() }
    }

    /// No answer within the time that an attempt may take.
    pub fn silent(&self, limit: Duration, unknown: bool) -> SinkError {
        self.unavailable(format!("`{}` did not answer within {} ms", self.server, limit.as_millis()), unknown)
    }

    /// The server says that this user may not do something.
    pub fn forbidden(&self, said: &str) -> SinkError {
        self.denied(
            format!("`{}` says: {said}", self.server),
            "permit the user to publish to the rows' subjects, `$JS.API.STREAM.INFO.STREAM` and \
             `$JS.API.STREAM.MSG.GET.STREAM` (with `create`, `$JS.API.STREAM.CREATE.STREAM`), and to subscribe to `_INBOX.>`",
        )
    }

    /// No connection.
    pub fn no_connection(&self, error: &ConnectError) -> SinkError {
        let cause = error.source().map_or_else(String::new, |e| format!(": {e}"));
        let reason = format!("no connection to `{}`{cause}", self.server);
        match error.kind() {
            ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation => self.denied(
                format!("`{}` does not let this user in", self.server),
                "check `user` and `password`, `token`, `nkey` or `credentials`",
            ),
            ConnectErrorKind::Tls => self.denied(reason, TLS_HELP),
            // A certificate that is not trusted comes as an error of the connection.
            ConnectErrorKind::Io if is_of_tls(error) => self.denied(reason, TLS_HELP),
            kind if cause.is_empty() => self.unavailable(format!("{reason}: {kind}"), false),
            _ => self.unavailable(reason, false),
        }
    }

    /// A request to the server's JetStream failed.
    pub fn no_answer(&self, error: &RequestError) -> SinkError {
        match error.kind() {
            RequestErrorKind::NoResponders => self.unfit(
                format!("`{}` has no JetStream", self.server),
                "start it with `-js`, or enable JetStream for this account",
            ),
            kind => self.unavailable(format!("`{}` did not answer: {kind}", self.server), false),
        }
    }

    /// JetStream answered with an error.
    pub fn refused(&self, error: &Error) -> SinkError {
        let said = format!("`{}` says: {error}", self.server);
        let code = error.error_code();
        if code == ErrorCode::JETSTREAM_NOT_ENABLED || code == ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT {
            return self.unfit(said, "start the server with `-js`, or enable JetStream for this account");
        }
        if code == ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM {
            return self.denied(said, "raise the stream's `max_msg_size`, or ask for fewer columns");
        }
        if code == ErrorCode::STREAM_NOT_MATCH || code == ErrorCode::STREAM_NOT_FOUND {
            return self.unfit(said, "another stream takes these subjects, or this one is gone: `sigc check --online`");
        }
        if code == ErrorCode::STREAM_STORE_FAILED {
            return self.unavailable(
                format!("the stream is full or cannot be written, and the rows wait until there is space: {said}"),
                false,
            );
        }
        // No leader, no space on the disk, too much to do: somebody will see to it, and the rows wait.
        let busy =
            [ErrorCode::STREAM_TOO_MANY_REQUESTS, ErrorCode::CLUSTER_NOT_AVAILABLE, ErrorCode::INSUFFICIENT_RESOURCES];
        if error.code() >= 500 || busy.contains(&code) {
            return self.unavailable(said, false);
        }
        self.denied(said, "look at the stream's limits and this user's permissions, then start the run again")
    }

    /// A message was not acknowledged.
    pub fn not_stored(&self, error: &PublishError) -> SinkError {
        if let Some(said) = error.source().and_then(|e| e.downcast_ref::<Error>()) {
            return self.refused(said);
        }
        match error.kind() {
            PublishErrorKind::MaxPayloadExceeded => self.denied(
                "a row is larger than the server's `max_payload`".to_owned(),
                "ask for fewer columns, or raise `max_payload`",
            ),
            PublishErrorKind::StreamNotFound => self.unavailable(
                format!("no stream of `{}` takes the rows now: it is gone, or has no leader", self.server),
                true,
            ),
            kind => self.unavailable(format!("`{}` did not confirm: {kind}", self.server), true),
        }
    }
}
