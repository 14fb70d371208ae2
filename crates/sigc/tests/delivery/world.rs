//! An exchange, a pipeline with a sink of every kind, and what their readers see.

use crate::exchange::{Exchange, end, linear_pipeline, sigc, signal, tail, truth};
use crate::service::{Service, python};
use sigc_testbed::Fault;
use sigc_testbed::server::Kind;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::str::FromStr;
use std::time::Duration;

/// A minute in a fifth of a second, an hour in twelve.
pub const SPEED: &str = "300";
const SYMBOLS: [&str; 3] = ["BTCUSDT", "ETHUSDT", "SOLUSDT"];

/// A row as a reader sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub symbol: String,
    pub ts: i64,
    /// The double's bits, in hex.
    pub value: String,
}

/// Where a sink keeps its rows.
struct Place {
    kind: &'static str,
    /// The order in which rows were stored can be read.
    ordered: bool,
    /// The path below the folder, unless a service has them.
    file: Option<&'static str>,
}

const fn file(kind: &'static str, path: &'static str) -> Place {
    Place { kind, ordered: true, file: Some(path) }
}

const fn service(kind: &'static str, ordered: bool) -> Place {
    Place { kind, ordered, file: None }
}

const PLACES: [Place; 9] = [
    file("csv_append", "sigc-simulated/rows.csv"),
    file("jsonl", "sigc-simulated/rows.jsonl"),
    file("parquet", "sigc-simulated/parts"),
    file("process", "process.sqlite"),
    service("clickhouse", false),
    service("dynamodb", false),
    service("nats", true),
    service("postgres", true),
    service("webhook", true),
];

pub struct World {
    pub services: Vec<Service>,
    exchange: Option<Exchange>,
    folder: tempfile::TempDir,
}

impl World {
    /// Starts everything but the run.
    pub fn start(faults: &str) -> World {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let path = folder.path();
        let services = vec![
            Service::server("clickhouse", Kind::ClickHouse, path, 11),
            Service::server("dynamodb", Kind::DynamoDb, path, 12),
            Service::server("nats", Kind::Nats, path, 13),
            Service::server("postgres", Kind::Postgres, path, 14),
            Service::receiver(path, 15),
        ];
        let world = World { services, exchange: None, folder };
        world.make_table();
        world.write_pipeline();
        let exchange = Exchange::open(
            world.path(),
            &["--symbols", &SYMBOLS.join(","), "--speed", SPEED, "--history-days", "2", "--faults", faults],
        );
        World { exchange: Some(exchange), ..world }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn service(&self, kind: &str) -> &Service {
        self.services.iter().find(|s| s.kind == kind).expect("a service")
    }

    /// Every kind of sink.
    pub fn kinds() -> impl Iterator<Item = &'static str> {
        PLACES.iter().map(|p| p.kind)
    }

    /// PostgreSQL tells in which order rows came only if a column counts them.
    fn make_table(&self) {
        self.psql(
            "CREATE TABLE rows (symbol text NOT NULL, ts timestamptz NOT NULL, prediction float8 NOT NULL, \
             dag_name text, frame text, \"column\" text, rsi_5 float8, stored bigserial, \
             PRIMARY KEY (dag_name, frame, \"column\", symbol, ts))",
        );
    }

    /// Runs a statement on PostgreSQL.
    pub fn psql(&self, statement: &str) {
        let address = self.service("postgres").reader();
        let (host, port) = address.split_once(':').expect("HOST:PORT");
        let args = ["-Xq", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-h", host, "-p", port, "-c", statement];
        assert!(Command::new("psql").args(args).status().is_ok_and(|s| s.success()), "{statement}");
    }

    fn write_pipeline(&self) {
        let at = |kind: &str| self.service(kind).proxy.address();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/process/sink.py");
        std::fs::write(self.path().join("key"), "key-of-a-test").expect("the folder is ours");
        let mut sinks = String::new();
        let mut sink = |name: &str, params: &str| {
            let more = "columns: [rsi_5]";
            let _ = write!(sinks, "    - using: sinks.{name}\n      params: {{{params}}}\n      {more}\n");
        };
        sink("csv_append", "path: rows.csv, dedup_key: [ts, symbol]");
        sink("jsonl", "path: rows.jsonl, dedup_key: [ts, symbol]");
        sink("parquet", "path: parts, roll_minutes: 2");
        sink("process", &format!("command: [python3, {}, process.sqlite]", script.display()));
        let limits = "timeout_ms: 3000";
        sink("clickhouse", &format!("url: 'http://{}', table: rows, create: true, {limits}", at("clickhouse")));
        let keys = "access_key_id: '${file.key}', secret_access_key: '${file.key}', region: eu-central-1";
        let url = at("dynamodb");
        sink("dynamodb", &format!("table: rows, create: true, endpoint_url: 'http://{url}', {keys}, {limits}"));
        sink("nats", &format!("url: 'nats://{}', stream: rows, create: true, {limits}", at("nats")));
        let url = format!("postgres://postgres@{}/postgres", at("postgres"));
        sink("postgres", &format!("url: '{url}', table: rows, {limits}"));
        sink("webhook", &format!("url: 'http://{}/rows', format: array, {limits}", at("webhook")));
        self.write(&sinks);
    }

    /// Writes the pipeline with other sinks.
    pub fn write(&self, sinks: &str) {
        let symbols = SYMBOLS.map(str::to_owned).to_vec();
        let file = self.path().join(linear_pipeline(self.path(), &symbols, "1m"));
        let text = std::fs::read_to_string(&file).expect("just written");
        let (head, rest) = text.split_once("  on_prediction:\n").expect("sinks");
        let (_, rest) = rest.split_once("pipeline:\n").expect("steps");
        std::fs::write(file, format!("{head}  on_prediction:\n{sinks}pipeline:\n{rest}")).expect("the folder is ours");
    }

    /// Starts a life of the run.
    pub fn run(&self) -> Child {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.log()).expect("a log");
        let exchange = &self.exchange.as_ref().expect("open").addr;
        sigc(self.path())
            .args(["run", "pipeline.yaml", "--exchange", exchange, "--speed", SPEED, "--state", "state"])
            .args(["--to-real-sinks", "--allow-process"])
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the run starts")
    }

