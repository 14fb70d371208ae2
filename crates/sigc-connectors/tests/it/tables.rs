//! Tables: all of a file or none of it.

use crate::{read, symbol};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, TimestampMillisecondType};
use arrow_array::{Array, RecordBatch};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use sigc_connectors::sinks::table::{ColumnKind, TableSpec, TableWriter};
use sigc_market::{NULL, Ts};
use std::fs::File;
use std::io::Read;
use std::path::Path;

fn spec() -> TableSpec {
    TableSpec {
        columns: vec![("rsi, 14".to_owned(), ColumnKind::Number), ("up".to_owned(), ColumnKind::Bool)],
        metadata: vec![("sigc.fingerprint".to_owned(), "abc".to_owned())],
    }
}

fn fill(table: &mut TableWriter) {
    // 2025-05-25T10:30:00Z and the two bars after it.
    let opens = [0, 1, 2].map(|i| Ts(1_748_169_000_000 + i * 300_000));
    let closes = opens.map(|t| Ts(t.0 + 300_000));
    table.write_rows(&symbol("BTC"), &opens, &closes, &[&[0.1, NULL, 1e300], &[1.0, 0.0, NULL]]).expect("room");
    table.write_rows(&symbol("ETH"), &opens[..1], &closes[..1], &[&[-0.0], &[0.0]]).expect("room");
    table.write_rows(&symbol("ETH"), &[], &[], &[&[], &[]]).expect("nothing to do");
}

/// By hand, from the description of the format.
const CSV: &str = "\
ts,symbol,open_time,\"rsi, 14\",up
2025-05-25T10:35:00Z,BTC,2025-05-25T10:30:00Z,0.1,true
2025-05-25T10:40:00Z,BTC,2025-05-25T10:35:00Z,,false
2025-05-25T10:45:00Z,BTC,2025-05-25T10:40:00Z,1e300,
2025-05-25T10:35:00Z,ETH,2025-05-25T10:30:00Z,-0.0,false
";

fn entries(folder: &Path) -> Vec<String> {
    let all = std::fs::read_dir(folder).expect("a folder");
    all.map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn csv_plain_and_packed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for name in ["new/a.csv", "new/a.csv.gz"] {
        let path = folder.path().join(name);
        let mut table = TableWriter::create(&path, &spec(), false).expect("nothing there");
        fill(&mut table);
        assert!(!path.exists(), "nothing has the name before the end");
        table.finish().expect("room");
        let mut content = String::new();
        let file = File::open(&path).expect("finished");
        match name.ends_with("gz") {
            true => flate2::read::GzDecoder::new(file).read_to_string(&mut content),
            false => { file }.read_to_string(&mut content),
        }
        .expect("text");
        // The number's text is one of several that read back the same.
        assert_eq!(content.replace("1e+300", "1e300"), CSV);
    }
    assert_eq!(entries(&folder.path().join("new")).len(), 2, "nothing hidden is left");
}

#[test]
fn parquet_reads_back() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("a.parquet");
    let mut table = TableWriter::create(&path, &spec(), false).expect("nothing there");
    fill(&mut table);
    table.finish().expect("room");

    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(&path).expect("finished")).expect("parquet");
    let metadata = builder.metadata().file_metadata().key_value_metadata().expect("some").clone();
    assert!(metadata.iter().any(|kv| kv.key == "sigc.fingerprint" && kv.value.as_deref() == Some("abc")));
    let batches: Vec<RecordBatch> = builder.build().expect("parquet").map(|b| b.expect("sound")).collect();
    let [batch] = &batches[..] else { panic!("four rows are one batch") };
    let names: Vec<String> = batch.schema().fields().iter().map(|f| f.name().clone()).collect();
    assert_eq!(names, ["ts", "symbol", "open_time", "rsi, 14", "up"]);

    let ts = batch.column(0).as_primitive::<TimestampMillisecondType>();
    assert_eq!((ts.value(0), ts.timezone()), (1_748_169_300_000, Some("UTC")));
    let symbols = batch.column(1).as_dictionary::<Int32Type>().downcast_dict::<arrow_array::StringArray>();
    let symbols: Vec<&str> = symbols.expect("text").into_iter().flatten().collect();
    assert_eq!(symbols, ["BTC", "BTC", "BTC", "ETH"]);
    let numbers: Vec<Option<f64>> = batch.column(3).as_primitive::<Float64Type>().iter().collect();
    assert_eq!(numbers, [Some(0.1), None, Some(1e300), Some(-0.0)]);
    let bools: Vec<Option<bool>> = batch.column(4).as_boolean().iter().collect();
    assert_eq!(bools, [Some(true), Some(false), None, Some(false)]);
    assert_eq!(batch.column(2).null_count(), 0);
}

