//! A server, a reader of its streams, rows.

use async_nats::jetstream::consumer::{DeliverPolicy, pull};
use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::{Config, Info};
use async_nats::jetstream::{self, Context};
use async_nats::{ConnectOptions, HeaderMap};
use futures_util::StreamExt;
use sigc_catalog::{Args, Value};
use sigc_market::{NULL, Symbol, Ts};
use sigc_runtime::{Opened, Opening, Record, RecordSchema, SignalName, Sink, SinkError};
use sigc_sink_nats::DRIVER;
use sigc_testbed::server::Kind;
use sigc_testbed::{Fault, Proxy, Server};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::runtime::Runtime;

/// 2025-01-01T00:00:00Z
pub const BEGIN: i64 = 1_735_689_600_000;
/// The window in which the server itself knows a message's id: so short that tests wait until it is over.
pub const WINDOW: Duration = Duration::from_millis(100);

pub fn schema() -> RecordSchema {
    let signal = |column: &str| SignalName {
        is_event: false,
        frame: "bars".into(),
        column: column.into(),
        model: Some("models.linear".into()),
    };
    RecordSchema {
        dag_name: "demo".into(),
        plan: "1f".into(),
        run_id: None,
        signals: vec![signal("score"), signal("other")],
        extra: vec!["rsi".into()],
        marks: true,
    }
}

pub const SYMBOLS: [&str; 5] = ["BTCUSDT", "ETHUSDT", "SOL/USDT:x", "A.B", "XRP_1"];

pub fn row(symbol: &str, minute: i64) -> Record {
    Record {
        signal: 0,
        symbol: Symbol::new(symbol).expect("a symbol"),
        ts: Ts(BEGIN + (minute + 1) * 60_000),
        open_time: Ts(BEGIN + minute * 60_000),
        value: value(minute),
        extra: vec![if minute % 3 == 0 { NULL } else { 0.5 }],
        caught_up: false,
        latency_ms: Some(3),
    }
}

/// A value that tells the minutes apart, with all digits a number can have.
pub fn value(minute: i64) -> f64 {
    (minute as f64 + 1.0) / 3.0
}

/// Rows of all symbols, `from` to `to` minutes after the beginning.
pub fn rows(from: i64, to: i64) -> Vec<Record> {
    (from..to).flat_map(|m| SYMBOLS.map(|s| row(s, m))).collect()
}

