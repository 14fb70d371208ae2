//! Recorded bars. Row counts, periods and gaps are those the data's own description states; the four odd rows of the
//! equities were found with a few lines of another language.

use crate::{interval, read, read_some, shared, symbol};
use sigc_connectors::bars::{BarsNote, ReadOptions, SymbolBars, list_symbols, read_bars};
use sigc_market::{Field, Ts};

fn ts(text: &str) -> Ts {
    Ts::parse_iso(text).expect("a time")
}

fn period(bars: &SymbolBars) -> (Ts, Ts) {
    (bars.bars.first().expect("never empty").open_time, bars.bars.last().expect("never empty").open_time)
}

fn gaps(bars: &SymbolBars) -> (usize, u64) {
    let gaps = bars.notes.iter().find_map(|n| match n {
        BarsNote::Gaps { n_gaps, n_missing, .. } => Some((*n_gaps, *n_missing)),
        _ => None,
    });
    gaps.unwrap_or_default()
}

#[test]
fn minutes_in_parquet_resample_to_the_venues_own_five_minutes() {
    let (Some(fine), Some(coarse)) = (shared("binance_um_1m"), shared("binance_um_5m")) else { return };
    let fine = read_some(&fine, "1m", &["BTCUSDT", "ADAUSDT"]).expect("good files");
    let coarse = read_some(&coarse, "5m", &["BTCUSDT", "ADAUSDT"]).expect("good files");
    assert_eq!(fine[0].symbol, symbol("BTCUSDT"));
    for (fine, coarse) in fine.iter().zip(&coarse) {
        assert!((43_199..=43_200).contains(&fine.bars.len()), "{}", fine.bars.len());
        assert_eq!(coarse.bars.len(), 8_639);
        assert_eq!(coarse.fields, Field::OHLCV);
        assert!(fine.notes.is_empty() && coarse.notes.is_empty());
        for want in &coarse.bars {
            let from = fine.bars.partition_point(|b| b.open_time < want.open_time);
            let Some(five) = fine.bars.get(from..from + 5) else { continue };
            assert_eq!(five[0].open_time, want.open_time);
            assert_eq!(five[0].get(Field::Open), want.get(Field::Open));
            assert_eq!(five[4].get(Field::Close), want.get(Field::Close));
            let high = five.iter().map(|b| b.get(Field::High)).fold(0.0, f64::max);
            assert_eq!(high, want.get(Field::High));
        }
    }
    let (first, last) = period(&fine[0]);
    assert!(first >= ts("2025-05-25T10:33:00Z") && last <= ts("2025-06-24T10:34:00Z"));
}

#[test]
fn a_folder_gives_every_symbol_by_name_and_progress_ends_at_the_whole() {
    let Some(path) = shared("binance_um_5m") else { return };
    let mut seen = Vec::new();
    let all = read_bars(&path, &ReadOptions::all(interval("5m")), &mut |p| seen.push(p)).expect("good files");
    let names: Vec<&str> = all.iter().map(|b| b.symbol.as_str()).collect();
    assert_eq!(names, ["ADAUSDT", "BTCUSDT", "DOGEUSDT", "ETHUSDT", "SOLUSDT"]);
    let last = seen.last().expect("called after each file");
    assert_eq!((last.files_done, last.n_files, last.rows), (5, 5, 5 * 8_639));
    assert_eq!(last.bytes_done, last.n_bytes);
    let listed = list_symbols(&path).expect("good files");
    assert_eq!(listed.iter().map(|(s, _)| s.as_str()).collect::<Vec<_>>(), names);
}

