//! The file stays small, and says so when it cannot.

use crate::model::{START, identity};
use sigc_journal::entry::{BarEntry, BarFate, BarId, Batch, CursorEntry, Origin, RowEntry, RowFate, SnapshotEntry};
use sigc_journal::why::Answer;
use sigc_journal::{Journal, JournalError, Options, audit, why};
use sigc_market::{Bar, Ts};
use sigc_runtime::Record;
use std::fs;

const QUARTER: i64 = 900_000;

/// The `n`th batch: 320 bars of three symbols, rows, snapshots and cursors behind them.
fn batch(n: i64, confirmed: bool) -> Batch {
    let mut batch = Batch::default();
    let identity = identity();
    for symbol in 0..3u32 {
        for k in 320 * n..320 * (n + 1) {
            let open_time = Ts(START + QUARTER * k);
            let row = open_time.0 / QUARTER;
            let bar = Bar::ohlcv(open_time, 100.0, 101.0, 99.0, 100.0 + k as f64, 7.0);
            let fate = BarFate::Taken { bar, origin: Origin::Stream };
            batch.bars.push(BarEntry { id: BarId { source: 0, symbol, row }, fate, at: Ts(open_time.0 + QUARTER) });
        }
        let open_time = Ts(START + 1_800_000 * n);
        let record = Record {
            signal: 0,
            latency_ms: None,
            symbol: identity.symbols[symbol as usize].clone(),
            ts: Ts(open_time.0 + 1_800_000),
            open_time,
            value: n as f64,
            extra: vec![0.0, 1.0],
            caught_up: false,
        };
        let seq = (3 * n) as u64 + u64::from(symbol) + 1;
        batch.rows.push(RowEntry { signal: 0, symbol, open_time, fate: RowFate::Emitted { seq, record } });
        let at = Ts(START + QUARTER * 320 * (n + 1));
        batch.snapshots.push(SnapshotEntry { symbol, at, bytes: vec![n as u8; 4_000] });
    }
    if confirmed {
        let seq = 3 * (n as u64 + 1);
        batch.cursors = vec![CursorEntry { sink: 0, seq }, CursorEntry { sink: 1, seq }];
    }
    batch
}

/// 220 batches of 960 bars: over 200,000 entries.
#[test]
fn two_hundred_thousand_entries_take_the_space_of_those_kept() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let options = Options { keep_bars: 500, keep_rows: 100, ..Options::default() };
    let mut journal = Journal::open(dir.path(), &identity(), options.clone()).expect("made").journal;
    let path = journal.path().to_owned();
    let length = || fs::metadata(&path).expect("the file").len();
    let mut after_50 = 0;
    for n in 0..220 {
        journal.commit(&batch(n, true)).expect("stored");
        if n == 50 {
            after_50 = length();
        }
    }
    // By then everything that is kept was there once; what comes later takes the place of what goes.
    assert!(length() <= 2 * after_50, "{} bytes after 50 batches, {} after 220", after_50, length());
    assert!(length() < 4 << 20, "{} bytes", length());
    let reader = journal.reader();
    assert_eq!(reader.bars(0, 1, i64::MIN, i64::MAX).expect("readable").len(), 500);
    assert_eq!(reader.rows_after(0, usize::MAX).expect("readable").len(), 300);
    drop((reader, journal));
    let opened = Journal::open(dir.path(), &identity(), options).expect("sound");
    assert_eq!(opened.restored.expect("entries").bars, Vec::new(), "all bars are behind the snapshots");
}

/// A sink that confirms nothing holds everything, up to the limit. Cursors are taken even then, and make room.
#[test]
fn a_full_journal_says_so_and_recovers_when_sinks_catch_up() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let options = Options { keep_bars: 50, keep_rows: 10, max_bytes: 2 << 20, ..Options::default() };
    let mut journal = Journal::open(dir.path(), &identity(), options.clone()).expect("made").journal;
    // A hundred times three rows.
    let rows_only = |n: i64| Batch {
        rows: (100 * n..100 * (n + 1)).flat_map(|n| batch(n, false).rows).collect(),
        ..Batch::default()
    };
    let mut n = 0;
    let error = loop {
        match journal.commit(&rows_only(n)) {
            Ok(()) => n += 1,
            Err(error) => break error,
        }
        assert!(n < 500, "no limit");
    };
    assert!(matches!(error, JournalError::Full { .. }), "{error}");
    assert_eq!(error.code(), "E0524");
    let seq = 300 * n as u64;
    assert_eq!(journal.reader().rows_after(0, usize::MAX).expect("readable").len() as u64, seq, "none is lost");
    for _ in 0..100 {
        let cursors = vec![CursorEntry { sink: 0, seq }, CursorEntry { sink: 1, seq }];
        journal.commit(&Batch { cursors, ..Batch::default() }).expect("cursors are always taken");
    }
    journal.commit(&rows_only(n)).expect("there is room again");
    drop(journal);
    let opened = Journal::open(dir.path(), &identity(), options).expect("sound");
    assert_eq!(opened.journal.last_seq(), seq + 300);
}

/// An event that is quiet takes the room of one entry, and the ledger still has every row of it.
#[test]
fn a_quiet_year_takes_no_room() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let options = Options { keep_rows: 100, ..Options::default() };
    let mut journal = Journal::open(dir.path(), &identity(), options).expect("made").journal;
    let path = journal.path().to_owned();
    let length = || fs::metadata(&path).expect("the file").len();
    let half_hours = |from: i64, n: i64| {
        let entry = move |k: i64| RowEntry {
            signal: 1,
            symbol: (k % 3) as u32,
            open_time: Ts(START + 1_800_000 * (k / 3)),
            fate: RowFate::Quiet,
        };
        Batch { rows: (3 * from..3 * (from + n)).map(entry).collect(), ..Batch::default() }
    };
    journal.commit(&half_hours(0, 48)).expect("stored");
    let after_a_day = length();
    for day in 1..365 {
        journal.commit(&half_hours(48 * day, 48)).expect("stored");
    }
    assert_eq!(length(), after_a_day);
    let sum = audit(&journal.reader()).expect("readable");
    let lines: Vec<_> = sum.rows.iter().filter(|l| l.signal == 1).collect();
    assert!(sum.is_whole() && lines.len() == 3, "{sum:?}");
    for line in lines {
        assert_eq!((line.quiet, line.stretch.expected, line.stretch.kept), (365 * 48, 365 * 48, 365 * 48));
    }
    let first = why(&journal.reader(), 1, "ETHUSDT", Ts(START + 1_800_000)).expect("readable").expect("a symbol");
    assert_eq!(first.answer, Answer::Fate(RowFate::Quiet));
}
