//! Who is told of requests. Metrics and logs hang here; nothing waits for them.

use std::fmt;

/// What a request asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RequestKind {
    /// History.
    Klines,
    /// The venue's clock.
    Time,
    /// The list of symbols.
    Instruments,
    /// An archive file or its checksum.
    Archive,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RequestOutcome {
    /// With what was asked for.
    Ok,
    /// The venue said no.
    Refused,
    /// The answer is not what the venue documents, or too large.
    Unreadable,
    /// No answer.
    Network,
}

impl fmt::Display for RequestKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RequestKind::Klines => "klines",
            RequestKind::Time => "time",
            RequestKind::Instruments => "instruments",
            RequestKind::Archive => "archive",
        })
    }
}

impl fmt::Display for RequestOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RequestOutcome::Ok => "ok",
            RequestOutcome::Refused => "refused",
            RequestOutcome::Unreadable => "unreadable",
            RequestOutcome::Network => "network",
        })
    }
}

/// Is told of requests. Called on the task that asked: it must return at once.
pub trait Observe: Send + Sync {
    /// A request ended after so many real milliseconds, without the wait at the gate.
    fn request(&self, _kind: RequestKind, _ms: f64, _outcome: RequestOutcome) {}

    /// The venue's count of the weight used in the window, and the limit.
    fn used_weight(&self, _used: u32, _limit: u32) {}
}

/// Tells nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unobserved;

impl Observe for Unobserved {}
