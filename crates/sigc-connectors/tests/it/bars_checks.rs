//! One hand-made file for every way a bar file can be wrong: code, message and place.

use crate::{file, interval, read, read_some, symbol};
use sigc_connectors::bars::{BarsNote, ReadOptions, read_bars};
use sigc_market::Ts;
use std::path::Path;

const HEADER: &str = "open_time,open,high,low,close,volume\n";

/// The message without the folder, behind its code.
fn refused(name: &str, content: impl AsRef<[u8]>, every: &str) -> String {
    let (_folder, path) = file(name, content);
    let error = read(&path, every).expect_err("the file is wrong");
    assert!(!error.help().is_empty() && !error.to_string().ends_with('.'));
    let whole = format!("{}/", path.parent().expect("in a folder").display());
    format!("{} {}", error.code(), error.to_string().replace(&whole, ""))
}

/// A csv of 5m bars with these rows after three sound ones (lines 2 to 4, 00:00 to 00:10 of 2024-01-01).
fn after_sound_rows(rows: &str) -> String {
    let sound = "1704067200000,10,12,9,11,5\n1704067500000,10,12,9,11,5\n1704067800000,10,12,9,11,5\n";
    refused("X.csv", format!("{HEADER}{sound}{rows}"), "5m")
}

#[test]
fn rows_that_are_no_bars() {
    for (rows, expected) in [
        ("1704068100000,10,12,9,11\n", "E0503 `X.csv`, line 5: 5 fields where 6 belong"),
        ("1704068100000,10,12,9,11,5,6\n", "E0503 `X.csv`, line 5: 7 fields where 6 belong"),
        ("1704068100000,10,twelve,9,11,5\n", "E0503 `X.csv`, line 5: high `twelve` is no number"),
        ("soon,10,12,9,11,5\n", "E0503 `X.csv`, line 5: `soon` is no open time"),
        (",10,12,9,11,5\n", "E0503 `X.csv`, line 5: `` is no open time"),
        (
            "1704068100,10,12,9,11,5\n",
            "E0503 `X.csv`, line 5: open time `1704068100` is in seconds, and the file began in milliseconds",
        ),
        (
            "1704067500000,10,12,9,11,5\n",
            "E0504 `X.csv`, line 5: X at 2024-01-01T00:05:00Z comes after 2024-01-01T00:10:00Z",
        ),
        (
            "1704067800000,10,12,9,11,5\n",
            "E0505 `X.csv`, line 5: X at 2024-01-01T00:10:00Z was there already in `X.csv`, line 4",
        ),
        ("1704068100000,10,12,nan,11,5\n", "E0506 `X.csv`, line 5: X: low `nan` is a word for no value"),
        ("1704068100000,10,12,9,11,null\n", "E0506 `X.csv`, line 5: X: volume `null` is a word for no value"),
        ("1704068100000,10,inf,9,11,5\n", "E0506 `X.csv`, line 5: X: high `inf` is not a finite number"),
        ("1704068100000,10,1e999,9,11,5\n", "E0506 `X.csv`, line 5: X: high `1e999` is not a finite number"),
        ("1704068100000,10,12,9,11,-1\n", "E0506 `X.csv`, line 5: X: volume `-1` is below zero"),
        ("1704068100000,10,12,0,11,5\n", "E0506 `X.csv`, line 5: X: low `0` is not above zero"),
        ("1704068100000,-10,12,9,11,5\n", "E0506 `X.csv`, line 5: X: open `-10` is not above zero"),
        ("1704068100000,10,8,9,11,5\n", "E0506 `X.csv`, line 5: X: high `8` is below the low of its bar"),
        ("1704068100000,13,12,9,11,5\n", "E0506 `X.csv`, line 5: X: open `13` is outside the low and high of its bar"),
        (
            "1704068100000,10,12,9,8.99,5\n",
            "E0506 `X.csv`, line 5: X: close `8.99` is outside the low and high of its bar",
        ),
        ("1704068160000,10,12,9,11,5\n", "E0507 `X.csv`, line 5: X at 2024-01-01T00:16:00Z: no 5m bar opens then"),
    ] {
        assert_eq!(after_sound_rows(rows), expected);
    }
}

#[test]
fn files_that_are_not_there_or_hold_nothing() {
    let error = read(Path::new("no/such/folder"), "1m").expect_err("nothing there");
    assert_eq!((error.code(), error.to_string().as_str()), ("E0501", "there is no file or folder `no/such/folder`"));
    let (folder, _) = file("notes.txt", "");
    assert_eq!(read(folder.path(), "1m").expect_err("no bar file").code(), "E0501");
    assert_eq!(refused("X.csv", "", "1m"), "E0503 `X.csv`: the file is empty");
    assert_eq!(refused("X.txt", "", "1m"), "E0503 `X.txt`: the name does not end in .csv, .csv.gz, .zip or .parquet");
    assert_eq!(refused("X.csv", HEADER, "1m"), "E0509 `X.csv` holds no bars");
    assert_eq!(
        refused("X.csv", "time,open,hihg,low,close,vol\n1,2,3,4,5,6\n", "1m"),
        "E0502 `X.csv` has no column `high`, `volume`"
    );
    assert!(refused("X.csv", "1704067200000,10,12,9,11,5\n", "1m").starts_with("E0502"));
    assert!(refused("a b.csv", HEADER, "1m").starts_with("E0503"));
}

