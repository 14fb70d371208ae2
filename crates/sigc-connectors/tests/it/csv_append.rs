//! Rows to a csv file: once each, whole, over any number of restarts.

use crate::symbol;
use sigc_connectors::sinks::csv_append::{CsvAppend, DedupColumn};
use sigc_market::{NULL, Ts};
use sigc_runtime::{Record, RecordSchema, SignalName, Sink, SinkError, Written};
use std::path::Path;

const KEY: [DedupColumn; 2] = [DedupColumn::Ts, DedupColumn::Symbol];

fn schema() -> RecordSchema {
    RecordSchema {
        dag_name: "first, \"best\"".to_owned(),
        plan: "1f".to_owned(),
        run_id: None,
        signals: vec![SignalName { is_event: false, frame: "f".into(), column: "p".into(), model: Some("m".into()) }],
        extra: vec!["close".to_owned()],
        marks: false,
    }
}

/// The row of a 5m bar of 2025-05-25 that opens at 10:30 plus `bar_idx` bars.
fn row(bar_idx: i64, name: &str) -> Record {
    let open_time = Ts(1_748_169_000_000 + bar_idx * 300_000);
    let extra = vec![if bar_idx % 2 == 0 { NULL } else { 1e-7 }];
    let (ts, value) = (Ts(open_time.0 + 300_000), 0.1 + bar_idx as f64);
    let symbol = symbol(name);
    Record { signal: 0, symbol, ts, open_time, value, extra, caught_up: false, latency_ms: None }
}

fn open(path: &Path) -> Result<CsvAppend, SinkError> {
    CsvAppend::open(path, &schema(), &KEY)
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).expect("the file was written")
}

/// What the file looks like after these rows, written out by hand from the format's description.
const WHOLE: &str = r#"ts,symbol,open_time,prediction,close,kind,dag_name,frame,column,model,plan,run_id,latency_ms
2025-05-25T10:35:00Z,BTCUSDT,2025-05-25T10:30:00Z,0.1,,prediction,"first, ""best""",f,p,m,1f,,
2025-05-25T10:35:00Z,ETHUSDT,2025-05-25T10:30:00Z,0.1,,prediction,"first, ""best""",f,p,m,1f,,
2025-05-25T10:40:00Z,BTCUSDT,2025-05-25T10:35:00Z,1.1,1e-7,prediction,"first, ""best""",f,p,m,1f,,
"#;

fn rows() -> [Record; 3] {
    [row(0, "BTCUSDT"), row(0, "ETHUSDT"), row(1, "BTCUSDT")]
}

#[test]
fn the_file_is_as_described_and_reopening_writes_nothing_twice() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("made/on/the/way.csv");
    let mut sink = Box::new(open(&path).expect("a new file"));
    assert_eq!(sink.write(&rows()[..2]).expect("room"), Written { new: 2, duplicates: 0, conflicts: 0 });
    assert_eq!(sink.write(&rows()).expect("room"), Written { new: 1, duplicates: 2, conflicts: 0 });
    assert!(sink.describe().starts_with("csv_append `"));
    sink.close().expect("closes");
    assert_eq!(text(&path), WHOLE);

    let mut sink = open(&path).expect("the same columns");
    assert_eq!(sink.repaired(), None);
    let twice = [row(1, "BTCUSDT"), row(1, "ETHUSDT"), row(1, "ETHUSDT")];
    assert_eq!(sink.write(&twice).expect("room"), Written { new: 1, duplicates: 2, conflicts: 0 });
    assert_eq!(sink.write(&[]).expect("nothing to do"), Written::default());
    assert_eq!(text(&path).lines().count(), 5);
}

#[test]
fn a_file_cut_at_any_byte_is_mended_and_ends_up_whole() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("torn.csv");
    for len in 0..=WHOLE.len() {
        std::fs::write(&path, &WHOLE[..len]).expect("written");
        let mut sink = open(&path).unwrap_or_else(|e| panic!("cut to {len}: {e}"));
        let whole_lines = WHOLE[..len].matches('\n').count();
        assert_eq!(sink.repaired().is_some(), len > 0 && !WHOLE[..len].ends_with('\n'), "cut to {len}");
        let written = sink.write(&rows()).expect("room");
        assert_eq!(written.duplicates, whole_lines.saturating_sub(1), "cut to {len}");
        drop(sink);
        assert_eq!(text(&path), WHOLE, "cut to {len}");
    }
}

