//! What an error means for the rows.

use async_nats::ConnectErrorKind;
use async_nats::jetstream::context::{PublishError, PublishErrorKind, RequestError, RequestErrorKind};
use async_nats::jetstream::{ErrorCode, errors};
use sigc_runtime::SinkError;
use std::error::Error as _;

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

    /// No connection.
    pub fn no_connection(&self, error: &async_nats::ConnectError) -> SinkError {
        let cause = error.source().map_or_else(String::new, |e| format!(": {e}"));
        let reason = format!("no connection to `{}`: {}{cause}", self.server, error.kind());
        match error.kind() {
            ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation => self.denied(
                format!("`{}` does not let this user in: {}", self.server, error.kind()),
                "check `user` and `password`, `token`, `nkey` or `credentials`",
            ),
            ConnectErrorKind::ServerParse => {
                self.denied("`url` cannot be read".to_owned(), "write `nats://HOST:4222`, several with commas between")
            }
            ConnectErrorKind::Tls => self.denied(
                reason,
                "make the server's certificate one that this machine trusts (`ca: PATH` names who signed it) and that is \
                 made out to the host of `url`; `tls: disable` does without TLS",
            ),
            _ => self.unavailable(reason, false),
        }
    }

    /// A request to the server's JetStream failed.
    pub fn no_answer(&self, error: &RequestError, unknown: bool) -> SinkError {
        match error.kind() {
            RequestErrorKind::NoResponders => self.unfit(
                format!("`{}` has no JetStream", self.server),
                "start it with `-js`, or enable JetStream for this account",
            ),
            kind => self.unavailable(format!("`{}` did not answer: {kind}", self.server), unknown),
        }
    }

    /// JetStream answered with an error.
    pub fn refused(&self, error: &errors::Error) -> SinkError {
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
        // No leader, no space, too many messages: somebody will see to it, and the rows wait.
        if error.code() >= 500 || code == ErrorCode::STREAM_STORE_FAILED {
            return self.unavailable(said, false);
        }
        self.denied(said, "look at the stream's limits and this user's permissions, then start the run again")
    }

    /// A message was not acknowledged.
    pub fn not_stored(&self, error: &PublishError) -> SinkError {
        if let Some(said) = error.source().and_then(|e| e.downcast_ref::<errors::Error>()) {
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