    /// Ends a life in order.
    pub fn stop(&self, run: Child) {
        signal(&run, "INT");
        end(self.path(), run, Duration::from_secs(90));
    }

    fn log(&self) -> PathBuf {
        self.path().join("run.log")
    }

    /// The last lines that lives of the run have said.
    pub fn said(&self) -> String {
        tail(&std::fs::read_to_string(self.log()).unwrap_or_default())
    }

    /// Every service can be reached again.
    pub fn heal(&self) {
        self.services.iter().for_each(|s| s.proxy.set(Fault::None));
    }

    /// The rows of a sink, by its own kind of client.
    pub fn read(&self, kind: &str) -> Vec<Row> {
        let place = PLACES.iter().find(|p| p.kind == kind).expect("a kind of sink");
        let at = match place.file {
            Some(path) => self.path().join(path).display().to_string(),
            None => self.service(kind).reader(),
        };
        read(kind, &at, "rows")
    }

    /// The newest label in a sink.
    pub fn newest(&self, kind: &str) -> i64 {
        self.read(kind).iter().map(|r| r.ts).max().unwrap_or(i64::MIN)
    }

    /// Closes the exchange and compares: every sink has every row of the truth once, and in order where it has one. Gives
    /// how many.
    pub fn compare(mut self, kinds: &[&str]) -> usize {
        self.exchange.take().expect("open").close();
        // Symbols may be one bar apart when a run ends: what is compared ends where all have their row.
        let mut newest: BTreeMap<String, i64> = BTreeMap::new();
        for row in self.read(kinds[0]) {
            let n = newest.entry(row.symbol).or_insert(row.ts);
            *n = row.ts.max(*n);
        }
        assert_eq!(newest.len(), SYMBOLS.len());
        let until = newest.into_values().min().expect("rows");
        let until_text = jiff::Timestamp::from_millisecond(until).expect("an instant").to_string();
        let wanted: BTreeMap<(String, i64), String> = truth(self.path(), "pipeline.yaml", "score", "1m", &until_text)
            .into_iter()
            .map(|((symbol, ts), value)| {
                let ts = jiff::Timestamp::from_str(&ts).expect("ISO 8601").as_millisecond();
                let value: f64 = value.parse().expect("a number");
                ((symbol, ts), format!("{:016x}", value.to_bits()))
            })
            .collect();
        for kind in kinds {
            let rows = self.read(kind);
            let n = rows.len();
            if PLACES.iter().any(|p| p.kind == *kind && p.ordered) {
                let mut last: BTreeMap<&str, i64> = BTreeMap::new();
                for row in &rows {
                    let before = last.insert(&row.symbol, row.ts);
                    assert!(before.is_none_or(|b| b < row.ts), "{kind}: {row:?} behind {before:?}");
                }
            }
            let found: BTreeMap<(String, i64), String> =
                rows.into_iter().map(|r| ((r.symbol, r.ts), r.value)).collect();
            assert_eq!(found.len(), n, "{kind}: a row is there twice");
            let missing: Vec<_> = wanted.keys().filter(|k| !found.contains_key(*k)).collect();
            let extra: Vec<_> = found.keys().filter(|k| k.1 <= until && !wanted.contains_key(*k)).collect();
            assert!(
                missing.is_empty() && extra.is_empty(),
                "{kind}: of {} rows {} are missing, such as {:?}; {} are too many, such as {:?}\n{}",
                wanted.len(),
                missing.len(),
                missing.first(),
                extra.len(),
                extra.first(),
                self.said()
            );
            let wrong = wanted.iter().find(|(k, v)| found[*k] != **v);
            assert_eq!(wrong, None, "{kind}");
        }
        wanted.len()
    }
}

/// The rows of a table, stream or file by a client of its own.
pub fn read(kind: &str, at: &str, name: &str) -> Vec<Row> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/delivery/read.py");
    let out = Command::new(python()).arg(script).args([kind, at, name]).output().expect("python starts");
    assert!(out.status.success(), "{kind}: {}", String::from_utf8_lossy(&out.stderr));
    let text = String::from_utf8(out.stdout).expect("text");
    let row = |line: &str| {
        let mut words = line.split(' ').map(str::to_owned);
        let mut word = || words.next().expect("three words");
        Row { symbol: word(), ts: word().parse().expect("milliseconds"), value: word() }
    };
    text.lines().map(row).collect()
}
