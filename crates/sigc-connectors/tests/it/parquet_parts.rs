//! Rows to the parts of a folder: once each, over restarts and crashes at any point.

use crate::jsonl::{row, schema};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, TimestampMillisecondType};
use arrow_array::{Array, RecordBatch};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use sigc_connectors::sinks::parquet::{ParquetParts, Roll};
use sigc_runtime::{Record, RecordSchema, Sink, SinkError, Written};
use std::fs::File;
use std::path::{Path, PathBuf};

const BY_FOUR: Roll = Roll { rows: 4, minutes: 10_000 };

fn open(folder: &Path, roll: Roll) -> Result<ParquetParts, SinkError> {
    ParquetParts::open(folder, &schema(), roll).map(|(sink, _)| sink)
}

fn parts(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|e| e.expect("readable").path());
    let mut parts: Vec<PathBuf> = entries.filter(|p| p.extension().is_some_and(|e| e == "parquet")).collect();
    parts.sort();
    parts
}

fn batches(part: &Path) -> Vec<RecordBatch> {
    let file = File::open(part).expect("the part");
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).expect("parquet").build().expect("a reader");
    reader.map(|b| b.expect("sound")).collect()
}

/// Time, symbol and the prediction's bits of every row of the parts, by arrow's own reader.
fn read(folder: &Path) -> Vec<(i64, String, u64)> {
    let mut rows = Vec::new();
    for batch in parts(folder).iter().flat_map(|p| batches(p)) {
        let column = |name: &str| batch.column_by_name(name).expect("the column").clone();
        let ts = column("ts");
        let ts = ts.as_primitive::<TimestampMillisecondType>();
        let symbols = arrow_cast_to_texts(&column("symbol"));
        let values = column("prediction");
        let values = values.as_primitive::<Float64Type>();
        for (i, symbol) in symbols.into_iter().enumerate() {
            rows.push((ts.value(i), symbol, values.value(i).to_bits()));
        }
    }
    rows
}

fn arrow_cast_to_texts(array: &dyn Array) -> Vec<String> {
    let dictionary = array.as_dictionary::<arrow_array::types::Int32Type>();
    let texts = dictionary.values().as_string::<i32>();
    dictionary.keys().iter().map(|k| texts.value(k.expect("no null") as usize).to_owned()).collect()
}

fn rows(n: i64) -> Vec<Record> {
    (0..n).flat_map(|i| [row(i, "BTCUSDT"), row(i, "ETHUSDT")]).collect()
}

fn wanted(rows: &[Record]) -> Vec<(i64, String, u64)> {
    rows.iter().map(|r| (r.ts.0, r.symbol.to_string(), r.value.to_bits())).collect()
}

#[test]
fn parts_hold_every_row_once_with_its_types() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path().join("made/here");
    let rows = rows(5);
    let mut sink = open(&folder, BY_FOUR).expect("a new folder");
    assert_eq!(sink.write(&rows[..3]).expect("room").new, 3);
    sink.flush().expect("durable");
    assert!(parts(&folder).is_empty());
    assert_eq!(std::fs::read_to_string(folder.join("_open.jsonl")).expect("text").lines().count(), 3);
    assert_eq!(sink.write(&rows).expect("room"), Written { new: 7, duplicates: 3, conflicts: 0 });
    assert_eq!(parts(&folder).len(), 2);
    Box::new(sink).close().expect("closes");
    assert_eq!(read(&folder), wanted(&rows));
    assert_eq!(std::fs::metadata(folder.join("_open.jsonl")).expect("the side file").len(), 0);

    let batch = &batches(&parts(&folder)[0])[0];
    let schema = batch.schema();
    let names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
    assert_eq!(names[..5], ["ts", "symbol", "open_time", "prediction", "close"]);
    let close = batch.column_by_name("close").expect("the column").as_primitive::<Float64Type>().clone();
    assert!(close.is_null(0) && close.value(2) == 1e-7);
    let latency = batch.column_by_name("latency_ms").expect("the column").as_primitive::<Int64Type>().clone();
    assert_eq!(latency.value(2), 1);
    let file = File::open(&parts(&folder)[0]).expect("the part");
    let notes = ParquetRecordBatchReaderBuilder::try_new(file).expect("parquet");
    let notes = notes.metadata().file_metadata().key_value_metadata().expect("notes").clone();
    let note = |key: &str| notes.iter().find(|n| n.key == key).and_then(|n| n.value.clone());
    assert_eq!(note("sigc.fingerprint").as_deref(), Some("1f"));
    assert_eq!(note("sigc.rows").as_deref(), Some("4"));

    let mut sink = open(&folder, BY_FOUR).expect("the same columns");
    assert_eq!(sink.write(&rows).expect("nothing to do"), Written { new: 0, duplicates: 10, conflicts: 0 });
    assert_eq!(open(&folder, BY_FOUR).err().expect("taken").code(), "E0512");
}