#[test]
fn a_table_of_bars_is_a_bar_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for name in ["all.parquet", "all.csv", "all.csv.gz"] {
        let path = folder.path().join(name);
        let columns = ["open", "high", "low", "close", "volume"].map(|n| (n.to_owned(), ColumnKind::Number));
        let spec = TableSpec { columns: columns.into(), metadata: vec![] };
        let mut table = TableWriter::create(&path, &spec, false).expect("nothing there");
        let every = crate::interval("1m");
        let made = sigc_connectors::generate::generate(5, &symbol("BTC"), every, Ts(0), 70_000);
        let opens: Vec<Ts> = made.iter().map(|b| b.open_time).collect();
        let closes: Vec<Ts> = opens.iter().map(|t| Ts(t.0 + 60_000)).collect();
        let columns: Vec<Vec<f64>> = (0..5).map(|i| made.iter().map(|b| b.values[i]).collect()).collect();
        let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
        table.write_rows(&symbol("BTC"), &opens, &closes, &columns).expect("room");
        table.finish().expect("room");
        let back = &read(&path, "1m").unwrap_or_else(|e| panic!("{name}: {e}"))[0];
        assert_eq!(back.symbol, symbol("BTC"));
        assert!(back.bars.iter().map(|b| &b.values[..5]).eq(made.iter().map(|b| &b.values[..5])), "{name}");
    }
}

#[test]
fn an_existing_table_is_replaced_only_when_asked_and_only_at_the_end() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for name in ["a.csv", "a.parquet"] {
        let path = folder.path().join(name);
        std::fs::write(&path, "older").expect("written");
        let error = TableWriter::create(&path, &spec(), false).err().expect("there already");
        assert_eq!(error.code(), "E0511");

        let mut table = TableWriter::create(&path, &spec(), true).expect("asked for");
        fill(&mut table);
        drop(table);
        assert_eq!(std::fs::read_to_string(&path).expect("still there"), "older");
        assert!(entries(folder.path()).iter().all(|n| !n.starts_with('.')), "a dropped table leaves nothing");

        let mut table = TableWriter::create(&path, &spec(), true).expect("asked for");
        fill(&mut table);
        table.finish().expect("room");
        assert_ne!(std::fs::read(&path).expect("there"), b"older");
    }
    // The name is taken while the table is being written.
    let path = folder.path().join("late.csv");
    let table = TableWriter::create(&path, &spec(), false).expect("nothing there");
    std::fs::write(&path, "somebody else's").expect("written");
    assert_eq!(table.finish().expect_err("taken").code(), "E0511");
    assert_eq!(std::fs::read_to_string(&path).expect("there"), "somebody else's");
}

#[test]
fn tables_that_cannot_be() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let refused = |name: &str, spec: &TableSpec| {
        TableWriter::create(&folder.path().join(name), spec, true).err().expect("impossible").code()
    };
    assert_eq!(refused("a.xlsx", &spec()), "E0510");
    let mut twice = spec();
    twice.columns.push(("ts".to_owned(), ColumnKind::Number));
    assert_eq!(refused("a.csv", &twice), "E0510");
    std::fs::create_dir(folder.path().join("b.csv")).expect("made");
    assert_eq!(refused("b.csv", &spec()), "E0512");
    let mut table = TableWriter::create(&folder.path().join("c.csv"), &spec(), false).expect("nothing there");
    assert_eq!(
        table.write_rows(&symbol("A"), &[Ts(0)], &[Ts(0)], &[&[1.0]]).expect_err("a column short").code(),
        "E0510"
    );
}