#[test]
fn bars_of_another_interval() {
    let minutes: String = (0..40).map(|i| format!("{},10,12,9,11,5\n", 1_704_067_200 + i * 60)).collect();
    let minutes = format!("{HEADER}{minutes}");
    assert_eq!(
        refused("X.csv", &minutes, "5m"),
        "E0508 `X.csv`, line 3: the bars are 1m apart, and 5m bars are wanted"
    );
    let fives: String = (0..40).map(|i| format!("{},10,12,9,11,5\n", 1_704_067_200 + i * 300)).collect();
    let fives = format!("{HEADER}{fives}");
    assert_eq!(refused("X.csv", &fives, "1m"), "E0508 `X.csv`: the bars are 5m apart, and 1m bars are wanted");
    // A whole file off the grid is a matter of time zones, not of the interval.
    let shifted = fives.replace("1704067200,", "1704067080,");
    assert!(refused("X.csv", shifted, "5m").starts_with("E0507"));
    assert_eq!(refused("X-1m.csv", &minutes, "5m"), "E0508 `X-1m.csv`: the bars are 1m apart, and 5m bars are wanted");
}

#[test]
fn wanted_symbols_without_bars() {
    let (_folder, path) = file("BTC.csv", format!("{HEADER}1704067200,10,12,9,11,5\n"));
    let error = read_some(&path, "1m", &["BTC", "ETH"]).expect_err("no ETH");
    assert_eq!(error.code(), "E0509");
    assert!(error.to_string().ends_with("has no bars of ETH"), "{error}");
    assert!(error.help().contains("BTC"), "{}", error.help());

    let wanted = [symbol("BTC")];
    let opts =
        ReadOptions { symbols: Some(&wanted), from: Some(Ts(1_704_067_200_001)), ..ReadOptions::all(interval("1m")) };
    let error = read_bars(&path, &opts, &mut |_| {}).expect_err("all bars are older");
    assert_eq!(error.code(), "E0509");
    assert!(error.to_string().contains("only from 2024-01-01T00:00:00Z to 2024-01-01T00:00:00Z"), "{error}");
}

#[test]
fn files_of_a_symbol_are_joined_and_equal_rows_merged() {
    let row = |minute: i64, close: &str| format!("{},10,12,9,{close},5\n", 1_704_067_200 + minute * 60);
    // By name the later month comes first.
    let (folder, path) = file("X-b.csv", format!("{HEADER}{}{}", row(0, "10"), row(1, "10")));
    std::fs::write(folder.path().join("X-a.csv"), format!("{HEADER}{}{}", row(1, "10"), row(4, "11")))
        .expect("written");
    std::fs::write(folder.path().join(".X-c.csv"), "hidden").expect("written");
    let bars = &read(folder.path(), "1m").expect("they fit together")[0];
    let opens: Vec<i64> = bars.bars.iter().map(|b| (b.open_time.0 - 1_704_067_200_000) / 60_000).collect();
    assert_eq!(opens, [0, 1, 4]);
    assert_eq!(bars.notes[0], BarsNote::Merged { n_bars: 1 });
    assert_eq!(bars.notes[1].to_string(), "2 bars missing in 1 places: 2024-01-01T00:02:00Z to 2024-01-01T00:04:00Z");

    std::fs::write(&path, format!("{HEADER}{}{}", row(0, "10"), row(1, "10.5"))).expect("written");
    let error = read(folder.path(), "1m").expect_err("two closes for one bar");
    assert_eq!(error.code(), "E0505");
    let text = error.to_string();
    assert!(
        text.contains("X-b.csv`, line 3: X at 2024-01-01T00:01:00Z") && text.ends_with("X-a.csv`, line 2"),
        "{text}"
    );
}

#[test]
fn empty_cells_are_nulls() {
    let rows = "1704067200,10,12,9,11,\n1704067260,,,,,\n1704067320,10,12,9,11,0\n";
    let (_folder, path) = file("X.csv", format!("{HEADER}{rows}"));
    let bars = &read(&path, "1m").expect("nulls are fine")[0];
    assert_eq!(bars.bars.len(), 3);
    assert!(bars.bars[0].values[4].is_nan() && bars.bars[1].values.iter().all(|v| v.is_nan()));
    assert_eq!(bars.notes, [BarsNote::NullCells { n_bars: 2, first: Ts(1_704_067_200_000) }]);
}

#[test]
fn a_line_without_end_is_given_up() {
    let mut content = HEADER.as_bytes().to_vec();
    content.extend(std::iter::repeat_n(b'1', 3 << 20));
    assert!(refused("X.csv", &content, "1m").ends_with("a line is longer than 1 MiB"));
    // A quote that is never closed swallows all the lines after it.
    let rows: String = (0..200_000).map(|i| format!("{},10,12,9,11,5\n", 1_704_067_200 + i * 60)).collect();
    assert!(refused("X.csv", format!("{HEADER}\"{rows}"), "1m").ends_with("a line is longer than 1 MiB"));
}
