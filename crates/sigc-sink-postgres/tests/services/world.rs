//! A server, a table, rows.

use sigc_catalog::{Args, Value};
use sigc_connectors::sinks::postgres::step::POSTGRES;
use sigc_market::{Symbol, Ts};
use sigc_runtime::{Opening, Record, RecordSchema, SignalName, Sink, SinkError};
use sigc_sink_postgres::DRIVER;
use sigc_testbed::Server;
use sigc_testbed::server::Kind;
use std::process::Command;

pub struct World {
    pub server: Server,
    _folder: tempfile::TempDir,
}

impl World {
    pub fn start() -> World {
        let folder = tempfile::tempdir().expect("a folder");
        World { server: Server::start(Kind::Postgres, folder.path()), _folder: folder }
    }

    /// Runs statements by `psql`; cells are separated by `|`.
    pub fn sql(&self, text: &str) -> String {
        let (host, port) = self.server.address().rsplit_once(':').map(|(h, p)| (h.to_owned(), p.to_owned())).expect("");
        let mut psql = Command::new("psql");
        psql.args(["-XqAt", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-h", &host, "-p", &port, "-c", text]);
        let out = psql.output().expect("psql runs");
        assert!(out.status.success(), "{text}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).expect("text").trim_end().to_owned()
    }

    pub fn args(&self, more: &[(&'static str, Value)]) -> Args {
        args(&self.server.address(), more)
    }

    pub fn open(&self, more: &[(&'static str, Value)]) -> Result<Box<dyn Sink>, SinkError> {
        open(&self.args(more), &schema())
    }
}

/// Checked arguments with the step's defaults.
pub fn args(address: &str, more: &[(&'static str, Value)]) -> Args {
    let mut args = Args::new();
    for spec in POSTGRES.info.specs() {
        if let Some(value) = spec.default.value() {
            args.insert(spec.name, value);
        }
    }
    args.insert("url", Value::Text(format!("postgres://postgres@{address}/postgres")));
    args.insert("table", Value::Text("signals".into()));
    for (name, value) in more {
        args.insert(name, value.clone());
    }
    args
}

pub fn open(args: &Args, schema: &RecordSchema) -> Result<Box<dyn Sink>, SinkError> {
    (DRIVER.open)(&Opening { args, schema, apart: None, may_spawn: false }).map(|o| o.sink)
}

pub fn probe(args: &Args, schema: &RecordSchema) -> Result<Vec<String>, SinkError> {
    (DRIVER.probe)(&Opening { args, schema, apart: None, may_spawn: false })
}

pub fn schema() -> RecordSchema {
    RecordSchema {
        dag_name: "it's \"d\"; drop table signals;--".into(),
        plan: "1f".into(),
        run_id: Some("run".into()),
        signals: vec![
            SignalName { is_event: false, frame: "f".into(), column: "p".into(), model: Some("models.linear".into()) },
            SignalName { is_event: true, frame: "f".into(), column: "low".into(), model: None },
        ],
        extra: vec!["rsi \"14\"".into()],
        marks: false,
    }
}

/// Odd bits: least and greatest doubles, -0, a sum that no decimal of 15 digits holds.
pub const ODD: [f64; 6] = [5e-324, f64::MAX, -0.0, 0.1 + 0.2, -f64::MIN_POSITIVE, 1.0 / 3.0];
pub const SYMBOLS: [&str; 3] = ["BTC/USDT", "A.B-C:1", "ETHUSDT"];

/// The row of a number: three symbols, a minute after another.
pub fn row(n: i64) -> Record {
    let minute = n / 3;
    Record {
        signal: u16::try_from(minute % 2).expect("small"),
        symbol: Symbol::new(SYMBOLS[usize::try_from(n % 3).expect("small")]).expect("a symbol"),
        ts: Ts((minute + 1) * 60_000),
        open_time: Ts(minute * 60_000),
        value: ODD[usize::try_from(n % 6).expect("small")],
        extra: vec![if n % 5 == 0 { sigc_market::NULL } else { n as f64 + 0.5 }],
        caught_up: false,
        latency_ms: (n % 4 != 0).then_some(n),
    }
}

pub fn rows(range: std::ops::Range<i64>) -> Vec<Record> {
    range.map(row).collect()
}

/// What a reader has to find for rows `0..n`: one line each, in order per symbol.
pub fn wanted(n: i64) -> Vec<String> {
    let mut lines: Vec<(String, i64, String)> = (0..n)
        .map(|i| {
            let r = row(i);
            let extra = if i % 5 == 0 { String::new() } else { format!("{:016x}", r.extra[0].to_bits()) };
            let line = format!("{}|{}|{:016x}|{extra}", r.symbol, r.ts.millis(), r.value.to_bits());
            (r.symbol.to_string(), r.ts.millis(), line)
        })
        .collect();
    lines.sort();
    lines.into_iter().map(|(_, _, line)| line).collect()
}

/// A reader's query, with the bits of the numbers.
pub const READ: &str = "SELECT symbol, (extract(epoch from ts) * 1000)::bigint, \
    encode(float8send(prediction), 'hex'), encode(float8send(\"rsi \"\"14\"\"\"), 'hex') FROM signals \
    ORDER BY symbol COLLATE \"C\", ts";

pub fn found(world: &World) -> Vec<String> {
    world.sql(READ).lines().map(str::to_owned).collect()
}

pub fn create() -> (&'static str, Value) {
    ("create", Value::Bool(true))
}
