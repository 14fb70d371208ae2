//! The ledger: sums against a plain count, and single rows against the story that was told.

use crate::model::{Model, Random, START, identity};
use sigc_journal::entry::{
    BarEntry, BarFate, BarId, Batch, CursorEntry, Oddity, OddityKind, Origin, RowEntry, RowFate, SnapshotEntry,
};
use sigc_journal::why::{Answer, Why};
use sigc_journal::{Journal, Options, audit, why};
use sigc_market::{Bar, Ts};
use sigc_runtime::Record;

const MINUTE: i64 = 60_000;

fn at(minutes: i64) -> Ts {
    Ts(START + minutes * MINUTE)
}

/// Whatever was pruned, the sums are those of the model, which counts one by one.
#[test]
fn sums_equal_a_plain_count_however_little_is_kept() {
    for keep in [1, 7, 10_000] {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let options = Options { keep_bars: keep, keep_rows: keep, ..Options::default() };
        let mut journal = Journal::open(dir.path(), &identity(), options).expect("made").journal;
        let mut model = Model::new(identity());
        let mut r = Random(u64::from(keep) + 40);
        for _ in 0..60 {
            let batch = model.batch(&mut r);
            journal.commit(&batch).expect("stored");
            model.commit(&batch);
        }
        let sum = audit(&journal.reader()).expect("readable");
        assert!(sum.is_whole() && sum.missing() == 0, "{sum:#?}");
        let mut lines = sum.bars.iter();
        for (source, s) in (0..).zip(&model.identity.sources) {
            for symbol in 0..s.symbols.len() as u32 {
                let line = lines.next().expect("a line each");
                let bars = model.bars.values().filter(|e| (e.id.source, e.id.symbol) == (source, symbol));
                let count = |wanted: &dyn Fn(&BarFate) -> bool| bars.clone().filter(|e| wanted(&e.fate)).count() as u64;
                let from = |o: Origin| count(&|f| matches!(f, BarFate::Taken { origin, .. } if *origin == o));
                assert_eq!(line.stretch.expected, bars.clone().count() as u64);
                assert_eq!((line.stream, line.rest), (from(Origin::Stream), from(Origin::Rest)));
                assert_eq!((line.archive, line.poll), (from(Origin::Archive), from(Origin::Poll)));
                assert_eq!(line.absent, count(&|f| *f == BarFate::Absent));
                assert_eq!(line.unrepaired, count(&|f| *f == BarFate::Unrepaired));
                let odd = |k| {
                    model.oddities.iter().filter(move |o| (o.id.source, o.id.symbol, o.kind) == (source, symbol, k))
                };
                assert_eq!(line.late, odd(OddityKind::Late).count() as u64);
                assert_eq!(line.duplicate, odd(OddityKind::Duplicate).count() as u64);
                assert_eq!(line.revised, odd(OddityKind::Revised).count() as u64);
            }
        }
        let lanes = (0..3).flat_map(|signal| (0..3).map(move |symbol| (signal, symbol)));
        for (lane, line) in lanes.zip(&sum.rows) {
            assert_eq!((line.signal, &line.symbol), (lane.0, &model.identity.symbols[lane.1 as usize]));
            let rows = model.rows.iter().filter(|((l, _), _)| *l == lane).map(|(_, fate)| fate);
            let count = |wanted: RowFate| rows.clone().filter(|f| **f == wanted).count() as u64;
            let emitted = rows.clone().filter(|f| matches!(f, RowFate::Emitted { .. })).count() as u64;
            assert_eq!((line.emitted, line.stretch.expected), (emitted, rows.clone().count() as u64));
            assert_eq!((line.warmup, line.quiet), (count(RowFate::Warmup), count(RowFate::Quiet)));
            assert_eq!((line.null_input, line.skipped), (count(RowFate::NullInput), count(RowFate::Skipped)));
            assert_eq!(line.model_failed, count(RowFate::ModelFailed));
        }
        assert_eq!(sum.rows.len(), 9);
        let cursors: Vec<u64> = sum.sinks.iter().map(|s| s.cursor).collect();
        assert_eq!((cursors, sum.last_seq), (model.cursors.clone(), model.last_seq));
        let kept: u64 = sum.bars.iter().map(|l| l.stretch.kept).sum();
        assert!(keep > 7 || kept < model.bars.len() as u64, "nothing was pruned");
        // The newest of each kind come first, at most a hundred.
        for kind in [OddityKind::Duplicate, OddityKind::Revised, OddityKind::Late] {
            let listed: Vec<Ts> = sum.oddities.iter().filter(|o| o.kind == kind).map(|o| o.at).collect();
            let all: Vec<Ts> = model.oddities.iter().rev().filter(|o| o.kind == kind).map(|o| o.at).collect();
            assert_eq!(listed, all[..all.len().min(100)]);
        }
    }
}

