//! Who may open which journal.

use crate::model::{Model, Random, identity, symbols};
use sigc_journal::entry::{Batch, CursorEntry};
use sigc_journal::{Identity, Journal, JournalError, JournalReader, Options, RunEntry};
use sigc_market::Ts;
use std::fs;
use std::path::Path;

fn open(dir: &Path, identity: &Identity) -> Result<sigc_journal::Opened, JournalError> {
    Journal::open(dir, identity, Options::default())
}

#[test]
fn another_pipeline_is_refused_with_both_sides() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    drop(open(dir.path(), &identity()).expect("made"));
    let before = fs::read(dir.path().join("journal.redb")).expect("the file").len();
    let changed = |change: &dyn Fn(&mut Identity)| {
        let mut other = identity();
        change(&mut other);
        other
    };
    let cases = [
        (changed(&|i| i.pipeline = "other".into()), "demo", "other"),
        (changed(&|i| i.fingerprint = "ff".repeat(16)), "0123456789abcdef", "ffffffff"),
        (changed(&|i| i.sources[1].symbols = symbols(&["BTCUSDT"])), "SOLUSDT,XRPUSDT", "BTCUSDT"),
        (changed(&|i| i.sources[0].using = "data.bybit_linear".into()), "binance_futures", "bybit_linear"),
        (changed(&|i| i.signals[0].extra.clear()), "rsi, atr", "[]"),
        (changed(&|i| i.signals[1].name = "fall".into()), "rise halves", "fall halves"),
        (changed(&|i| i.symbols.reverse()), "BTCUSDT,ETHUSDT,SOLUSDT", "SOLUSDT,ETHUSDT,BTCUSDT"),
        (changed(&|i| i.sinks.reverse()), "sinks.csv_append out.csv, sinks.jsonl -", "sinks.jsonl -, sinks.csv"),
    ];
    for (other, journal, pipeline) in &cases {
        let error = open(dir.path(), other).expect_err("another pipeline");
        let text = error.to_string();
        assert_eq!(error.code(), "E0520", "{text}");
        assert!(text.contains(journal) && text.contains(pipeline), "{text}");
    }
    let reader = JournalReader::open(dir.path(), &cases[0].0);
    assert!(matches!(reader.map(|_| ()), Err(JournalError::OtherPipeline { .. })));
    JournalReader::open(dir.path(), &cases[7].0).map(|_| ()).expect("a reader minds no sinks");
    assert!(open(dir.path(), &identity()).is_ok(), "still its own pipeline's");
    assert_eq!(fs::read(dir.path().join("journal.redb")).expect("the file").len(), before);
}

#[test]
fn one_writer_and_readers_beside_it() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let absent = JournalReader::open(dir.path(), &identity()).map(|_| ());
    assert!(matches!(absent, Err(JournalError::Absent { .. })));
    let mut opened = open(dir.path(), &identity()).expect("made");
    let mut model = Model::new(identity());
    let mut r = Random(9);
    let second = open(dir.path(), &identity()).map(|_| ());
    assert!(matches!(second, Err(JournalError::InUse { .. })), "{second:?}");
    // As another process would: over a handle of its own.
    let reader = JournalReader::open(dir.path(), &identity()).expect("beside the writer");
    for _ in 0..5 {
        let batch = model.batch(&mut r);
        opened.journal.commit(&batch).expect("stored");
        model.commit(&batch);
        assert_eq!(reader.rows_after(0, usize::MAX).expect("readable"), model.rows_after(0));
        let (first, most) = (model.last_seq / 2, 3);
        let some = reader.rows_after(first, most).expect("readable");
        assert_eq!(some, model.rows_after(first)[..most.min((model.last_seq - first) as usize)]);
    }
    let cursors: Vec<u64> = reader.cursors().expect("readable").into_iter().map(|(_, seq)| seq).collect();
    assert_eq!(cursors, model.cursors);
    // A reader that is in the middle of something does not keep a run from starting.
    drop(opened);
    let mut opened = open(dir.path(), &identity()).expect("free again");
    let batch = model.batch(&mut r);
    opened.journal.commit(&batch).expect("stored");
    model.commit(&batch);
    let late = JournalReader::open(dir.path(), &identity()).expect("beside the writer");
    assert_eq!(late.rows_after(0, usize::MAX).expect("readable"), model.rows_after(0));
    let followed = reader.rows_after(0, usize::MAX);
    assert_eq!(followed.expect("readable"), model.rows_after(0), "the first reader follows the second writer");
}

