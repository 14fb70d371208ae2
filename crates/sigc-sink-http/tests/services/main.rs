//! `sinks.clickhouse` against the real engine (26.9) behind an HTTP layer of ours, and a network that fails.
//! What is expected is asked of the server by queries of this file, not by the sink.

use sigc_catalog::{Args, Value};
use sigc_market::{NULL, Symbol, Ts};
use sigc_runtime::{Opened, Opening, Record, RecordSchema, SignalName, Sink, SinkError, Written};
use sigc_sink_http::clickhouse::DRIVER;
use sigc_testbed::server::Kind;
use sigc_testbed::{Fault, Proxy, Server};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Instant;

/// 2025-01-01T00:00:00Z
const BEGIN: i64 = 1_735_689_600_000;

fn schema() -> RecordSchema {
    let signal = |column: &str| SignalName {
        is_event: false,
        frame: "bars".into(),
        column: column.into(),
        model: Some("models.linear".into()),
    };
    RecordSchema {
        dag_name: "it's a \\ demo".into(),
        plan: "1f".into(),
        run_id: None,
        signals: vec![signal("score"), signal("other")],
        extra: vec!["ohlcv_1d.atr".into()],
        marks: true,
    }
}

const EXTREMES: [f64; 8] =
    [0.1, -0.0, 5e-324, f64::MAX, f64::MIN_POSITIVE, 1.0 / 3.0, -1e-300, 0.300_000_000_000_000_04];

/// Rows of two symbols, `from` to `to` hours after the beginning.
fn rows(from: i64, to: i64) -> Vec<Record> {
    let row = |symbol: &str, hour: i64| Record {
        signal: 0,
        symbol: Symbol::new(symbol).expect("a symbol"),
        ts: Ts(BEGIN + (hour + 1) * 3_600_000),
        open_time: Ts(BEGIN + hour * 3_600_000),
        value: EXTREMES[hour.rem_euclid(8) as usize],
        extra: vec![if hour % 3 == 0 { NULL } else { -EXTREMES[hour.rem_euclid(8) as usize] }],
        caught_up: hour % 2 == 0,
        latency_ms: (hour % 2 == 0).then_some(-hour),
    };
    (from..to).flat_map(|h| [row("BTCUSDT", h), row("ETH/USDT:x", h)]).collect()
}

fn open_with(address: &str, table: &str, timeout_ms: i64, create: bool) -> Result<Opened, SinkError> {
    let args = args(address, table, timeout_ms, create);
    (DRIVER.open)(&Opening { args: &args, schema: &schema(), apart: None, may_spawn: false })
}

fn args(address: &str, table: &str, timeout_ms: i64, create: bool) -> Args {
    let mut args = Args::new();
    args.insert("url", Value::Text(format!("http://u:s3cret@{address}/?log_comment=s3cret")));
    args.insert("table", Value::Text(table.into()));
    args.insert("create", Value::Bool(create));
    args.insert("timeout_ms", Value::Int(timeout_ms));
    args
}

fn open(address: &str, table: &str) -> Box<dyn Sink> {
    open_with(address, table, 10_000, true).expect("opens").sink
}

/// The server's answer to a query, by a client of a few lines.
fn ask(server: &str, query: &str) -> String {
    let mut stream = TcpStream::connect(server).expect("it listens");
    let head = format!("POST / HTTP/1.0\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", query.len());
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(query.as_bytes())).expect("it reads");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("it answers");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    assert!(head.contains(" 200 "), "{query}: {text}");
    body.trim_end().to_owned()
}

/// Rows of a table, and keys that it has more than once.
fn counts(server: &str, table: &str) -> (usize, usize) {
    let n: usize = ask(server, &format!("SELECT count() FROM {table}")).parse().expect("a number");
    let twice = format!(
        "SELECT count() FROM (SELECT 1 FROM {table} GROUP BY dag_name, frame, `column`, symbol, ts HAVING count() > 1)"
    );
    (n, ask(server, &twice).parse().expect("a number"))
}

