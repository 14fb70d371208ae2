//! What the tests share: a small exchange, a WebSocket client, an HTTP client, and readers of what they get.

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use sigc_market::{Bar, Interval, Symbol, Ts};
use sigc_sim::{Config, Exchange, Running};
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// No test waits longer than this for anything.
pub const PATIENCE: Duration = Duration::from_secs(20);
pub const MINUTE: i64 = 60_000;
pub const HOUR: i64 = 60 * MINUTE;
pub const DAY: i64 = 24 * HOUR;

/// Two symbols with three days of history, at this speed.
pub fn config(speed: f64) -> Config {
    let mut config = Config::with_symbols(["BTCUSDT", "ETHUSDT"]);
    config.speed = speed;
    config.history_from = Some(Ts(config.start.0 - 3 * DAY));
    config
}

pub async fn start(config: Config) -> Running {
    Exchange::start(config).await.expect("a free port")
}

pub fn btc() -> Symbol {
    Symbol::new("BTCUSDT").expect("a symbol")
}

pub fn eth() -> Symbol {
    Symbol::new("ETHUSDT").expect("a symbol")
}

pub fn interval(text: &str) -> Interval {
    Interval::parse(text).expect("an interval")
}

/// The shared data beside the workspace; `None`, with a note, where it is absent. With SIGC_NEED_SHARED=1 it must be
/// there, so that no test passes for want of data.
#[expect(clippy::print_stdout, reason = "a skipped test says why")]
pub fn shared() -> Option<PathBuf> {
    let beside = |root: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join(root);
    if let Some(path) = ["../../../shared", "../../../../shared"].map(beside).into_iter().find(|p| p.is_dir()) {
        return Some(path);
    }
    assert!(std::env::var_os("SIGC_NEED_SHARED").is_none(), "SIGC_NEED_SHARED is set and ../shared is not there");
    println!("skipped: ../shared is not there");
    None
}

/// A WebSocket client.
pub struct Client(pub WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Client {
    pub async fn connect(url: &str) -> Client {
        let (socket, _) = timeout(PATIENCE, connect_async(url)).await.expect("in time").expect("a connection");
        Client(socket)
    }

    pub async fn say(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.expect("an open connection");
    }

    /// The next message, whatever it is.
    pub async fn next(&mut self) -> Option<Result<Message, Error>> {
        timeout(PATIENCE, self.0.next()).await.expect("a message in time")
    }

    /// The next JSON text; pings are answered on the way.
    pub async fn json(&mut self) -> Value {
        loop {
            match self.next().await {
                Some(Ok(Message::Text(text))) => return serde_json::from_str(&text).expect("JSON"),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("no text but {other:?}"),
            }
        }
    }

    /// The next JSON text that fits.
    pub async fn find(&mut self, mut fits: impl FnMut(&Value) -> bool) -> Value {
        loop {
            let value = self.json().await;
            if fits(&value) {
                return value;
            }
        }
    }

    /// Reads to the end: the code and reason of a close, or `None` where the connection just ended.
    pub async fn end(&mut self) -> Option<(u16, String)> {
        loop {
            match self.next().await {
                Some(Ok(Message::Close(frame))) => {
                    return frame.map(|f| (u16::from(f.code), f.reason.to_string()));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return None,
            }
        }
    }

    /// True if nothing but pings comes for this long.
    pub async fn is_silent(&mut self, for_ms: u64) -> bool {
        let heard = async {
            loop {
                match self.0.next().await {
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    _ => return,
                }
            }
        };
        timeout(Duration::from_millis(for_ms), heard).await.is_err()
    }
}

/// The closed bar of a Binance frame, raw or combined; `None` for any other message.
pub fn closed(frame: &Value) -> Option<Bar> {
    let data = frame.get("data").unwrap_or(frame);
    let k = data.get("k")?;
    k["x"].as_bool()?.then(|| of_k(k))
}

/// The bar of a frame's `k`.
pub fn of_k(k: &Value) -> Bar {
    let text = |name: &str| k[name].as_str().expect("text").parse::<f64>().expect("a number");
    let n = k["n"].as_i64().expect("a whole number") as f64;
    let values = [text("o"), text("h"), text("l"), text("c"), text("v"), text("q"), n, text("V"), text("Q")];
    Bar { open_time: Ts(k["t"].as_i64().expect("a time")), values }
}

/// The bar of a Binance REST row.
pub fn of_row(row: &Value) -> Bar {
    let text = |i: usize| row[i].as_str().expect("text").parse::<f64>().expect("a number");
    let n = row[8].as_i64().expect("a whole number") as f64;
    let values = [text(1), text(2), text(3), text(4), text(5), text(7), n, text(9), text(10)];
    Bar { open_time: Ts(row[0].as_i64().expect("a time")), values }
}

/// An HTTP client.
pub fn http() -> reqwest::Client {
    static CRYPTO: Once = Once::new();
    CRYPTO.call_once(|| {
        // Another test may have been first; either way there is one.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    });
    reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().expect("a client")
}

/// The JSON body of an answer, with its status.
pub async fn get(url: &str) -> (u16, Value) {
    let answer = http().get(url).send().await.expect("an answer");
    let status = answer.status().as_u16();
    let text = answer.text().await.expect("a body");
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}