#[test]
fn a_new_sink_starts_behind_the_newest_row() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let mut model = Model::new(identity());
    let mut r = Random(21);
    let mut journal = open(dir.path(), &identity()).expect("made").journal;
    for _ in 0..4 {
        let batch = model.batch(&mut r);
        journal.commit(&batch).expect("stored");
        model.commit(&batch);
    }
    let half = model.last_seq / 2;
    let ahead = Batch { cursors: vec![CursorEntry { sink: 1, seq: model.last_seq }], ..Batch::default() };
    journal.commit(&ahead).expect("stored");
    drop(journal);
    let mut other = identity();
    // The first is gone, the second stays, a new one and a second of the same text come.
    other.sinks = vec!["sinks.parquet out".into(), "sinks.jsonl -".into(), "sinks.jsonl -".into()];
    assert!(open(dir.path(), &other).is_err());
    let allowed = Options { allow_sink_change: true, ..Options::default() };
    let opened = Journal::open(dir.path(), &other, allowed).expect("allowed");
    assert_eq!(opened.notes.len(), 1, "{:?}", opened.notes);
    let cursors = opened.restored.expect("entries").cursors;
    let last = model.last_seq;
    assert_eq!(cursors.iter().map(|c| c.seq).collect::<Vec<_>>(), [last, last, last]);
    drop(opened.journal);
    assert!(open(dir.path(), &identity()).is_err(), "the sinks are the new ones now");
    assert!(open(dir.path(), &other).is_ok());
    assert!(half > 0);
}

#[test]
fn runs_are_listed_and_a_crash_is_noted() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let mut journal = open(dir.path(), &identity()).expect("made").journal;
    let run = |n: i64| RunEntry {
        id: format!("run-{n}"),
        started: Ts(n),
        stopped: None,
        version: "0.1.0".into(),
        config: serde_json::json!({"speed": n}),
        end: None,
    };
    for n in 0..130 {
        journal.set_run(&run(n)).expect("stored");
        let done = RunEntry { stopped: Some(Ts(n + 1)), end: Some("SIGTERM".into()), ..run(n) };
        journal.set_run(&done).expect("stored");
    }
    let runs = journal.reader().runs().expect("readable");
    assert_eq!(runs.len(), 100);
    assert_eq!((runs[0].id.as_str(), runs[99].id.as_str()), ("run-30", "run-129"));
    assert!(runs.iter().all(|r| r.stopped.is_some()));
    drop(journal);
    let mut opened = open(dir.path(), &identity()).expect("sound");
    assert_eq!((opened.notes.len(), opened.restored), (0, None), "runs alone are nothing to go on from");
    opened.journal.set_run(&run(500)).expect("stored");
    drop(opened.journal);
    let opened = open(dir.path(), &identity()).expect("sound");
    assert!(opened.notes[0].contains("run-500"), "{:?}", opened.notes);
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().expect("a temporary folder");
    let below = dir.path().join("sigc-state").join("demo");
    drop(open(&below, &identity()).expect("made"));
    let mode = fs::metadata(below.join("journal.redb")).expect("the file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let names: Vec<_> = fs::read_dir(&below).expect("the folder").flatten().map(|e| e.file_name()).collect();
    assert_eq!(names, ["journal.redb"], "no draft is left");
}
