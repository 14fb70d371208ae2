//! The other end of a link: a WebSocket server that does what a test says.

use futures_util::{SinkExt, StreamExt};
use std::future::Future;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, accept_async};

pub type Peer = WebSocketStream<TcpStream>;

/// Accepts one connection and runs `script` on it; gives the base address.
pub async fn serve<F, T>(script: impl FnOnce(Peer) -> F + Send + 'static) -> (String, JoinHandle<T>)
where
    F: Future<Output = T> + Send,
    T: Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let base = format!("ws://{}", listener.local_addr().expect("bound"));
    let task = tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.expect("a connection");
        script(accept_async(tcp).await.expect("a handshake")).await
    });
    (base, task)
}

/// The next text message; panics at the end of the connection.
pub async fn text(peer: &mut Peer) -> String {
    loop {
        match peer.next().await.expect("the link is there").expect("a message") {
            Message::Text(text) => return text.to_string(),
            Message::Ping(_) | Message::Pong(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

pub async fn say(peer: &mut Peer, text: impl Into<String>) {
    peer.send(Message::text(text.into())).await.expect("the link takes it");
}

/// Reads until the other side is gone.
pub async fn drain(peer: &mut Peer) {
    while let Some(Ok(_)) = peer.next().await {}
}

/// A frame of a minute bar: minute `k` since the epoch.
pub fn minute(symbol: &str, k: i64, closed: bool) -> String {
    let (t, last) = (k * 60_000, k * 60_000 + 59_999);
    let lower = symbol.to_lowercase();
    format!(
        r#"{{"stream":"{lower}@kline_1m","data":{{"e":"kline","E":{last},"s":"{symbol}","k":{{"t":{t},"T":{last},"s":"{symbol}","i":"1m","f":1,"L":2,"o":"1.5","c":"1.5","h":"2","l":"1","v":"10","n":3,"x":{closed},"q":"15","V":"5","Q":"7.5","B":"0"}}}}}}"#
    )
}