/// A process that is killed leaves what it wrote; the next one goes on, whatever the batches were.
#[test]
fn kills_between_any_two_steps_lose_and_repeat_nothing() {
    let all = rows(8);
    for batch in 1..=5 {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let folder = folder.path();
        let mut from = 0;
        while from < all.len() {
            let mut sink = open(folder, BY_FOUR).expect("opens");
            sink.write(&all[from..(from + batch).min(all.len())]).expect("room");
            // Not closed: dropped as by a kill. The next batch overlaps with this one.
            from += batch.div_ceil(2);
        }
        Box::new(open(folder, BY_FOUR).expect("opens")).close().expect("closes");
        let mut got = read(folder);
        got.sort();
        let mut wanted = wanted(&all);
        wanted.sort();
        assert_eq!(got, wanted, "batches of {batch}");
    }
}

/// The name of a part is there, the side file is not empty yet.
#[test]
fn a_crash_between_a_part_and_the_side_file_repeats_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    let all = rows(2);
    let mut sink = open(folder, BY_FOUR).expect("opens");
    sink.write(&all[..3]).expect("room");
    let side = std::fs::read(folder.join("_open.jsonl")).expect("the side file");
    sink.write(&all[3..]).expect("room");
    drop(sink);
    assert_eq!(parts(folder).len(), 1);
    std::fs::write(folder.join("_open.jsonl"), side).expect("as before");
    std::fs::write(folder.join(".part-00000002.tmp"), "half").expect("left over");
    let mut sink = open(folder, BY_FOUR).expect("opens");
    assert_eq!(sink.write(&all).expect("nothing to do").duplicates, 4);
    Box::new(sink).close().expect("closes");
    assert_eq!(read(folder), wanted(&all));
    assert!(!folder.join(".part-00000002.tmp").exists());
}

#[test]
fn a_part_ends_when_its_time_is_over() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    // Rows of 5m: three bars of two symbols fit into 15 minutes.
    let mut sink = open(folder.path(), Roll { rows: 1_000, minutes: 15 }).expect("opens");
    sink.write(&rows(7)).expect("room");
    Box::new(sink).close().expect("closes");
    let sizes: Vec<usize> =
        parts(folder.path()).iter().map(|p| batches(p).iter().map(RecordBatch::num_rows).sum()).collect();
    assert_eq!(sizes, [6, 6, 2]);
}

/// A part that cannot be written is tried again with the next batch; nothing is lost or repeated meanwhile.
#[test]
fn a_part_that_cannot_be_written_is_written_later() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    let all = rows(5);
    let mut sink = open(folder, BY_FOUR).expect("opens");
    let in_the_way = folder.join(".part-00000002.tmp");
    std::fs::create_dir(&in_the_way).expect("a folder in the way");
    // The first part is written, the second is not; the last two rows were not taken.
    for _ in 0..3 {
        assert_eq!(sink.write(&all).expect_err("no part").code(), "E0512");
    }
    assert_eq!(parts(folder).len(), 1);
    std::fs::remove_dir(&in_the_way).expect("out of the way");
    let written = sink.write(&all).expect("again");
    assert_eq!(written, Written { new: 2, duplicates: 8, conflicts: 0 });
    Box::new(sink).close().expect("closes");
    assert_eq!(read(folder), wanted(&all));
}

#[test]
fn folders_of_something_else_are_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    let mut sink = open(folder, BY_FOUR).expect("opens");
    sink.write(&rows(2)).expect("room");
    drop(sink);
    let other = RecordSchema { extra: vec!["open".into()], ..schema() };
    let error = ParquetParts::open(folder, &other, BY_FOUR).err().expect("other columns");
    assert_eq!(error.code(), "E0510");
    assert!(error.to_string().contains("prediction,close,kind"), "{error}");
    std::fs::write(folder.join("part-7.parquet"), "not parquet").expect("written");
    let error = open(folder, BY_FOUR).err().expect("damaged");
    assert_eq!(error.code(), "E0542");
    assert!(error.help().contains("move this file"), "{}", error.help());
    let file = folder.join("file");
    std::fs::write(&file, "x").expect("written");
    assert_eq!(open(&file, BY_FOUR).err().expect("no folder").code(), "E0542");
}