/// A table that cannot drop a row by itself: what a reader sees is what the sink did.
fn plain_table(server: &str, table: &str) {
    let SinkError::Unfit { help, .. } = open_with(server, table, 10_000, false).err().expect("not there") else {
        panic!("unfit")
    };
    let statement = help.split_once(":\n").expect("a statement").1.trim_end_matches(';').to_owned();
    let statement = statement.split(" SETTINGS").next().expect("a statement").to_owned();
    let plain = statement.replace("ReplacingMergeTree(version)", "MergeTree");
    let plain = plain.split("\nSETTINGS").next().expect("a statement").to_owned();
    ask(server, &plain);
}

#[test]
fn a_real_server() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Server::start(Kind::ClickHouse, folder.path());
    let at = server.address();
    tables(&at);
    values(&at);
    batches(&at);
    faults(&at);
    tokens(&at);
    random_cuts(&at, true);
    random_cuts(&at, false);
    restarts(&mut server);
    bench(&at);
}

fn tables(at: &str) {
    let missing = open_with(at, "nope", 10_000, false).err().expect("not there");
    assert_eq!(missing.to_string(), format!("clickhouse `nope` at {at}: the table is not there"));
    assert!(missing.help().contains("CREATE TABLE IF NOT EXISTS `nope`"), "{}", missing.help());
    let error = open_with(at, "nodb.t", 10_000, true).err().expect("no database");
    assert!(error.code() == "E0542" && error.to_string().contains("nodb"), "{error}");

    let probe = |table: &str, create| {
        let args = args(at, table, 10_000, create);
        (DRIVER.probe)(&Opening { args: &args, schema: &schema(), apart: None, may_spawn: false })
    };
    assert!(probe("made", true).expect("will be made")[0].contains("will be made"));
    assert_eq!(ask(at, "EXISTS TABLE made"), "0");
    assert!(open_with(at, "made", 10_000, true).expect("made").notes.is_empty());
    let lines = probe("made", false).expect("fits");
    assert!(lines[0].contains("a ReplacingMergeTree with columns for 14 of 14 fields"), "{lines:?}");

    ask(
        at,
        "CREATE TABLE wrong (symbol String, ts DateTime64(3, 'UTC'), prediction Float32, desk String, frame String, \
         `column` String) ENGINE = MergeTree ORDER BY ts",
    );
    let wrong = open_with(at, "wrong", 10_000, true).err().expect("does not fit");
    assert_eq!(
        wrong.to_string(),
        format!(
            "clickhouse `wrong` at {at}: the table does not fit: `prediction` is Float32 and has to be Float64; column \
             `ohlcv_1d.atr` (Nullable(Float64)) is missing; records have nothing for `desk` (String), and it has no \
             default"
        )
    );
    // The help's statements make it fit.
    for line in wrong.help().lines().skip(1) {
        ask(at, &line.trim_end_matches(';').replace("DEFAULT ...", "DEFAULT 'x'"));
    }
    let opened = open_with(at, "wrong", 10_000, false).expect("fits now");
    assert!(opened.notes[0].contains("is a MergeTree"), "{:?}", opened.notes);
    for error in [missing, wrong] {
        assert!(!format!("{error} {}", error.help()).contains("s3cret"));
    }
}

fn values(at: &str) {
    let mut sink = open(at, "bits");
    let rows = rows(-9, 16);
    assert_eq!(sink.write(&rows).expect("stored"), Written { new: 50, ..Written::default() });
    let answer = ask(
        at,
        "SELECT symbol, toUnixTimestamp64Milli(ts), toUnixTimestamp64Milli(open_time), \
         reinterpretAsUInt64(prediction), ifNull(toString(reinterpretAsUInt64(assumeNotNull(`ohlcv_1d.atr`))), '') AS x, \
         isNull(`ohlcv_1d.atr`), ifNull(toString(latency_ms), 'null'), caught_up, dag_name = 'it\\'s a \\\\ demo', \
         isNull(run_id), kind, `column` FROM bits ORDER BY ts, symbol",
    );
    let lines: Vec<Vec<&str>> = answer.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(lines.len(), rows.len());
    for (line, row) in lines.iter().zip(&rows) {
        assert_eq!(line[..3], [row.symbol.as_str(), &row.ts.0.to_string(), &row.open_time.0.to_string()]);
        assert_eq!(line[3], row.value.to_bits().to_string());
        match row.extra[0].is_nan() {
            true => assert_eq!(line[5], "1"),
            false => assert_eq!(line[4..6], [row.extra[0].to_bits().to_string().as_str(), "0"]),
        }
        assert_eq!(line[6], row.latency_ms.map_or("null".into(), |x| x.to_string()));
        assert_eq!(line[7], row.caught_up.to_string());
        assert_eq!(line[8..], ["1", "1", "prediction", "score"]);
    }
    // A second value of the same row: what is there stays, for the plain reader and for FINAL.
    let mut other = rows[..4].to_vec();
    other[0].value = 7.0;
    drop(sink);
    let written = open(at, "bits").write(&other).expect("looked for");
    assert_eq!(written, Written { new: 0, duplicates: 4, conflicts: 1 });
    assert_eq!(counts(at, "bits"), (50, 0));
}

