//! `strategies.top_k` (S39: strategies, top-k over the universe) in `examples/top_k.yaml` over recorded bars: the positions against a plain ranking of the same bars, by every command.

use crate::support::{csv, root, sigc, sigc_ok};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

const SYMBOLS: [&str; 5] = ["BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", "DOGEUSDT"];
/// 2025-05-25T00:00:00Z.
const START: i64 = 1_748_131_200_000;
const MIN: i64 = 60_000;
const ROWS: i64 = 500;

/// The closes by symbol and minute. Some are equal; the third symbol misses a stretch, the fourth is listed later, the
/// fifth ends early.
fn closes() -> Vec<BTreeMap<i64, f64>> {
    let mut x = 11_u64;
    let mut draw = move || {
        x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (x >> 33) as i64
    };
    let there = |s: usize, row: i64| match s {
        2 => !(100..107).contains(&row),
        3 => row >= 60,
        4 => row < 400,
        _ => true,
    };
    let of = |s: usize| {
        let mut price = 100;
        let rows = (0..ROWS).map(|row| {
            price += draw() % 3 - 1;
            (row, price as f64)
        });
        rows.collect::<Vec<_>>().into_iter().filter(|(row, _)| there(s, *row)).collect()
    };
    (0..SYMBOLS.len()).map(of).collect()
}

fn write_bars(folder: &Path, closes: &[BTreeMap<i64, f64>]) {
    std::fs::create_dir_all(folder).expect("a folder");
    for (symbol, closes) in SYMBOLS.iter().zip(closes) {
        let mut text = "open_time,open,high,low,close,volume\n".to_owned();
        for (row, close) in closes {
            writeln!(text, "{},{close},{close},{close},{close},1", START + row * MIN).expect("a text grows");
        }
        std::fs::write(folder.join(format!("{symbol}.csv")), text).expect("written");
    }
}

/// The positions by label and symbol, from the words of the example: momentum over 15 rows, long in the two greatest,
/// short in the least of the others, the earlier symbol first where two are equal.
fn expected(closes: &[BTreeMap<i64, f64>]) -> BTreeMap<(i64, String), f64> {
    let mut positions = BTreeMap::new();
    for row in 0..ROWS {
        let momentum = |closes: &BTreeMap<i64, f64>| Some(closes.get(&row)? / closes.get(&(row - 15))? - 1.0);
        let mut by_rank: Vec<(f64, usize)> =
            closes.iter().map(momentum).zip(0..).filter_map(|(m, s)| Some((m?, s))).collect();
        by_rank.sort_by(|a, b| b.0.partial_cmp(&a.0).expect("numbers").then(a.1.cmp(&b.1)));
        let mut side = vec![None; SYMBOLS.len()];
        by_rank.iter().for_each(|(_, s)| side[*s] = Some(0.0));
        by_rank.iter().take(2).for_each(|(_, s)| side[*s] = Some(1.0));
        let mut rest: Vec<(f64, usize)> = by_rank.into_iter().skip(2).collect();
        rest.sort_by(|a, b| a.0.partial_cmp(&b.0).expect("numbers").then(a.1.cmp(&b.1)));
        rest.iter().take(1).for_each(|(_, s)| side[*s] = Some(-1.0));
        for (symbol, side) in SYMBOLS.iter().zip(side) {
            side.map(|side| positions.insert((START + (row + 1) * MIN, (*symbol).to_owned()), side));
        }
    }
    positions
}

fn positions(text: &str, column: &str) -> BTreeMap<(i64, String), f64> {
    let row = |r: &BTreeMap<String, String>| {
        let ts = sigc_market::Ts::parse_iso(&r["ts"]).expect("an instant").0;
        Some(((ts, r["symbol"].clone()), r[column].parse().ok()?))
    };
    csv(text).iter().filter_map(row).collect()
}

#[test]
fn the_example_ranks_as_a_plain_ranking_does() {
    let dir = tempfile::tempdir().expect("a scratch folder");
    let closes = closes();
    write_bars(&dir.path().join("bars"), &closes);
    let want = expected(&closes);
    let sides = |side: f64| want.values().filter(|x| **x == side).count();
    assert!(sides(1.0) > 900 && sides(-1.0) > 400 && sides(0.0) > 400);
    let file = root().join("examples/top_k.yaml");
    let file = file.to_str().expect("a plain path");
    let read = |path: &str| std::fs::read_to_string(dir.path().join(path)).expect("rows");

    sigc_ok(dir.path(), &["check", file, "--deny-warnings"]);
    sigc_ok(dir.path(), &["run", file, "--replay", "bars"]);
    assert_eq!(positions(&read("outputs/predictions/top_k.csv"), "prediction"), want);
    for threads in ["1", "2"] {
        let args = ["backfill", file, "--bars", "bars", "--out", "rows.csv", "--overwrite", "--threads", threads];
        sigc_ok(dir.path(), &args);
        assert_eq!(positions(&read("rows.csv"), "position"), want);
    }
    let verified = sigc_ok(dir.path(), &["verify", file, "--bars", "bars", "--splits", "3", "--restarts", "20"]);
    assert!(verified.contains("restarts from exactly the needed bars"), "{verified}");
    assert!(sigc_ok(dir.path(), &["plan", file]).contains("Symbols wait for each other: cs_order over the universe"));
}

/// Over a part of the universe every rank would be another one.
#[test]
fn a_part_of_the_universe_is_refused() {
    let dir = tempfile::tempdir().expect("a scratch folder");
    write_bars(&dir.path().join("bars"), &closes());
    let file = root().join("examples/top_k.yaml");
    let file = file.to_str().expect("a plain path");
    let some = ["--symbols", "BTCUSDT,ETHUSDT"];
    for args in [
        ["run", file, "--replay", "bars"].as_slice(),
        &["verify", file, "--bars", "bars"],
        &["backfill", file, "--bars", "bars", "--out", "rows.csv"],
    ] {
        let out = sigc(dir.path(), &[args, &some].concat());
        let text = String::from_utf8_lossy(&out.stderr).into_owned();
        assert_eq!(out.status.code(), Some(1), "{args:?}: {text}");
        assert!(text.contains("error[E0519]") && text.contains("all 5 of its universe"), "{text}");
    }
}
