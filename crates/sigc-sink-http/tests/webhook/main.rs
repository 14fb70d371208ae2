//! `sinks.webhook` against a receiver of our own over loopback: what is sent, and what a reader of the receiver sees
//! after lost answers, refusals and restarts.

mod receiver;

use receiver::{Receiver, Reply};
use sigc_catalog::{Args, Value};
use sigc_market::{NULL, Symbol, Ts};
use sigc_runtime::{Opening, Record, RecordSchema, SignalName, Sink, SinkError, Written};
use sigc_sink_http::webhook::{DRIVER, batch_key, row_key, signature};
use std::collections::HashSet;

fn schema() -> RecordSchema {
    let signal = SignalName {
        is_event: false,
        frame: "bars".into(),
        column: "score".into(),
        model: Some("models.linear".into()),
    };
    RecordSchema {
        dag_name: "demo".into(),
        plan: "1f".into(),
        run_id: Some("r1".into()),
        signals: vec![signal],
        extra: vec!["rsi".into()],
        marks: false,
    }
}

fn row(symbol: &str, minute: i64) -> Record {
    Record {
        signal: 0,
        symbol: Symbol::new(symbol).expect("a symbol"),
        ts: Ts((minute + 1) * 60_000),
        open_time: Ts(minute * 60_000),
        value: 0.1 * minute as f64,
        extra: vec![if minute % 2 == 0 { 5e-324 } else { NULL }],
        caught_up: false,
        latency_ms: Some(412),
    }
}

/// Two symbols at each minute.
fn rows(minutes: std::ops::Range<i64>) -> Vec<Record> {
    minutes.flat_map(|m| ["BTCUSDT", "ETHUSDT"].map(|s| row(s, m))).collect()
}

