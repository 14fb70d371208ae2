//! What an error of the service means for the rows.

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use sigc_runtime::SinkError;
use std::error::Error;
use std::io;

/// The kinds of answers, by what helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Later attempts may work, and nothing was stored.
    Busy,
    /// Later attempts may work; the row may be stored.
    Unknown,
    /// New credentials may work.
    Expired,
    /// This user may not do that.
    Denied,
    /// There is no such table.
    NoTable,
    /// The service will never take this.
    Refused,
}

/// By the code of an answer and its HTTP status.
pub fn kind(code: &str, status: u16) -> Kind {
    match code {
        "ProvisionedThroughputExceededException"
        | "ThrottlingException"
        | "Throttling"
        | "RequestLimitExceeded"
        | "LimitExceededException"
        | "TransactionConflictException"
        | "TransactionInProgressException"
        | "ReplicatedWriteConflictException"
        | "ResourceInUseException" => Kind::Busy,
        "ExpiredTokenException" | "ExpiredToken" | "RequestExpired" => Kind::Expired,
        "AccessDeniedException"
        | "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "IncompleteSignatureException"
        | "IncompleteSignature"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "OptInRequired" => Kind::Denied,
        "ResourceNotFoundException" | "TableNotFoundException" => Kind::NoTable,
        _ if status == 429 || status == 503 => Kind::Busy,
        _ if status >= 500 => Kind::Unknown,
        _ => Kind::Refused,
    }
}

/// An error of a request as a sink's error. `own_keys` says whether the pipeline gave an access key.
pub fn sink_error<E>(sink: &str, error: &SdkError<E, HttpResponse>, own_keys: bool) -> SinkError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let sink = sink.to_owned();
    match error {
        SdkError::ServiceError(answer) => {
            let code = answer.err().code().unwrap_or("an error without a code");
            let said = match answer.err().message() {
                Some(message) => format!("{code}: {message}"),
                None => code.to_owned(),
            };
            answered(sink, kind(code, answer.raw().status().as_u16()), said, own_keys)
        }
        SdkError::TimeoutError(_) => SinkError::Unavailable { sink, reason: "no answer in time".into(), unknown: true },
        SdkError::ResponseError(_) => SinkError::Unavailable {
            sink,
            reason: "the answer was broken off or is none of DynamoDB".into(),
            unknown: true,
        },
        SdkError::DispatchFailure(failure) if failure.is_user() => {
            let reason = root(error);
            SinkError::Denied { sink, reason, help: "check `endpoint_url` and `region`".into() }
        }
        other => {
            let reason = root(other);
            if reason.contains("credentials") {
                return no_credentials(&sink, &reason);
            }
            SinkError::Unavailable { sink, reason, unknown: !refused(other) }
        }
    }
}

fn answered(sink: String, kind: Kind, reason: String, own_keys: bool) -> SinkError {
    match kind {
        Kind::Busy => SinkError::Unavailable { sink, reason, unknown: false },
        Kind::Unknown => SinkError::Unavailable { sink, reason, unknown: true },
        // Those of the environment are fetched anew.
        Kind::Expired if !own_keys => SinkError::Unavailable { sink, reason, unknown: false },
        Kind::Expired => SinkError::Denied { sink, reason, help: "give the run a fresh access key and start it again".into() },
        Kind::Denied => SinkError::Denied {
            sink,
            reason,
            help: "check the credentials and the region; the user needs dynamodb:DescribeTable and dynamodb:PutItem on the \
                   table"
                .into(),
        },
        Kind::NoTable => SinkError::Unfit {
            sink,
            reason,
            help: "the table is gone: make it again; `sigc check --online` prints the command".into(),
        },
        Kind::Refused => SinkError::Denied {
            sink,
            reason,
            help: "the service will not take these rows as they are; `sigc check --online` compares the table with them"
                .into(),
        },
    }
}

/// No credentials were found.
pub fn no_credentials(sink: &str, reason: &str) -> SinkError {
    SinkError::Denied {
        sink: sink.to_owned(),
        reason: format!("no AWS credentials: {reason}"),
        help: "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, name a `profile`, or give `access_key_id` and \
               `secret_access_key`"
            .into(),
    }
}

/// The innermost cause: "Connection refused (os error 111)". The outer ones name addresses.
fn root(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// True if nobody took the connection: then nothing was stored.
fn refused(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(e) = cause {
        if e.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::ConnectionRefused) {
            return true;
        }
        cause = e.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use sigc_runtime::live::outbox::Failure;

    /// Codes and what to do with them, from the service's documentation.
    #[test]
    fn answers_mean_what_the_service_says() {
        for (code, status, failure) in [
            ("ProvisionedThroughputExceededException", 400, Failure::Retryable),
            ("ThrottlingException", 400, Failure::Retryable),
            ("RequestLimitExceeded", 400, Failure::Retryable),
            ("TransactionConflictException", 400, Failure::Retryable),
            ("ReplicatedWriteConflictException", 400, Failure::Retryable),
            ("InternalServerError", 500, Failure::Unknown),
            ("ServiceUnavailable", 503, Failure::Retryable),
            ("AccessDeniedException", 400, Failure::Refused),
            ("UnrecognizedClientException", 400, Failure::Refused),
            ("ValidationException", 400, Failure::Refused),
            ("ResourceNotFoundException", 400, Failure::Refused),
            ("ItemCollectionSizeLimitExceededException", 400, Failure::Refused),
        ] {
            let error = answered("s".into(), kind(code, status), code.into(), true);
            assert_eq!(error.failure(), failure, "{code}");
            assert!(!error.help().is_empty());
        }
        let expired = |own| answered("s".into(), kind("ExpiredTokenException", 400), String::new(), own).failure();
        assert_eq!(expired(false), Failure::Retryable);
        assert_eq!(expired(true), Failure::Refused);
    }
}