fn batches(at: &str) {
    // 10,000 rows over seven months, into a table without merging; cut elsewhere after a restart.
    plain_table(at, "many");
    let all = rows(0, 5_000);
    let mut sink = open(at, "many");
    let mut new = 0;
    for batch in all[..6_000].chunks(700) {
        new += sink.write(batch).expect("stored").new;
    }
    assert_eq!(new, 6_000);
    drop(sink);
    let mut sink = open(at, "many");
    let (mut new, mut old) = (0, 0);
    for batch in all[4_321..].chunks(999) {
        let written = sink.write(batch).expect("stored");
        (new, old) = (new + written.new, old + written.duplicates);
    }
    assert_eq!((new, old), (4_000, 6_000 - 4_321));
    assert_eq!(counts(at, "many"), (10_000, 0));
    // A replay that begins before the rows that are there meets them later, behind batches that were all new.
    plain_table(at, "earlier");
    open(at, "earlier").write(&rows(100, 200)).expect("stored");
    let mut sink = open(at, "earlier");
    let written: Vec<Written> = rows(0, 250).chunks(100).map(|rows| sink.write(rows).expect("stored")).collect();
    assert_eq!(
        written.iter().map(|w| (w.new, w.duplicates)).collect::<Vec<_>>(),
        [(100, 0), (100, 0), (0, 100), (0, 100), (100, 0)]
    );
    assert_eq!(counts(at, "earlier"), (500, 0));
    // Two sinks of two signals into one table.
    let mut second = all[..10].to_vec();
    second.iter_mut().for_each(|r| r.signal = 1);
    let written = open(at, "many").write(&second).expect("stored");
    assert_eq!((written.new, counts(at, "many")), (10, (10_010, 0)));
}

/// The proxy looks at its fault every 20 ms: a connection that is open does not meet it before.
fn set(proxy: &Proxy, fault: Fault) {
    proxy.set(fault);
    std::thread::sleep(std::time::Duration::from_millis(60));
}

fn faults(at: &str) {
    plain_table(at, "faulty");
    let proxy = Proxy::start(at, 7).expect("a port");
    let mut sink = open_with(&proxy.address(), "faulty", 1_500, false).expect("opens").sink;
    let mut done = 0;
    // The doubt of the beginning is over: what follows is the doubt of each failure.
    sink.write(&rows(0, 1)).expect("stored");
    for (i, fault) in [
        Fault::CutAnswer(0),
        Fault::CutAnswer(40),
        Fault::CutRequest(300),
        Fault::CutRequest(2_000),
        Fault::Hang,
        Fault::Refuse,
    ]
    .into_iter()
    .enumerate()
    {
        let from = 1 + 20 * i as i64;
        let batch = rows(from, from + 20);
        set(&proxy, fault);
        let failed = sink.write(&batch).expect_err("cut");
        assert!(matches!(failed, SinkError::Unavailable { .. }), "{fault:?}: {failed}");
        assert!(!failed.to_string().contains("s3cret"), "{failed}");
        assert!(sink.write(&batch).is_err(), "still cut");
        set(&proxy, Fault::None);
        let written = sink.write(&batch).expect("stored");
        assert_eq!(written.new + written.duplicates, 40, "{fault:?}");
        done += written.new;
        assert_eq!(counts(at, "faulty"), (2 + 40 * (i + 1), 0), "{fault:?}");
    }
    // Answers were lost behind rows that were stored: the table was asked, and said so.
    assert!(done < 240, "{done}");
}

