//! Servers, rows, and sinks opened as the program opens them.

use sigc_catalog::{Args, Value};
use sigc_market::{Symbol, Ts};
use sigc_runtime::{Driver, Opening, Record, RecordSchema, SignalName, Sink};
use sigc_testbed::Server;
use sigc_testbed::server::Kind;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};

/// The sinks, by their short names.
pub const KINDS: [&str; 9] =
    ["csv_append", "jsonl", "parquet", "process", "clickhouse", "dynamodb", "nats", "postgres", "webhook"];

/// What rows are put into.
pub struct World {
    pub clickhouse: Server,
    pub dynamodb: Server,
    pub nats: Server,
    pub postgres: Server,
    receiver: String,
    folder: tempfile::TempDir,
}

impl World {
    pub fn start() -> World {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let start = |kind| Server::start(kind, folder.path());
        World {
            clickhouse: start(Kind::ClickHouse),
            dynamodb: start(Kind::DynamoDb),
            nats: start(Kind::Nats),
            postgres: start(Kind::Postgres),
            receiver: receiver(),
            folder,
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A sink that writes to a table, file or subject of this name, which is new.
    pub fn open(&self, kind: &str, name: &str) -> Box<dyn Sink> {
        let text = |t: &str| Value::Text(t.to_owned());
        let path = |end: &str| text(&self.path(&format!("{name}{end}")).display().to_string());
        let create = ("create", Value::Bool(true));
        let (driver, args): (&Driver, Vec<(&'static str, Value)>) = match kind {
            "csv_append" => (&sigc_connectors::sinks::csv_append::DRIVER, vec![("path", path(".csv"))]),
            "jsonl" => (&sigc_connectors::sinks::jsonl::DRIVER, vec![("path", path(".jsonl"))]),
            "parquet" => (&sigc_connectors::sinks::parquet::DRIVER, vec![("path", path(""))]),
            "process" => {
                let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/process/sink.py");
                let command =
                    ["python3".to_owned(), script.display().to_string(), self.path(name).display().to_string()];
                (&sigc_connectors::sinks::process::DRIVER, vec![("command", Value::Texts(command.to_vec()))])
            }
            "clickhouse" => {
                let url = format!("http://{}", self.clickhouse.address());
                (&sigc_sink_http::clickhouse::DRIVER, vec![("url", text(&url)), ("table", text(name)), create])
            }
            "dynamodb" => {
                let url = format!("http://{}", self.dynamodb.address());
                let keys = [("access_key_id", text("bench")), ("secret_access_key", text("bench"))];
                let place =
                    [("endpoint_url", text(&url)), ("region", text("eu-central-1")), ("table", text(name)), create];
                (&sigc_sink_dynamodb::DRIVER, [&keys[..], &place[..]].concat())
            }
            "nats" => {
                let url = format!("nats://{}", self.nats.address());
                let subject = format!("{name}.{{dag_name}}.{{frame}}.{{column}}.{{symbol}}");
                let args = vec![("url", text(&url)), ("stream", text(name)), ("subject", text(&subject)), create];
                (&sigc_sink_nats::DRIVER, args)
            }
            "postgres" => {
                let url = format!("postgres://postgres@{}/postgres", self.postgres.address());
                (&sigc_sink_postgres::DRIVER, vec![("url", text(&url)), ("table", text(name)), create])
            }
            _ => {
                let url = format!("http://{}/rows", self.receiver);
                (&sigc_sink_http::webhook::DRIVER, vec![("url", text(&url)), ("format", text("array"))])
            }
        };
        let mut all = Args::new();
        for spec in driver.step.info.specs() {
            if let Some(value) = spec.default.value() {
                all.insert(spec.name, value);
            }
        }
        for (name, value) in args {
            all.insert(name, value);
        }
        let schema = schema();
        let opening = Opening { args: &all, schema: &schema, apart: None, may_spawn: true };
        (driver.open)(&opening).unwrap_or_else(|e| panic!("{kind}: {e}\n{}", e.help())).sink
    }
}

/// What the records of the benchmark are.
pub fn schema() -> RecordSchema {
    RecordSchema {
        dag_name: "bench".into(),
        plan: "1f".into(),
        run_id: Some("run".into()),
        signals: vec![SignalName {
            is_event: false,
            frame: "ohlcv".into(),
            column: "score".into(),
            model: Some("models.linear".into()),
        }],
        extra: vec!["rsi_14".into()],
        marks: false,
    }
}

/// Rows of ten symbols, a minute after another.
pub fn rows(n: usize) -> Vec<Record> {
    let row = |i: usize| {
        let (minute, symbol) = ((i / 10) as i64, format!("SYM{}USDT", i % 10));
        Record {
            signal: 0,
            symbol: Symbol::new(&symbol).expect("a symbol"),
            ts: Ts(1_766_754_000_000 + (minute + 1) * 60_000),
            open_time: Ts(1_766_754_000_000 + minute * 60_000),
            value: i as f64 / 3.0,
            extra: vec![50.0 + (i % 40) as f64 / 7.0],
            caught_up: false,
            latency_ms: Some(3),
        }
    };
    (0..n).map(row).collect()
}

/// A receiver of webhooks that answers everything with 200 and keeps nothing.
fn receiver() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            std::thread::spawn(move || answer(client));
        }
    });
    address
}

fn answer(client: TcpStream) -> Option<()> {
    client.set_nodelay(true).ok()?;
    let mut reader = BufReader::new(client.try_clone().ok()?);
    let mut writer = client;
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
            match line.trim_end().to_ascii_lowercase().split_once(':') {
                Some(("content-length", n)) => length = n.trim().parse().ok()?,
                Some(_) => {}
                None if line.trim_end().is_empty() => break,
                None => {}
            }
        }
        reader.read_exact(&mut vec![0; length]).ok()?;
        writer.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").ok()?;
    }
}
