//! The same bars in every form they come in.

use crate::{file, read, symbol};
use arrow_array::{
    ArrayRef, Date32Array, Float32Array, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
    TimestampNanosecondArray,
};
use parquet::arrow::ArrowWriter;
use sigc_market::{Bar, Field, Ts};
use std::io::Write;
use std::sync::Arc;

const KLINES: &str = "\
1704067200000000,10,12,9,11,5,1704067259999999,55,7,2,22,0
1704067260000000,11,12,10,10.5,6,1704067319999999,63,8,3,31.5,0
";
const KLINE_HEADER: &str = "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,\
                            taker_buy_quote_volume,ignore\n";

/// The two bars of [`KLINES`], 2024-01-01T00:00 and 00:01.
fn expected() -> Vec<Bar> {
    vec![
        Bar { open_time: Ts(1_704_067_200_000), values: [10.0, 12.0, 9.0, 11.0, 5.0, 55.0, 7.0, 2.0, 22.0] },
        Bar { open_time: Ts(1_704_067_260_000), values: [11.0, 12.0, 10.0, 10.5, 6.0, 63.0, 8.0, 3.0, 31.5] },
    ]
}

fn gz(content: &str) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(content.as_bytes()).expect("a vector takes every byte");
    out.finish().expect("a vector takes every byte")
}

pub fn zip(entries: &[(&str, &str)]) -> Vec<u8> {
    let mut out = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in entries {
        out.start_file(*name, zip::write::SimpleFileOptions::default()).expect("a new entry");
        out.write_all(content.as_bytes()).expect("a vector takes every byte");
    }
    out.finish().expect("a vector takes every byte").into_inner()
}

pub fn parquet(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter(columns).expect("columns of one length");
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None).expect("plain types");
    writer.write(&batch).expect("a vector takes every byte");
    writer.into_inner().expect("a vector takes every byte")
}

/// Columns of the two bars with these open times.
pub fn columns(time: ArrayRef) -> Vec<(&'static str, ArrayRef)> {
    let numbers = |v: [f64; 2]| Arc::new(Float64Array::from(v.to_vec())) as ArrayRef;
    vec![
        ("volume", numbers([5.0, 6.0])),
        ("open", numbers([10.0, 11.0])),
        ("high", Arc::new(Float32Array::from(vec![12.0, 12.0]))),
        ("low", numbers([9.0, 10.0])),
        ("close", numbers([11.0, 10.5])),
        ("trades", Arc::new(Int64Array::from(vec![7, 8]))),
        ("time", time),
    ]
}

#[test]
fn kline_archives_with_and_without_a_header() {
    let with_header = format!("{KLINE_HEADER}{KLINES}");
    for content in [KLINES, &with_header, &with_header.replace('\n', "\r\n"), &format!("\u{feff}{with_header}")] {
        for (name, bytes) in [
            ("BTCUSDT-1m-2024-01.zip", zip(&[("BTCUSDT-1m-2024-01.csv", content)])),
            ("BTCUSDT-1m.csv.gz", gz(content)),
            ("BTCUSDT.csv", content.as_bytes().to_vec()),
            ("BTCUSDT.csv", content.trim_end().as_bytes().to_vec()),
        ] {
            let (_folder, path) = file(name, bytes);
            let bars = &read(&path, "1m").unwrap_or_else(|e| panic!("{name}: {e}"))[0];
            assert_eq!(bars.symbol, symbol("BTCUSDT"));
            assert_eq!(bars.bars, expected(), "{name}");
            assert_eq!(bars.fields, Field::ALL);
        }
    }
}

#[test]
fn archives_that_are_not_one_csv() {
    let (_folder, path) = file("X.zip", zip(&[("a.csv", KLINES), ("b.csv", KLINES)]));
    assert!(read(&path, "1m").expect_err("two").to_string().ends_with("holds 2 csv files where one belongs"));
    let (_folder, path) = file("X.zip", zip(&[("a.txt", KLINES)]));
    assert_eq!(read(&path, "1m").expect_err("none").code(), "E0503");
}