/// A server with a deduplication window drops a copy of an insert that it finished late. That moment is made here by taking
/// the rows away before the retry looks for them: it finds none, inserts them again, and the server knows them.
fn tokens(at: &str) {
    plain_table(at, "tokens");
    ask(at, "ALTER TABLE tokens MODIFY SETTING non_replicated_deduplication_window = 1000");
    let proxy = Proxy::start(at, 7).expect("a port");
    let mut sink = open_with(&proxy.address(), "tokens", 1_500, false).expect("opens").sink;
    sink.write(&rows(0, 1)).expect("stored");
    // The answers to the insert alone are cut: nothing is in doubt, so nothing is asked before it.
    set(&proxy, Fault::CutAnswer(0));
    assert!(sink.write(&rows(1, 2)).is_err());
    set(&proxy, Fault::None);
    assert_eq!(counts(at, "tokens"), (4, 0));
    ask(at, "ALTER TABLE tokens DELETE WHERE 1 SETTINGS mutations_sync = 2");
    sink.write(&rows(1, 2)).expect("taken");
    assert_eq!(counts(at, "tokens"), (0, 0), "the same token in the same run");
    // By itself the server (26.9) would know the same rows by their content in any run. Another run's token differs, so
    // what was deleted on purpose can be written again.
    open(at, "tokens").write(&rows(1, 2)).expect("stored");
    assert_eq!(counts(at, "tokens"), (2, 0), "another run");
}

/// Cuts at random places. `window` tells the server to remember tokens, and attempts follow each other at once: the
/// next one may look before the server has carried out the one before. Without it they come as the outbox makes them,
/// half a second apart.
fn random_cuts(at: &str, window: bool) {
    let table = format!("random_{window}");
    plain_table(at, &table);
    if window {
        ask(at, &format!("ALTER TABLE {table} MODIFY SETTING non_replicated_deduplication_window = 1000"));
    }
    let proxy = Proxy::start(at, 7).expect("a port");
    let mut sink = open_with(&proxy.address(), &table, 1_500, false).expect("opens").sink;
    let rounds = if window { 40 } else { 10 };
    for round in 0..rounds {
        let batch = rows(20 * round, 20 + 20 * round);
        set(&proxy, Fault::CutRandomly(6_000));
        for _ in 0..3 {
            sink.write(&batch).ok();
            if !window {
                std::thread::sleep(std::time::Duration::from_millis(500));
            }
        }
        set(&proxy, Fault::None);
        sink.write(&batch).expect("stored");
    }
    assert!(proxy.cuts() > 10, "{}", proxy.cuts());
    assert_eq!(counts(at, &table), (40 * rounds as usize, 0), "window {window}");
}

fn restarts(server: &mut Server) {
    let at = server.address();
    plain_table(&at, "killed");
    let mut sink = open(&at, "killed");
    sink.write(&rows(0, 10)).expect("stored");
    server.kill();
    let down = sink.write(&rows(10, 20)).expect_err("down");
    assert!(matches!(down, SinkError::Unavailable { .. }), "{down}");
    server.up();
    sink.write(&rows(10, 20)).expect("stored");
    sink.close().expect("closes");
    assert_eq!(counts(&at, "killed"), (40, 0));
}

/// Rows per second by batch size: with every batch looked for first, and with none.
#[expect(clippy::print_stdout, reason = "it prints what it measured")]
fn bench(at: &str) {
    for (batch, n) in [(1, 100), (100, 5_000), (1_000, 20_000)] {
        for checked in [false, true] {
            let table = format!("bench_{batch}_{checked}");
            drop(open(at, &table));
            if checked {
                // A newest row far behind: every batch may be there.
                open(at, &table).write(&rows(1_000_000, 1_000_001)).expect("stored");
            }
            let mut sink = open(at, &table);
            let rows = rows(0, n / 2);
            let begun = Instant::now();
            for rows in rows.chunks(batch) {
                sink.write(rows).expect("stored");
            }
            let speed = rows.len() as f64 / begun.elapsed().as_secs_f64();
            println!("clickhouse batch {batch} looked for {checked}: {speed:.0} rows/s");
        }
    }
}
