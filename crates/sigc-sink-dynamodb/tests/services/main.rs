//! The sink against a DynamoDB (moto) through a network that fails. Start by `.ci/services`.

mod fake;

use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::types::{AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType};
use aws_sdk_dynamodb::{Client, Config};
use sigc_catalog::{Args, Value};
use sigc_connectors::sinks::dynamodb::step::DYNAMODB;
use sigc_market::{NULL, Symbol, Ts};
use sigc_runtime::live::outbox::Failure;
use sigc_runtime::{Opening, Record, RecordSchema, SignalName, Sink, SinkError, Written};
use sigc_sink_dynamodb::{DRIVER, DynamoDb};
use sigc_testbed::server::{Kind, Server};
use sigc_testbed::{Fault, Proxy};
use std::collections::BTreeMap;
use std::time::Instant;

fn schema() -> RecordSchema {
    RecordSchema {
        dag_name: "live".into(),
        plan: "1f".into(),
        run_id: Some("r1".into()),
        signals: vec![SignalName { is_event: false, frame: "ohlcv".into(), column: "score".into(), model: None }],
        extra: vec!["rsi".into()],
        marks: false,
    }
}

fn row(i: i64, symbol: &str) -> Record {
    // Values of every size, some beyond the service's numbers.
    let value = [0.1, -1.0 / 3.0, 107_207.2, 1e300, 5e-324, -1e-130, 1.5][i as usize % 7] * (1.0 + i as f64);
    let ts = Ts(1_766_754_000_000 + i * 60_000);
    Record {
        signal: 0,
        symbol: Symbol::new(symbol).expect("a symbol"),
        ts,
        open_time: Ts(ts.0 - 60_000),
        value,
        extra: vec![if i % 2 == 0 { NULL } else { value / 3.0 }],
        caught_up: false,
        latency_ms: Some(i),
    }
}

fn rows(n: i64) -> Vec<Record> {
    (0..n).flat_map(|i| ["BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT"].map(|s| row(i, s))).collect()
}

