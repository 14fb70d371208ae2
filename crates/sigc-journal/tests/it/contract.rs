//! A batch that contradicts what is stored is refused, and leaves no trace.

use crate::model::{Model, Random, identity};
use sigc_journal::entry::{BarEntry, BarFate, BarId, Batch, CursorEntry, RowEntry, RowFate, SnapshotEntry};
use sigc_journal::{Journal, JournalError, Options};
use sigc_market::{Bar, Ts};
use sigc_runtime::live::entry::Origin;

fn bars(bars: Vec<BarEntry>) -> Batch {
    Batch { bars, ..Batch::default() }
}

fn rows(rows: Vec<RowEntry>) -> Batch {
    Batch { rows, ..Batch::default() }
}

fn cursor(sink: u16, seq: u64) -> Batch {
    Batch { cursors: vec![CursorEntry { sink, seq }], ..Batch::default() }
}

#[test]
fn contradictions_are_refused_whole() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let mut journal = Journal::open(dir.path(), &identity(), Options::default()).expect("made").journal;
    let mut model = Model::new(identity());
    let mut r = Random(5);
    for _ in 0..6 {
        let batch = model.batch(&mut r);
        journal.commit(&batch).expect("stored");
        model.commit(&batch);
    }
    let (id, bar) = model.bars.iter().next_back().expect("some bars");
    let (((signal, symbol), open_time), _) = model.rows.iter().next().expect("some rows");
    let emitted = model.last_seq;
    let (_, record) = model.rows_after(0).into_iter().rfind(|(_, r)| r.signal == 0).expect("some rows");
    let place = identity().symbols.iter().position(|s| *s == record.symbol).expect("a symbol") as u32;
    let next = BarId { row: id.row + 1, ..*id };
    let bad_open = Bar::ohlcv(Ts(5), 1.0, 1.0, 1.0, 1.0, 1.0);
    let absent = |id| BarEntry { id, fate: BarFate::Absent, at: Ts(0) };
    let warm = |signal, symbol, open_time| RowEntry { signal, symbol, open_time, fate: RowFate::Warmup };
    let later = Ts(record.open_time.0 + 1_800_000 * 50);
    let numbered = |seq, open_time| {
        let mut record = record.clone();
        record.open_time = later;
        RowEntry { signal: 0, symbol: place, open_time, fate: RowFate::Emitted { seq, record } }
    };
    let of_another = RowEntry { signal: 1, ..numbered(emitted + 1, later) };
    let before = Ts(open_time.0 - 1_800_000);
    let snapshot = model.snapshots.values().find(|s| s.at > Ts(crate::model::START)).expect("a snapshot");
    let back = SnapshotEntry { at: Ts(snapshot.at.0 - 1), ..snapshot.clone() };
    let far = BarId { source: 7, ..*id };
    let cases: Vec<(&str, Batch)> = vec![
        ("a second fate of a stored bar", bars(vec![*bar])),
        ("a second fate within the batch", bars(vec![absent(next), absent(next)])),
        ("good entries before a bad one", bars(vec![absent(next), *bar])),
        ("no such source", bars(vec![absent(far)])),
        ("no such symbol", bars(vec![absent(BarId { symbol: 99, ..*id })])),
        (
            "a bar of another row",
            bars(vec![BarEntry { id: next, fate: BarFate::Taken { bar: bad_open, origin: Origin::Rest }, at: Ts(0) }]),
        ),
        ("a second fate of a row", rows(vec![warm(*signal, *symbol, *open_time)])),
        ("a row that comes late", rows(vec![warm(*signal, *symbol, before)])),
        ("a row off the grid", rows(vec![warm(0, 0, Ts(later.0 + 1))])),
        ("half an hour of a signal on hours", rows(vec![warm(2, 0, Ts(later.0 - later.0 % 3_600_000 + 1_800_000))])),
        ("no such symbol of a signal", rows(vec![warm(0, 9, later)])),
        ("no such signal", rows(vec![warm(3, 0, later)])),
        ("a record of another signal", rows(vec![of_another])),
        ("a number left out", rows(vec![numbered(emitted + 2, later)])),
        ("a number twice", rows(vec![numbered(emitted, later)])),
        ("a record of another row", rows(vec![numbered(emitted + 1, Ts(later.0 + 1_800_000))])),
        ("a cursor ahead of the rows", cursor(0, emitted + 1)),
        ("no such sink", cursor(2, 0)),
        ("a snapshot that goes back", Batch { snapshots: vec![back], ..Batch::default() }),
    ];
    for (what, batch) in &cases {
        let error = journal.commit(batch).expect_err(what);
        assert!(matches!(error, JournalError::Contract { .. }), "{what}: {error}");
        assert_eq!(error.code(), "E0527");
    }
    journal.commit(&cursor(0, emitted)).expect("stored");
    model.commit(&cursor(0, emitted));
    assert!(
        matches!(journal.commit(&cursor(0, emitted - 1)), Err(JournalError::Contract { .. })),
        "a cursor goes back"
    );
    journal.set_emit_after(Ts(5)).expect("stored");
    journal.set_emit_after(Ts(5)).expect("the same again");
    model.emit_after = Some(Ts(5));
    assert!(matches!(journal.set_emit_after(Ts(6)), Err(JournalError::Contract { .. })));
    // After all this the journal still takes what is sound, and holds what the model does.
    let batch = model.batch(&mut r);
    journal.commit(&batch).expect("stored");
    model.commit(&batch);
    drop(journal);
    let restored = Journal::open(dir.path(), &identity(), Options::default()).expect("sound").restored;
    assert_eq!(restored, model.restored());
}

#[test]
fn a_pruned_bar_gets_no_second_fate() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let options = Options { keep_bars: 5, ..Options::default() };
    let mut journal = Journal::open(dir.path(), &identity(), options).expect("made").journal;
    // XRPUSDT: nothing is emitted for it, so its bars go without a snapshot.
    let entry = |row| BarEntry { id: BarId { source: 1, symbol: 1, row }, fate: BarFate::Absent, at: Ts(row) };
    journal.commit(&bars((0..50).map(entry).collect())).expect("stored");
    assert_eq!(journal.reader().bars(1, 1, 0, 50).expect("readable").len(), 5);
    assert!(matches!(journal.commit(&bars(vec![entry(3)])), Err(JournalError::Contract { .. })));
    journal.commit(&bars(vec![entry(50)])).expect("stored");
}
