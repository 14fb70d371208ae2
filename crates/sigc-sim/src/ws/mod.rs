//! The streams over WebSockets.
//!
//! [`session`] owns a connection. What a client may say and what it is answered is in [`binance`] and [`bybit`]; what
//! is sent unasked, and when, is in [`streams`]. Those three know no socket.

pub(crate) mod binance;
pub(crate) mod bybit;
pub(crate) mod session;
pub(crate) mod streams;

/// A message to a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Out {
    /// JSON, or what should be JSON.
    Text(String),
    /// Bytes in a binary frame.
    Binary(Vec<u8>),
    /// Bytes in a text frame that are no UTF-8.
    NoText(Vec<u8>),
}

/// What comes of a client's message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Reply {
    /// The answer, if there is one.
    pub answer: Option<String>,
    /// The connection is closed with 1008 and this reason.
    pub close: Option<&'static str>,
}

impl Reply {
    fn answer(text: String) -> Reply {
        Reply { answer: Some(text), close: None }
    }
}