/// Arguments as the compiler would give them.
fn args(address: &str, table: &str, more: &[(&'static str, Value)]) -> Args {
    let mut args = Args::new();
    for spec in DYNAMODB.info.specs() {
        if let Some(value) = spec.default.value() {
            args.insert(spec.name, value);
        }
    }
    let text = |t: &str| Value::Text(t.to_owned());
    args.insert("table", text(table));
    args.insert("region", text("eu-central-1"));
    args.insert("endpoint_url", text(&format!("http://{address}")));
    args.insert("access_key_id", text("AKIATEST"));
    args.insert("secret_access_key", text("hidden-secret"));
    args.insert("timeout_ms", Value::Int(5_000));
    for (name, value) in more {
        args.insert(name, value.clone());
    }
    args
}

fn open(args: &Args) -> Result<DynamoDb, SinkError> {
    DynamoDb::open(args, &schema()).map(|(sink, _)| sink)
}

fn made(address: &str, table: &str) -> DynamoDb {
    open(&args(address, table, &[("create", Value::Bool(true))])).expect("the table is made")
}

/// A client of its own, straight to the server.
struct Reader(Client, tokio::runtime::Runtime);

impl Reader {
    fn of(server: &Server) -> Reader {
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-central-1"))
            .endpoint_url(format!("http://{}", server.address()))
            .credentials_provider(Credentials::new("AKIATEST", "hidden-secret", None, None, "test"))
            .build();
        Reader(Client::from_conf(config), tokio::runtime::Runtime::new().expect("a runtime"))
    }

    /// The bits of every item's prediction, by key. Keys are unique in a table: a row twice would be seen as one too many.
    fn scan(&self, table: &str) -> BTreeMap<(String, i64), (u64, bool)> {
        let mut found = BTreeMap::new();
        let mut pages = self.0.scan().table_name(table).into_paginator().items().send();
        while let Some(item) = self.1.block_on(pages.next()) {
            let item = item.expect("an item");
            let number = |v: &AttributeValue| match v {
                AttributeValue::N(t) | AttributeValue::S(t) => t.parse::<f64>().expect("a number"),
                other => panic!("{other:?}"),
            };
            let key =
                (item["pk"].as_s().expect("a text").clone(), item["sk"].as_n().expect("a number").parse().expect("ms"));
            found.insert(key, (number(&item["prediction"]).to_bits(), item["rsi"].is_null()));
        }
        found
    }
}

fn wanted(rows: &[Record]) -> BTreeMap<(String, i64), (u64, bool)> {
    let key = |r: &Record| (format!("live#ohlcv#score#{}", r.symbol), r.ts.0);
    rows.iter().map(|r| (key(r), (r.value.to_bits(), r.extra[0].is_nan()))).collect()
}

fn started() -> (tempfile::TempDir, Server) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(Kind::DynamoDb, folder.path());
    (folder, server)
}

#[test]
fn the_table_is_looked_at_before_the_first_row() {
    let (_folder, server) = started();
    let address = server.address();
    let plain = args(&address, "signals", &[]);
    let error = open(&plain).err().expect("no table");
    assert_eq!(error.code(), "E0542");
    assert_eq!(error.to_string(), "dynamodb table `signals`: there is no table `signals` in eu-central-1");
    assert!(error.help().contains("aws dynamodb create-table --table-name signals --region eu-central-1"));
    assert!(!format!("{error:?} {}", error.help()).contains("hidden"));
    let probe = |args: &Args| (DRIVER.probe)(&Opening { args, schema: &schema(), apart: None, may_spawn: false });
    assert_eq!(probe(&plain).expect_err("no table").code(), "E0542");
    drop(made(&address, "signals"));
    assert!(probe(&plain).expect("fits")[0].contains("fits: keys `pk` and `sk`"));

    // A key of texts only.
    let reader = Reader::of(&server);
    let key =
        |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build().expect("built");
    let text = |name: &str| {
        AttributeDefinition::builder().attribute_name(name).attribute_type("S".into()).build().expect("built")
    };
    let create = reader.0.create_table().table_name("texts").billing_mode(BillingMode::PayPerRequest);
    let create = create.key_schema(key("pk", KeyType::Hash)).key_schema(key("sk", KeyType::Range));
    let create = create.attribute_definitions(text("pk")).attribute_definitions(text("sk"));
    reader.1.block_on(create.send()).expect("made");
    let error = open(&args(&address, "texts", &[])).err().expect("another key");
    assert_eq!(error.code(), "E0542");
    assert!(error.to_string().contains("the sort key `sk` (S); rows need"), "{error}");
}

#[test]
fn thousands_of_rows_are_there_once_with_their_bits() {
    let (_folder, server) = started();
    let mut sink = made(&server.address(), "signals");
    let all = rows(500);
    for batch in all.chunks(500) {
        assert_eq!(sink.write(batch).expect("stored").new, batch.len());
    }
    assert_eq!(Reader::of(&server).scan("signals"), wanted(&all));
    Box::new(sink).close().expect("closes");
    // After a restart, cut elsewhere; and a row with another value.
    let mut sink = open(&args(&server.address(), "signals", &[])).expect("the table is there");
    let mut again = all[1_700..].to_vec();
    again[5].value += 1.0;
    let written = sink.write(&again).expect("stored");
    assert_eq!(written, Written { new: 0, duplicates: 300, conflicts: 1 });
    assert_eq!(Reader::of(&server).scan("signals"), wanted(&all));
    // The run that was started later wins, if that is asked for.
    let replace = [("on_conflict", Value::Text("replace".into())), ("ttl_days", Value::Int(7))];
    let mut sink = open(&args(&server.address(), "signals", &replace)).expect("opens");
    assert_eq!(sink.write(&again[5..6]).expect("stored").new, 1);
    assert_eq!(sink.write(&again[5..6]).expect("stored"), Written { new: 0, duplicates: 1, conflicts: 0 });
    let mut now = all.clone();
    now[1_705] = again[5].clone();
    assert_eq!(Reader::of(&server).scan("signals"), wanted(&now));
}

/// The outbox's part: the same batch until it is confirmed.
fn insist(sink: &mut DynamoDb, batch: &[Record]) -> usize {
    let mut failures = 0;
    while let Err(error) = sink.write(batch) {
        assert_ne!(error.failure(), Failure::Refused, "{error}");
        failures += 1;
        assert!(failures < 200, "{error}");
    }
    failures
}

#[test]
fn cut_connections_lose_and_repeat_nothing() {
    let (_folder, server) = started();
    let proxy = Proxy::start(&server.address(), 7).expect("a proxy");
    let mut sink = made(&proxy.address(), "signals");
    let all = rows(60);
    let faults = [Fault::CutAnswer(300), Fault::CutRequest(900), Fault::CutRandomly(20_000), Fault::None];
    let mut failures = 0;
    for (i, batch) in all.chunks(10).enumerate() {
        proxy.set(faults[i % faults.len()]);
        if sink.write(batch).is_err() {
            failures += 1;
        }
        proxy.set(if i % 2 == 0 { Fault::CutRandomly(30_000) } else { Fault::None });
        failures += insist(&mut sink, batch);
    }
    assert!(failures > 0 && proxy.cuts() > 0, "{failures} failures, {} cuts", proxy.cuts());
    assert_eq!(Reader::of(&server).scan("signals"), wanted(&all));
}

#[test]
fn an_attempt_that_hangs_ends_and_its_outcome_is_unknown() {
    let (_folder, server) = started();
    let proxy = Proxy::start(&server.address(), 7).expect("a proxy");
    drop(made(&proxy.address(), "signals"));
    let mut sink = open(&args(&proxy.address(), "signals", &[("timeout_ms", Value::Int(500))])).expect("opens");
    proxy.set(Fault::Hang);
    let begun = Instant::now();
    let error = sink.write(&rows(2)).expect_err("nobody answers");
    assert!(begun.elapsed().as_secs() < 3);
    assert_eq!((error.code(), error.failure()), ("E0540", Failure::Unknown));
    proxy.set(Fault::Refuse);
    assert_eq!(sink.write(&rows(2)).expect_err("nobody is there").code(), "E0540");
    proxy.set(Fault::None);
    insist(&mut sink, &rows(2));
    assert_eq!(Reader::of(&server).scan("signals"), wanted(&rows(2)));
}

#[test]
fn throttling_is_tried_again_and_refusals_are_not() {
    let server = fake::Fake::start();
    let mut sink = open(&args(&server.address(), "signals", &[])).expect("opens");
    for (answer, failure) in [
        ((400, "ProvisionedThroughputExceededException"), Failure::Retryable),
        ((500, "InternalServerError"), Failure::Unknown),
        ((400, "AccessDeniedException"), Failure::Refused),
        ((400, "ValidationException"), Failure::Refused),
        ((400, "ResourceNotFoundException"), Failure::Refused),
        ((400, "ExpiredTokenException"), Failure::Refused),
    ] {
        let before = server.puts();
        server.answer_next(answer);
        let error = sink.write(&[row(0, "BTCUSDT")]).expect_err("refused");
        assert_eq!(error.failure(), failure, "{error}");
        // The client does not try again by itself.
        assert_eq!(server.puts(), before + 1, "{answer:?}");
        assert_eq!(sink.write(&[row(0, "BTCUSDT")]).expect("stored").new, 1);
    }
}
