//! The WebSocket under a link: how it is opened, written and closed, and what its faults mean.

use super::{EndKind, Ending};
use crate::net::http::CONNECT_MS;
use crate::pace::Pace;
use futures_util::stream::FusedStream;
use futures_util::{SinkExt, Stream, StreamExt};
use sigc_connectors::causes;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig, frame::coding::CloseCode};
use tokio_tungstenite::tungstenite::{Error, Message, error::ProtocolError};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

/// The largest message a venue may send. Klines have 400 bytes; the default of 64 MiB would be an invitation.
const MAX_MESSAGE: usize = 1 << 20;
/// Longest reason of a venue that is passed on, in characters.
const MAX_REASON: usize = 200;

/// An open socket.
pub(super) struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

/// A connection that stands.
pub(super) struct Connected(pub Socket);

/// Opens a connection: name, TCP, TLS and the handshake together within the limit.
pub(super) async fn connect(url: &str, pace: Pace) -> Result<Connected, Ending> {
    crate::net::init();
    let config = WebSocketConfig::default().max_message_size(Some(MAX_MESSAGE)).max_frame_size(Some(MAX_MESSAGE));
    // A bar is worth sending at once: no waiting for fuller packets.
    let opening = connect_async_with_config(url, Some(config), true);
    match timeout(pace.watch(CONNECT_MS), opening).await {
        Ok(Ok((socket, _))) => Ok(Connected(Socket(socket))),
        Ok(Err(Error::Http(answer))) => {
            let status = answer.status().as_u16();
            Err((EndKind::Denied(status), format!("the venue answered with status {status} instead of a stream"), None))
        }
        Ok(Err(e)) => Err((EndKind::NotConnected, format!("cannot connect: {}", causes(&e)), None)),
        Err(_) => Err((EndKind::NotConnected, "cannot connect: no answer in time".to_owned(), None)),
    }
}

impl Socket {
    /// Sends a message and everything queued before it. Interrupted, the message may be sent later or not at all.
    pub async fn write(&mut self, message: Message) -> Result<(), Error> {
        self.0.send(message).await
    }

    /// Sends what the protocol has queued: answers to pings.
    pub async fn flush(&mut self) -> Result<(), Error> {
        self.0.flush().await
    }

    /// Sends a farewell, unless the other side has, and waits for the end.
    pub async fn farewell(&mut self) {
        let frame = CloseFrame { code: CloseCode::Normal, reason: "".into() };
        let _ = self.0.close(Some(frame)).await;
        while let Some(Ok(_)) = self.0.next().await {}
    }
}

impl Stream for Socket {
    type Item = Result<Message, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.0.is_terminated() { Poll::Ready(None) } else { Pin::new(&mut self.0).poll_next(cx) }
    }
}

/// What the venue's farewell means.
pub(super) fn closed(frame: Option<CloseFrame>) -> Ending {
    let Some(CloseFrame { code, reason }) = frame else {
        // 1005: the protocol's number for a farewell without one.
        return (EndKind::Closed, "the venue closed the connection without a reason".to_owned(), Some(1005));
    };
    let code = u16::from(code);
    let said: String = reason.chars().filter(|c| !c.is_control()).take(MAX_REASON).collect();
    let meaning = match code {
        1000 => "done",
        1001 => "going away",
        1008 => "a rule was broken",
        1011 => "a fault of the venue",
        1012 | 64008 => "restart",
        1013 => "try later",
        _ => "",
    };
    let words = [meaning, said.as_str()].into_iter().filter(|w| !w.is_empty()).collect::<Vec<_>>().join(": ");
    let colon = if words.is_empty() { "" } else { ": " };
    (EndKind::Closed, format!("the venue closed the connection with {code}{colon}{words}"), Some(code))
}

/// What a fault of the socket means.
pub(super) fn lost(e: &Error) -> Ending {
    let words = causes(e);
    match e {
        Error::Capacity(_) => (EndKind::Malformed, format!("a message is too large: {words}"), Some(1009)),
        Error::Utf8(_) => (EndKind::Malformed, format!("a text frame that is no text: {words}"), Some(1007)),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
            (EndKind::Lost, "the connection ended without a farewell".to_owned(), Some(1006))
        }
        Error::Protocol(_) | Error::AttackAttempt => {
            (EndKind::Malformed, format!("a frame breaks the protocol: {words}"), Some(1002))
        }
        Error::ConnectionClosed | Error::AlreadyClosed => {
            (EndKind::Closed, "the venue closed the connection".to_owned(), None)
        }
        _ => (EndKind::Lost, format!("the connection broke: {words}"), Some(1006)),
    }
}