#[test]
fn gaps_are_counted() {
    let Some(spot) = shared("spot_btc_5m_2018") else { return };
    let all = read(&spot, "5m").expect("good files");
    let places: Vec<(&str, usize)> = all.iter().map(|b| (b.symbol.as_str(), gaps(b).0)).collect();
    assert_eq!(&places[..2], [("ADABTC", 5), ("DASHBTC", 2)]);
    assert_eq!(all[0].bars.len(), 5_720);

    let Some(xrp) = shared("xrpeth_2019/bars_1m.csv.gz") else { return };
    let xrp = &read(&xrp, "1m").expect("a good file")[0];
    assert_eq!((xrp.bars.len(), gaps(xrp).0), (2_469, 676));

    let Some(coinbase) = shared("coinbase_1m_2018") else { return };
    let coinbase = read_some(&coinbase, "1m", &["BTCUSD"]).expect("good files");
    assert_eq!(coinbase[0].bars.len(), 3_887);
    let minute = |text: &str| ts(&format!("2018-04-{text}:00Z"));
    let BarsNote::Gaps { n_gaps, n_missing, first } = &coinbase[0].notes[0] else { panic!("a gap") };
    assert_eq!(*n_gaps, 2);
    // Three days of minutes less the bars that are there.
    assert_eq!(*n_missing, 3 * 1_440 - 3_887);
    assert_eq!(first[0], (minute("04T16:46"), minute("04T16:47")));
    assert_eq!(first[1], (minute("04T16:48"), minute("05T00:00")));
}

#[test]
fn names_of_other_intervals_are_left_out_with_a_note() {
    let Some(folder) = shared("xrpeth_2019") else { return };
    // `bars_1m`, `bars_5m` and `trades`: the first piece of the name is the symbol.
    let bars = &read_some(&folder, "5m", &["bars"]).expect("one file fits")[0];
    assert_eq!((bars.bars.len(), gaps(bars).0), (706, 6));
    assert!(
        bars.notes.iter().any(|n| matches!(n, BarsNote::OtherInterval { interval: i, .. } if *i == interval("1m")))
    );
    assert_eq!(read_some(&folder, "15m", &["bars"]).expect_err("neither fits").code(), "E0508");
    // The trades have no open_time, open, high, ...
    assert_eq!(read(&folder, "1m").expect_err("trades are no bars").code(), "E0502");
}

#[test]
fn equities_have_a_symbol_column_dates_and_an_empty_row() {
    let Some(path) = shared("sp500_daily/sp500_daily.csv.gz") else { return };
    let listed = list_symbols(&path).expect("a symbol column");
    assert_eq!(listed.len(), 67);

    let some = read_some(&path, "1d", &["BHF", "AAPL"]).expect("these two are sound");
    assert_eq!(some[0].symbol, symbol("BHF"));
    assert_eq!(period(&some[1]), (ts("2013-02-08"), ts("2018-02-07")));
    let day = some[0].bars.iter().find(|b| b.open_time == ts("2017-07-26")).expect("the empty row is kept");
    assert!(day.get(Field::Open).is_nan() && day.get(Field::High).is_nan() && day.get(Field::Low).is_nan());
    assert_eq!((day.get(Field::Close), day.get(Field::Volume)), (69.0842, 3.0));
    assert!(some[0].notes.contains(&BarsNote::NullCells { n_bars: 1, first: ts("2017-07-26") }));

    let odd = ["AOS", "BBY", "CHD", "CHK"];
    let sound: Vec<&str> = listed.iter().map(|(s, _)| s.as_str()).filter(|s| !odd.contains(s)).collect();
    assert_eq!(read_some(&path, "1d", &sound).expect("all others are sound").len(), 63);
    let error = read(&path, "1d").expect_err("AOS of 2014-05-19 has its high below its low");
    assert_eq!(error.code(), "E0506");
    assert!(error.to_string().ends_with("AOS: high `23.595` is below the low of its bar"), "{error}");
    let error = read_some(&path, "1d", &["BBY"]).expect_err("closed at 32.72 below its low of 33.08");
    assert!(error.to_string().ends_with("BBY: close `32.72` is outside the low and high of its bar"), "{error}");
}

#[test]
fn from_is_included_and_until_is_not() {
    let Some(path) = shared("binance_um_5m/BTCUSDT.csv.gz") else { return };
    let opts = ReadOptions {
        from: Some(ts("2025-06-01T00:00:00Z")),
        until: Some(ts("2025-06-02T00:00:00Z")),
        ..ReadOptions::all(interval("5m"))
    };
    let bars = &read_bars(&path, &opts, &mut |_| {}).expect("a good file")[0];
    assert_eq!(bars.bars.len(), 288);
    assert_eq!(period(bars), (ts("2025-06-01T00:00:00Z"), ts("2025-06-01T23:55:00Z")));
}