/// The sink's arguments: streams are `S`, addresses have no scheme.
pub fn args(address: &str, more: &[(&'static str, Value)]) -> Args {
    let mut args = Args::new();
    args.insert("url", Value::Text(format!("nats://{address}")));
    args.insert("stream", Value::Text("S".into()));
    args.insert("subject", Value::Text("signals.{dag_name}.{frame}.{column}.{symbol}".into()));
    args.insert("create", Value::Bool(false));
    args.insert("replicas", Value::Int(1));
    args.insert("timeout_ms", Value::Int(10_000));
    for (name, value) in more {
        args.insert(name, value.clone());
    }
    args
}

pub fn text(text: &str) -> Value {
    Value::Text(text.into())
}

pub fn try_open(args: &Args) -> Result<Opened, SinkError> {
    (DRIVER.open)(&Opening { args, schema: &schema(), apart: None, may_spawn: false })
}

pub fn probe(args: &Args) -> Result<Vec<String>, SinkError> {
    (DRIVER.probe)(&Opening { args, schema: &schema(), apart: None, may_spawn: false })
}

pub fn open(address: &str) -> Box<dyn Sink> {
    open_for(address, 10_000)
}

pub fn open_for(address: &str, timeout_ms: i64) -> Box<dyn Sink> {
    try_open(&args(address, &[("timeout_ms", Value::Int(timeout_ms))])).expect("opens").sink
}

/// The proxy looks at its fault every 20 ms: a connection that is open does not meet it before.
pub fn set(proxy: &Proxy, fault: Fault) {
    proxy.set(fault);
    std::thread::sleep(Duration::from_millis(60));
}

/// A server, and one who makes and reads streams.
pub struct World {
    pub server: Server,
    runtime: Runtime,
    context: Context,
    _folder: tempfile::TempDir,
}

impl World {
    pub fn start() -> World {
        World::start_with(&[], |options| options)
    }

    /// With more arguments for the server; `login` is for the one who makes and reads streams.
    pub fn start_with(arguments: &[&str], login: fn(ConnectOptions) -> ConnectOptions) -> World {
        let folder = tempfile::tempdir().expect("a folder");
        let server = Server::start_with(Kind::Nats, folder.path(), arguments);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("runs");
        let client = runtime.block_on(login(ConnectOptions::new()).connect(server.address())).expect("connects");
        let context = runtime.block_on(async { jetstream::new(client) });
        World { server, runtime, context, _folder: folder }
    }

    pub fn address(&self) -> String {
        self.server.address()
    }

    /// Makes the stream `S`, which fits, with the short window.
    pub fn stream(&self) {
        self.stream_with(|_| {});
    }

    pub fn stream_with(&self, change: impl FnOnce(&mut Config)) {
        let mut config = Config {
            name: "S".into(),
            subjects: vec!["signals.>".into()],
            duplicate_window: WINDOW,
            ..Config::default()
        };
        change(&mut config);
        // The folder of a stream of that name may still be on its way out.
        let mut made = None;
        for _ in 0..50 {
            made = Some(self.runtime.block_on(self.context.create_stream(&config)).map(|_| ()));
            if made.as_ref().is_some_and(Result::is_ok) {
                break;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        made.expect("tried").expect("makes the stream");
    }

    pub fn update(&self, change: impl FnOnce(&mut Config)) {
        let mut config = self.info().config;
        change(&mut config);
        self.runtime.block_on(self.context.update_stream(config)).expect("changes the stream");
    }

    pub fn exists(&self) -> bool {
        self.runtime.block_on(self.context.get_stream("S")).is_ok()
    }

    pub fn delete(&self) {
        self.runtime.block_on(self.context.delete_stream("S")).expect("deletes the stream");
    }

    pub fn info(&self) -> Info {
        // The reader's own connection comes back by itself after the server was down.
        let mut last = None;
        for _ in 0..100 {
            match self.runtime.block_on(self.context.get_stream("S")) {
                Ok(stream) => return stream.cached_info().clone(),
                Err(e) => last = Some(e),
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("no stream: {last:?}");
    }

    pub fn purge(&self, subject: &str) {
        let stream = self.runtime.block_on(self.context.get_stream("S")).expect("the stream");
        self.runtime.block_on(async { stream.purge().filter(subject).await }).expect("purges");
    }

    /// Publishes as anybody could; the server's answer.
    pub fn publish(&self, subject: &str, headers: HeaderMap, body: &[u8]) -> Result<(), String> {
        let (subject, body) = (subject.to_owned(), body.to_vec());
        self.runtime
            .block_on(async { self.context.publish_with_headers(subject, headers, body.into()).await?.await })
            .map(|_| ())
            .map_err(|e| e.to_string())
    }

    /// Publishes messages at once and waits for the answers.
    pub fn publish_all(&self, subject: &str, headers: &HeaderMap, body: &[u8], n: usize) {
        self.runtime.block_on(async {
            let mut answers = Vec::new();
            for _ in 0..n {
                let (headers, body) = (headers.clone(), body.to_vec().into());
                answers.push(self.context.publish_with_headers(subject.to_owned(), headers, body).await.expect("sent"));
            }
            for answer in answers {
                answer.await.expect("taken");
            }
        });
    }

    pub fn message(&self, sequence: u64) -> StreamMessage {
        let stream = self.runtime.block_on(self.context.get_stream("S")).expect("the stream");
        self.runtime.block_on(stream.get_raw_message(sequence)).expect("a message")
    }

    /// What a reader of the stream gets, by subject: labels in minutes and values, in the order they come.
    pub fn read(&self) -> BTreeMap<String, Vec<(i64, f64)>> {
        let count = self.info().state.messages;
        let stream = self.runtime.block_on(self.context.get_stream("S")).expect("the stream");
        let config = pull::OrderedConfig { deliver_policy: DeliverPolicy::All, ..Default::default() };
        let mut found: BTreeMap<String, Vec<(i64, f64)>> = BTreeMap::new();
        self.runtime.block_on(async {
            let consumer = stream.create_consumer(config).await.expect("a consumer");
            let mut messages = consumer.messages().await.expect("messages");
            for _ in 0..count {
                let next = tokio::time::timeout(Duration::from_secs(30), messages.next()).await.expect("in time");
                let message = next.expect("a message").expect("no error");
                let body: serde_json::Value = serde_json::from_slice(&message.payload).unwrap_or_default();
                let Some(prediction) = body["prediction"].as_f64() else { continue };
                let ts: i64 = message
                    .headers
                    .as_ref()
                    .and_then(|h| h.get("Sigc-Ts"))
                    .map_or(0, |v| v.as_str().parse().expect("a number"));
                found.entry(message.subject.to_string()).or_default().push(((ts - BEGIN) / 60_000 - 1, prediction));
            }
        });
        found
    }

    /// A reader gets every row of these minutes of all symbols once and in order, and no other.
    pub fn has(&self, from: i64, to: i64) {
        let found = self.read();
        assert_eq!(found.len(), SYMBOLS.len(), "{:?}", found.keys());
        let wanted: Vec<(i64, u64)> = (from..to).map(|m| (m, value(m).to_bits())).collect();
        for (subject, rows) in found {
            let rows: Vec<(i64, u64)> = rows.into_iter().map(|(m, x)| (m, x.to_bits())).collect();
            assert_eq!(rows, wanted, "{subject}");
        }
    }
}