#[test]
fn a_last_line_of_other_width_or_of_zero_bytes_is_cut_off() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("torn.csv");
    for tail in ["2025-05-25T10:45:00Z,BTC\n", "\0\0\0\0\0\0\0\0", "\n"] {
        std::fs::write(&path, format!("{WHOLE}{tail}")).expect("written");
        let sink = open(&path).expect("the last line may be torn");
        assert!(sink.repaired().expect("something was cut").starts_with("cut off line 5"), "{:?}", sink.repaired());
        drop(sink);
        assert_eq!(text(&path), WHOLE);
    }
}

#[test]
fn files_that_are_something_else_are_left_alone() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("other.csv");
    let refused = |content: &str| {
        std::fs::write(&path, content).expect("written");
        let error = open(&path).err().expect("not this sink's file");
        assert_eq!(text(&path), content, "the file was changed");
        assert!(!error.help().is_empty());
        (error.code(), error.to_string())
    };
    let (code, message) = refused("open_time,close\n1,2\n");
    assert_eq!(code, "E0510");
    assert!(message.contains("has the columns `open_time,close`"), "{message}");
    assert!(
        message.contains(
            "writes `ts,symbol,open_time,prediction,close,kind,dag_name,frame,column,model,plan,run_id,latency_ms`"
        ),
        "{message}"
    );
    assert_eq!(refused("a letter to a friend").0, "E0510");

    let (code, message) = refused(&WHOLE.replacen("BTCUSDT,2025-05-25T10:30:00Z,", "BTCUSDT,", 1));
    assert_eq!(code, "E0510");
    assert!(message.ends_with("line 2: 12 fields where 13 belong"), "{message}");
    let (_, message) = refused(&WHOLE.replacen("2025-05-25T10:35:00Z,ETH", "yesterday,ETH", 1));
    assert!(message.ends_with("line 3: `yesterday` is no time"), "{message}");

    let mut broken = schema();
    broken.signals[0].column = "two\nlines".to_owned();
    assert_eq!(CsvAppend::open(&path, &broken, &KEY).err().expect("a line break").code(), "E0510");
    assert_eq!(open(folder.path()).err().expect("a folder").code(), "E0512");
    assert_eq!(open(&path.join("below/a/file.csv")).err().expect("a file is no folder").code(), "E0512");
}

#[test]
fn one_writer_at_a_time() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("one.csv");
    let first = open(&path).expect("a new file");
    let error = open(&path).err().expect("taken");
    assert_eq!(error.code(), "E0512");
    assert!(error.to_string().ends_with("one.csv` is being written by another process"), "{error}");
    drop(first);
    open(&path).expect("free again");
}

#[test]
fn the_key_is_what_was_asked_for() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (i, (key, new)) in [(&KEY[..], 3), (&KEY[..1], 2), (&KEY[1..], 2), (&[], 4)].into_iter().enumerate() {
        let path = folder.path().join(format!("{i}.csv"));
        let mut sink = CsvAppend::open(&path, &schema(), key).expect("a new file");
        let four = [row(0, "BTCUSDT"), row(0, "ETHUSDT"), row(1, "BTCUSDT"), row(1, "BTCUSDT")];
        assert_eq!(sink.write(&four).expect("room"), Written { new, duplicates: 4 - new, conflicts: 0 });
    }
}

#[test]
fn rows_of_another_width_are_refused_as_a_whole() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("x.csv");
    let mut sink = open(&path).expect("a new file");
    let mut narrow = row(1, "BTCUSDT");
    narrow.extra.clear();
    assert_eq!(sink.write(&[row(0, "BTCUSDT"), narrow]).expect_err("one value short").code(), "E0510");
    assert_eq!(sink.write(&rows()).expect("room").new, 3);
}

#[test]
fn rows_that_were_caught_up_say_so_where_the_pipeline_asks_for_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("marked.csv");
    let marked = RecordSchema { marks: true, extra: Vec::new(), ..schema() };
    let mut sink = CsvAppend::open(&path, &marked, &KEY).expect("a new file");
    let late = Record { extra: Vec::new(), caught_up: true, ..row(0, "BTCUSDT") };
    let timely = Record { extra: Vec::new(), ..row(1, "BTCUSDT") };
    sink.write(&[late, timely]).expect("room");
    let text = text(&path);
    let cells: Vec<Vec<&str>> = text.lines().map(|l| l.split(',').collect()).collect();
    assert_eq!(cells.iter().map(|c| c[c.len() - 1]).collect::<Vec<_>>(), ["caught_up", "true", "false"]);
}