#[test]
fn a_bar_without_an_entry_is_found() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let mut journal = Journal::open(dir.path(), &identity(), Options::default()).expect("made").journal;
    let first = START / (15 * MINUTE);
    let bars = [0, 1, 4, 5].map(|k| BarEntry {
        id: BarId { source: 0, symbol: 1, row: first + k },
        fate: BarFate::Absent,
        at: at(0),
    });
    journal.commit(&Batch { bars: bars.to_vec(), ..Batch::default() }).expect("stored");
    let sum = audit(&journal.reader()).expect("readable");
    assert_eq!((sum.missing(), sum.is_whole()), (2, false));
    assert_eq!(sum.bars[1].stretch.missing_at, [at(45), at(30)]);
    assert_eq!(sum.bars[1].stretch.expected, 6);
    assert!(!sum.bars[1].stretch.miscounted);
    assert_eq!(sum.bars[0].stretch.expected, 0);
}

/// Half an hour of BTCUSDT each: a row without history, an emitted one, one with a gap, and one that waits.
fn story(journal: &mut Journal) {
    let quarter = |k: i64, fate: Option<BarFate>| {
        let open_time = at(15 * k);
        let bar = Bar::ohlcv(open_time, 1.0, 2.0, 0.5, 1.5, 10.0);
        let fate = fate.unwrap_or(BarFate::Taken { bar, origin: Origin::Stream });
        let id = BarId { source: 0, symbol: 0, row: open_time.0 / (15 * MINUTE) };
        BarEntry { id, fate, at: Ts(open_time.0 + 15 * MINUTE + 120 + k) }
    };
    let hour = {
        let bar = Bar::ohlcv(at(0), 1.0, 2.0, 0.5, 1.5, 40.0);
        let id = BarId { source: 1, symbol: 2, row: START / (60 * MINUTE) };
        BarEntry { id, fate: BarFate::Taken { bar, origin: Origin::Rest }, at: Ts(at(60).0 + 900) }
    };
    let row = |k: i64, fate| RowEntry { signal: 0, symbol: 0, open_time: at(30 * k), fate };
    let record = |k: i64| Record {
        signal: 0,
        latency_ms: None,
        symbol: identity().symbols[0].clone(),
        ts: at(30 * k + 30),
        open_time: at(30 * k),
        value: 0.25,
        extra: vec![1.0, 2.0],
        caught_up: false,
    };
    let mut bars: Vec<BarEntry> = (0..8).map(|k| quarter(k, (k == 5).then_some(BarFate::Unrepaired))).collect();
    bars.push(hour);
    let late = Oddity { id: bars[5].id, kind: OddityKind::Late, at: at(100) };
    let rows = vec![
        row(0, RowFate::Warmup),
        row(1, RowFate::Emitted { seq: 1, record: record(1) }),
        row(2, RowFate::NullInput),
        row(3, RowFate::Emitted { seq: 2, record: record(3) }),
        // The event on the same rows is quiet, quiet, null, quiet.
        RowEntry { signal: 1, ..row(0, RowFate::Quiet) },
        RowEntry { signal: 1, ..row(1, RowFate::Quiet) },
        RowEntry { signal: 1, ..row(2, RowFate::NullInput) },
        RowEntry { signal: 1, ..row(3, RowFate::Quiet) },
    ];
    let cursors = vec![CursorEntry { sink: 0, seq: 2 }, CursorEntry { sink: 1, seq: 1 }];
    let snapshots = vec![SnapshotEntry { symbol: 0, at: at(120), bytes: vec![1] }];
    journal.commit(&Batch { bars, rows, snapshots, cursors, oddities: vec![late] }).expect("stored");
}