#[test]
fn a_file_cut_short_is_an_error_wherever_it_is_cut() {
    let with_header = format!("{KLINE_HEADER}{KLINES}");
    let time: ArrayRef = Arc::new(Int64Array::from(vec![1_704_067_200, 1_704_067_260]));
    for (name, bytes) in [
        ("X.csv.gz", gz(&with_header)),
        ("X.zip", zip(&[("x.csv", &with_header)])),
        ("X.parquet", parquet(columns(time))),
    ] {
        let (_folder, path) = file(name, &bytes);
        read(&path, "1m").expect("whole");
        for len in 0..bytes.len() {
            std::fs::write(&path, &bytes[..len]).expect("written");
            let error = read(&path, "1m").expect_err("cut short");
            assert_eq!(error.code(), "E0503", "{name} cut to {len}: {error}");
        }
    }
}

#[test]
fn parquet_in_the_types_that_writers_use() {
    let minute = 60_000_000_i64;
    let micros = vec![1_704_067_200_000_000, 1_704_067_200_000_000 + minute];
    let nanos: Vec<i64> = micros.iter().map(|t| t * 1_000).collect();
    let times: [ArrayRef; 4] = [
        Arc::new(Int64Array::from(nanos.clone())),
        Arc::new(TimestampMicrosecondArray::from(micros).with_timezone("UTC")),
        Arc::new(TimestampNanosecondArray::from(nanos)),
        Arc::new(StringArray::from(vec!["2024-01-01T00:00:00Z", "2024-01-01T00:01:00Z"])),
    ];
    for time in times {
        let (_folder, path) = file("BTCUSDT.parquet", parquet(columns(time)));
        let bars = &read(&path, "1m").expect("a good file")[0];
        for (bar, want) in bars.bars.iter().zip(expected()) {
            assert_eq!(bar.open_time, want.open_time);
            assert_eq!(bar.values[..5], want.values[..5]);
            assert_eq!(bar.get(Field::Trades), want.get(Field::Trades));
        }
        assert_eq!(bars.fields.len(), 6);
    }
    // 19723 days after the epoch is 2024-01-01.
    let mut days = columns(Arc::new(Date32Array::from(vec![19_723, 19_724])));
    days.push(("symbol", Arc::new(StringArray::from(vec!["B", "A"]))));
    let (_folder, path) = file("all.parquet", parquet(days));
    let all = read(&path, "1d").expect("a good file");
    assert_eq!(all.iter().map(|b| b.symbol.as_str()).collect::<Vec<_>>(), ["A", "B"]);
    assert_eq!(all[1].bars[0].open_time, Ts(1_704_067_200_000));
    let listed = sigc_connectors::bars::list_symbols(&path).expect("a good file");
    assert_eq!(listed, [(symbol("A"), path.clone()), (symbol("B"), path.clone())]);
}

#[test]
fn parquet_nulls_are_nulls_and_nans_are_errors() {
    let time: ArrayRef = Arc::new(Int64Array::from(vec![1_704_067_200, 1_704_067_260]));
    let with_close = |close: Vec<Option<f64>>| {
        let mut all = columns(time.clone());
        all[4].1 = Arc::new(Float64Array::from(close));
        file("X.parquet", parquet(all))
    };
    let (_folder, path) = with_close(vec![Some(11.0), None]);
    assert!(read(&path, "1m").expect("a null")[0].bars[1].get(Field::Close).is_nan());
    let (_folder, path) = with_close(vec![Some(11.0), Some(f64::NAN)]);
    let error = read(&path, "1m").expect_err("a NaN");
    assert_eq!(error.code(), "E0506");
    assert!(error.to_string().contains("row 2: X: close"), "{error}");
    let (_folder, path) = with_close(vec![Some(11.0), Some(9.0)]);
    assert!(read(&path, "1m").expect_err("below its low").to_string().contains("close `9` is outside"));
}