fn args(url: &str, more: &[(&'static str, &str)]) -> Args {
    let mut args = Args::new();
    args.insert("url", Value::Text(url.into()));
    args.insert("format", Value::Text("object".into()));
    args.insert("auth_header", Value::Text("authorization".into()));
    args.insert("timeout_ms", Value::Int(2_000));
    for (name, value) in more {
        match value.parse() {
            Ok(number) => args.insert(name, Value::Int(number)),
            Err(_) => args.insert(name, Value::Text((*value).into())),
        }
    }
    args
}

fn open(receiver: &Receiver, more: &[(&'static str, &str)]) -> Box<dyn Sink> {
    let args = args(&format!("http://{}/hooks/t0ken?key=s3cret", receiver.address), more);
    let opening = Opening { args: &args, schema: &schema(), apart: None, may_spawn: false };
    (DRIVER.open)(&opening).expect("opens").sink
}

fn status(status: u16, headers: &str, body: &str) -> Reply {
    Reply::Status(status, headers.into(), body.into())
}

fn stored(new: usize) -> Written {
    Written { new, ..Written::default() }
}

#[test]
fn a_request_has_a_record_its_key_and_a_signature() {
    let receiver = Receiver::start();
    let mut sink = open(&receiver, &[("auth", "Bearer hunter2"), ("sign_with", "shared key")]);
    assert_eq!(sink.write(&rows(0..2)).expect("taken"), stored(4));
    let got = receiver.got();
    assert_eq!(got.len(), 4);
    let schema = schema();
    for (got, row) in got.iter().zip(rows(0..2)) {
        assert_eq!((got.method.as_str(), got.path.as_str()), ("POST", "/hooks/t0ken?key=s3cret"));
        assert_eq!(got.headers["content-type"], "application/json");
        assert_eq!(got.headers["authorization"], "Bearer hunter2");
        assert_eq!(got.key(), row_key("demo", &schema.signals[0], &row.symbol, row.ts));
        let signed = signature(b"shared key", &got.headers["x-sigc-timestamp"], got.body.as_bytes());
        assert_eq!(got.headers["x-sigc-signature"], signed);
        let record: serde_json::Value = serde_json::from_str(&got.body).expect("JSON");
        assert_eq!(record["symbol"], row.symbol.as_str());
        assert_eq!(record["ts"], row.ts.to_string());
        assert_eq!(record["prediction"].as_f64().map(f64::to_bits), Some(row.value.to_bits()));
        assert_eq!(record["rsi"].as_f64(), (!row.extra[0].is_nan()).then_some(row.extra[0]));
    }
}

#[test]
fn a_list_has_the_rows_in_order_under_one_key() {
    let receiver = Receiver::start();
    let mut sink = open(&receiver, &[("format", "array")]);
    let rows = rows(0..50);
    assert_eq!(sink.write(&rows).expect("taken"), stored(100));
    let got = receiver.got();
    assert_eq!(got.len(), 1);
    let list: Vec<serde_json::Value> = serde_json::from_str(&got[0].body).expect("JSON");
    let sent: Vec<_> = list.iter().map(|r| (r["symbol"].as_str(), r["ts"].as_str())).collect();
    let texts: Vec<_> = rows.iter().map(|r| (r.symbol.as_str().to_owned(), r.ts.to_string())).collect();
    assert_eq!(sent, texts.iter().map(|(s, t)| (Some(s.as_str()), Some(t.as_str()))).collect::<Vec<_>>());
    let keys: Vec<String> = rows.iter().map(|r| row_key("demo", &schema().signals[0], &r.symbol, r.ts)).collect();
    assert_eq!(got[0].key(), batch_key(&keys));
}

#[test]
fn a_large_list_goes_in_several_requests() {
    let receiver = Receiver::start();
    let mut sink = open(&receiver, &[("format", "array"), ("timeout_ms", "20000")]);
    let rows = rows(0..3_000);
    assert_eq!(sink.write(&rows).expect("taken"), stored(6_000));
    let got = receiver.got();
    assert!(got.len() > 1 && got.iter().all(|g| g.body.len() <= 900 << 10), "{}", got.len());
    let lists = got.iter().map(|g| serde_json::from_str::<Vec<serde_json::Value>>(&g.body).expect("JSON").len());
    assert_eq!(lists.sum::<usize>(), 6_000);
}

#[test]
fn a_reader_sees_each_row_once_after_lost_answers_and_a_restart() {
    let receiver = Receiver::start();
    let mut sink = open(&receiver, &[]);
    receiver.reply([Reply::Lost]);
    let batch = rows(0..3);
    let failed = sink.write(&batch).expect_err("no answer");
    assert!(matches!(failed, SinkError::Unavailable { unknown: true, .. }), "{failed}");
    // The second attempt meets a receiver that is overloaded after two rows; the third goes on behind them.
    receiver.reply([status(200, "", ""), status(200, "", ""), status(500, "", "")]);
    assert!(matches!(sink.write(&batch), Err(SinkError::Unavailable { unknown: true, .. })));
    assert_eq!(sink.write(&batch).expect("taken"), stored(6));
    assert_eq!(receiver.got().len(), 1 + 3 + 4);
    // The next process is given rows again, in batches that are cut elsewhere.
    drop(sink);
    let mut sink = open(&receiver, &[]);
    sink.write(&rows(1..2)).expect("taken");
    sink.write(&rows(2..5)).expect("taken");
    sink.close().expect("closes");
    let stored = receiver.stored();
    let keys: HashSet<&String> = stored.iter().map(|(key, _)| key).collect();
    assert_eq!((stored.len(), keys.len()), (10, 10));
    let seen: Vec<serde_json::Value> =
        stored.iter().map(|(_, body)| serde_json::from_str(body).expect("JSON")).collect();
    for symbol in ["BTCUSDT", "ETHUSDT"] {
        let times: Vec<&str> = seen.iter().filter(|r| r["symbol"] == symbol).filter_map(|r| r["ts"].as_str()).collect();
        assert_eq!(times, (0..5).map(|m| Ts((m + 1) * 60_000).to_string()).collect::<Vec<_>>());
    }
}

#[test]
fn a_list_that_is_sent_again_has_the_same_key() {
    let receiver = Receiver::start();
    let mut sink = open(&receiver, &[("format", "array")]);
    receiver.reply([Reply::Lost]);
    assert!(sink.write(&rows(0..3)).is_err());
    drop(sink);
    let mut sink = open(&receiver, &[("format", "array")]);
    sink.write(&rows(0..3)).expect("taken");
    assert_eq!((receiver.got().len(), receiver.stored().len()), (2, 1));
}

#[test]
fn an_answer_that_does_not_come_is_unknown() {
    let receiver = Receiver::start();
    let mut sink = open(&receiver, &[("timeout_ms", "200")]);
    receiver.reply([Reply::Silent]);
    let failed = sink.write(&rows(0..1)).expect_err("no answer");
    assert!(matches!(&failed, SinkError::Unavailable { unknown: true, .. }), "{failed}");
    assert!(failed.to_string().contains("no answer in time"), "{failed}");
    sink.write(&rows(0..1)).expect("taken");
    assert_eq!((receiver.got().len(), receiver.stored().len()), (3, 2));
}

#[test]
fn a_pause_that_the_receiver_asks_for_is_kept() {
    let receiver = Receiver::start();
    let mut sink = open(&receiver, &[]);
    receiver.reply([status(429, "retry-after: 30\r\n", "slow down")]);
    let failed = sink.write(&rows(0..1)).expect_err("too many");
    assert!(matches!(&failed, SinkError::Unavailable { unknown: false, .. }));
    assert_eq!(
        failed.to_string(),
        format!("webhook at {}: status 429: slow down; it asks to wait 30 s", receiver.address)
    );
    let failed = sink.write(&rows(0..1)).expect_err("too early");
    assert!(failed.to_string().contains("it asked for a pause that ends in 30 s"), "{failed}");
    assert_eq!(receiver.got().len(), 1, "nothing was sent");
    // `retry-after: 0` is no pause.
    let mut sink = open(&receiver, &[]);
    receiver.reply([status(503, "retry-after: 0\r\n", "")]);
    assert!(sink.write(&rows(0..1)).is_err());
    sink.write(&rows(0..1)).expect("taken");
}

#[test]
fn refusals_say_what_to_do_and_no_secret() {
    for (answer, said, help) in [
        (status(400, "", "no such field"), "status 400: no such field", "mend the receiver"),
        (status(401, "", "bad token Bearer hunter2"), "status 401: bad token ***", "check `auth`"),
        (status(404, "", "no /hooks/t0ken here, key=s3cret"), "status 404: no *** here, ***", "path of `url`"),
        (status(308, "location: http://elsewhere/s3cret\r\n", ""), "status 308: ", "redirects are not followed"),
        (status(413, "", "<html><title>Too large</title>"), "status 413: Too large", "`batch_rows` smaller"),
    ] {
        let receiver = Receiver::start();
        let mut sink = open(&receiver, &[("auth", "Bearer hunter2"), ("sign_with", "shared key")]);
        receiver.reply([answer]);
        let failed = sink.write(&rows(0..1)).expect_err("refused");
        assert_eq!(failed.code(), "E0541");
        assert_eq!(failed.to_string(), format!("webhook at {}: {said}", receiver.address));
        assert!(failed.help().contains(help), "{}", failed.help());
        assert_eq!(receiver.got().len(), 1, "nothing was followed and nothing tried again");
        let text = format!("{failed} {failed:?} {} {}", failed.help(), sink.describe());
        for secret in ["hunter2", "s3cret", "t0ken", "shared key"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}

#[test]
fn rows_that_come_twice_are_sent_once() {
    let receiver = Receiver::start();
    let mut sink = open(&receiver, &[]);
    let twice = [rows(0..1), rows(0..1)].concat();
    assert_eq!(sink.write(&twice).expect("taken"), Written { new: 2, duplicates: 2, conflicts: 0 });
    assert_eq!(receiver.got().len(), 2);
}

#[test]
fn a_probe_sends_no_row() {
    let receiver = Receiver::start();
    let probe = |address: &str, more: &[(&'static str, &str)]| {
        let args = args(&format!("http://{address}/x"), more);
        (DRIVER.probe)(&Opening { args: &args, schema: &schema(), apart: None, may_spawn: false })
    };
    receiver.reply([status(405, "", ""), status(401, "", "")]);
    let lines = probe(&receiver.address, &[]).expect("it answers");
    assert_eq!(lines, [format!("webhook at {}: it answers (HEAD: 405); no row was sent", receiver.address)]);
    assert!(matches!(probe(&receiver.address, &[]), Err(SinkError::Denied { .. })));
    assert!(matches!(probe("127.0.0.1:1", &[]), Err(SinkError::Unavailable { unknown: false, .. })));
    assert!(matches!(probe(&receiver.address, &[("auth", "a\nb")]), Err(SinkError::Denied { .. })));
    assert!(receiver.got().iter().all(|got| got.method == "HEAD"));
}