#[test]
fn each_row_tells_its_story() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let mut journal = Journal::open(dir.path(), &identity(), Options::default()).expect("made").journal;
    story(&mut journal);
    let reader = journal.reader();
    let ask = |minutes: i64| -> Why { why(&reader, 0, "BTCUSDT", at(minutes)).expect("readable").expect("a symbol") };

    // Rows are labelled by their close: 01:00 is the row from 00:30 on.
    let emitted = ask(60);
    assert!(matches!(emitted.answer, Answer::Fate(RowFate::Emitted { seq: 1, .. })), "{emitted:?}");
    assert_eq!((emitted.open_time, emitted.close_time), (at(30), at(60)));
    let seen: Vec<_> = emitted.bars.iter().map(|b| (b.frame.as_str(), b.open_time, b.latency_ms)).collect();
    assert_eq!(seen, [("fast", at(30), Some(122)), ("fast", at(45), Some(123)), ("slow", at(0), Some(900))]);
    assert!(emitted.sinks.iter().all(|s| s.confirmed) && emitted.gaps.is_empty());

    let waiting = ask(120);
    assert_eq!(waiting.sinks.iter().map(|s| (s.confirmed, s.backlog)).collect::<Vec<_>>(), [(true, 0), (false, 1)]);

    let null = ask(90);
    assert_eq!(null.answer, Answer::Fate(RowFate::NullInput));
    assert_eq!(
        null.gaps.iter().map(|g| (g.open_time, g.fate)).collect::<Vec<_>>(),
        [(at(75), Some(BarFate::Unrepaired))]
    );
    assert_eq!(null.oddities.iter().map(|o| (o.kind, o.open_time)).collect::<Vec<_>>(), [(OddityKind::Late, at(75))]);
    // The slower source's newest closed bar, and no later one.
    assert_eq!(null.bars.iter().filter(|b| b.frame == "slow").map(|b| b.open_time).collect::<Vec<_>>(), [at(0)]);

    assert_eq!(ask(30).answer, Answer::Fate(RowFate::Warmup));
    assert_eq!(ask(0).answer, Answer::Fate(RowFate::Warmup), "the open of the first row");
    assert_eq!(ask(-30).answer, Answer::Before { first: at(0) });
    assert_eq!(ask(180).answer, Answer::NotYet { newest: Some(at(90)) });
    assert_eq!(ask(61).answer, Answer::OffGrid);
    let other = why(&reader, 0, "ETHUSDT", at(60)).expect("readable").expect("a symbol");
    assert_eq!(other.answer, Answer::NotYet { newest: None });
    assert_eq!(why(&reader, 0, "XRPUSDT", at(60)).expect("readable"), None, "nothing is emitted for it");
    assert_eq!(why(&reader, 3, "BTCUSDT", at(60)).expect("readable"), None, "no such signal");
    let event = |minutes: i64| why(&reader, 1, "BTCUSDT", at(minutes)).expect("readable").expect("a symbol");
    for (minutes, fate) in [(30, RowFate::Quiet), (60, RowFate::Quiet), (90, RowFate::NullInput), (120, RowFate::Quiet)]
    {
        assert_eq!(event(minutes).answer, Answer::Fate(fate), "minute {minutes}");
    }
    assert_eq!(event(150).answer, Answer::NotYet { newest: Some(at(90)) });
    assert!(event(60).bars.iter().all(|b| b.frame == "fast"), "it does not read the slow source");
    let slow = why(&reader, 2, "BTCUSDT", at(60)).expect("readable").expect("a symbol");
    assert_eq!((slow.answer, slow.bars.len()), (Answer::NotYet { newest: None }, 1));
    for answer in [&emitted, &null, &other].map(|w| w.answer.words()) {
        assert!(answer.len() > 20, "{answer}");
    }
}

#[test]
fn a_pruned_row_says_so() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let options = Options { keep_rows: 2, keep_bars: 2, ..Options::default() };
    let mut journal = Journal::open(dir.path(), &identity(), options).expect("made").journal;
    story(&mut journal);
    let pruned = why(&journal.reader(), 0, "BTCUSDT", at(60)).expect("readable").expect("a symbol");
    assert_eq!(pruned.answer, Answer::Pruned { kept_from: at(60) });
    assert!(pruned.answer.words().contains("pruned"));
    assert!(pruned.bars.iter().filter(|b| b.frame == "fast").all(|b| b.fate.is_none()));
    // The second sink waits for row 2, which keeps it and all behind it.
    let waits = why(&journal.reader(), 0, "BTCUSDT", at(120)).expect("readable").expect("a symbol");
    assert!(matches!(waits.answer, Answer::Fate(RowFate::Emitted { seq: 2, .. })));
}
