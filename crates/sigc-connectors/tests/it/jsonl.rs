//! Rows to a file of JSON lines: once each, whole, over any number of restarts.

use crate::symbol;
use sigc_connectors::sinks::csv_append::DedupColumn;
use sigc_connectors::sinks::jsonl::Jsonl;
use sigc_market::{NULL, Ts};
use sigc_runtime::{Record, RecordSchema, SignalName, Sink, SinkError, Written};
use std::path::Path;

const KEY: [DedupColumn; 2] = [DedupColumn::Ts, DedupColumn::Symbol];

pub fn schema() -> RecordSchema {
    RecordSchema {
        dag_name: "first, \"best\"".to_owned(),
        plan: "1f".to_owned(),
        run_id: Some("r1".into()),
        signals: vec![SignalName { is_event: false, frame: "f".into(), column: "p#\\".into(), model: None }],
        extra: vec!["close".to_owned()],
        marks: false,
    }
}

/// The row of a 5m bar of 2025-05-25 that opens at 10:30 plus `bar_idx` bars.
pub fn row(bar_idx: i64, name: &str) -> Record {
    let open_time = Ts(1_748_169_000_000 + bar_idx * 300_000);
    let extra = vec![if bar_idx % 2 == 0 { NULL } else { 1e-7 }];
    let (ts, value) = (Ts(open_time.0 + 300_000), 0.1 + bar_idx as f64);
    let symbol = symbol(name);
    Record { signal: 0, symbol, ts, open_time, value, extra, caught_up: false, latency_ms: Some(bar_idx) }
}

fn open(path: &Path) -> Result<Jsonl, SinkError> {
    Jsonl::open(path, &schema(), &KEY)
}

/// What the file looks like, written out by hand from the format's description.
const WHOLE: &str = r##"{"ts":"2025-05-25T10:35:00Z","symbol":"BTCUSDT","open_time":"2025-05-25T10:30:00Z","prediction":0.1,"close":null,"kind":"prediction","dag_name":"first, \"best\"","frame":"f","column":"p#\\","model":null,"plan":"1f","run_id":"r1","latency_ms":0}
{"ts":"2025-05-25T10:40:00Z","symbol":"BTCUSDT","open_time":"2025-05-25T10:35:00Z","prediction":1.1,"close":1e-7,"kind":"prediction","dag_name":"first, \"best\"","frame":"f","column":"p#\\","model":null,"plan":"1f","run_id":"r1","latency_ms":1}
"##;

fn rows() -> [Record; 2] {
    [row(0, "BTCUSDT"), row(1, "BTCUSDT")]
}

#[test]
fn the_file_is_as_described_and_reopening_writes_nothing_twice() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("on/the/way.jsonl");
    let mut sink = open(&path).expect("a new file");
    assert_eq!(sink.write(&rows()).expect("room"), Written { new: 2, duplicates: 0, conflicts: 0 });
    Box::new(sink).close().expect("closes");
    assert_eq!(std::fs::read_to_string(&path).expect("text"), WHOLE);
    let mut sink = open(&path).expect("the same fields");
    assert_eq!(sink.write(&rows()).expect("room"), Written { new: 0, duplicates: 2, conflicts: 0 });
    assert_eq!(open(&path).err().expect("taken").code(), "E0512");
}

#[test]
fn a_file_cut_at_any_byte_is_mended_and_ends_up_whole() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("torn.jsonl");
    for len in 0..=WHOLE.len() {
        std::fs::write(&path, &WHOLE[..len]).expect("written");
        let mut sink = open(&path).unwrap_or_else(|e| panic!("cut to {len}: {e}"));
        assert_eq!(sink.repaired().is_some(), len > 0 && !WHOLE[..len].ends_with('\n'), "cut to {len}");
        sink.write(&rows()).expect("room");
        drop(sink);
        assert_eq!(std::fs::read_to_string(&path).expect("text"), WHOLE, "cut to {len}");
    }
}

#[test]
fn files_that_are_something_else_are_left_alone() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("other.jsonl");
    let refused = |content: &str| {
        std::fs::write(&path, content).expect("written");
        let error = open(&path).err().expect("not this sink's file");
        assert_eq!(std::fs::read_to_string(&path).expect("text"), content, "the file was changed");
        assert_eq!(error.code(), "E0510", "{error}");
        error.to_string()
    };
    let message = refused("{\"ts\":1,\"close\":2}\n");
    assert!(message.contains("has the columns `ts,close`"), "{message}");
    assert!(message.contains("writes `ts,symbol,open_time,prediction,close,kind,"), "{message}");
    let message = refused(&WHOLE.replacen("2025-05-25T10:35:00Z", "yesterday", 1));
    assert!(message.ends_with("line 1: `yesterday` is no time"), "{message}");
    let message = refused(&format!("a letter\n{WHOLE}"));
    assert!(message.contains("line 1: it is no JSON object"), "{message}");
}
