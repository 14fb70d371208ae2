//! `sigc audit` and `sigc why`, on a journal with a known story.

use crate::support::{sigc, sigc_ok};
use serde_json::Value;
use sigc::load::load;
use sigc_journal::entry::{BarEntry, BarFate, BarId, Batch, CursorEntry, Origin, RowEntry, RowFate};
use sigc_journal::{Identity, Journal, Options, RunEntry, default_state_dir};
use sigc_market::{Bar, Ts};
use sigc_runtime::Record;
use std::path::Path;

const FILE: &str = "minimal_signal_generation.yaml";
/// Whole days from here on lie on the grid of any interval.
const START: i64 = 1_735_689_600_000;

/// The example, and the identity a run of it has.
fn demo() -> (tempfile::TempDir, Identity) {
    let dir = tempfile::tempdir().expect("a scratch folder");
    sigc_ok(dir.path(), &["demo", "--dir", "."]);
    let loaded = load(&dir.path().join(FILE)).expect("the example is there");
    let mut identity = Identity::of(&loaded.compiled.plan.expect("the example is sound"), vec!["sinks.x out".into()]);
    // Checkpoints are found from the folder the command runs in.
    let plan: Value = serde_json::from_str(&sigc_ok(dir.path(), &["plan", FILE, "--format", "json"])).expect("JSON");
    identity.fingerprint = plan["fingerprint"].as_str().expect("a text").to_owned();
    (dir, identity)
}

fn open(dir: &Path, identity: &Identity) -> Journal {
    let state = dir.join(default_state_dir(&identity.pipeline));
    Journal::open(&state, identity, Options::default()).expect("made").journal
}

/// Four rows of the first symbol: the third bar is absent, the fourth row emitted and not yet confirmed.
fn story(journal: &mut Journal, identity: &Identity) {
    let source = &identity.sources[0];
    let first = source.interval.index_of(Ts(START));
    let bar = |k: i64| {
        let open_time = source.interval.open_of(first + k);
        let fate = match k {
            2 => BarFate::Absent,
            _ => BarFate::Taken { bar: Bar::ohlcv(open_time, 1.0, 2.0, 0.5, 1.5, 9.0), origin: Origin::Stream },
        };
        let at = Ts(source.interval.close_of(first + k).0 + 250);
        BarEntry { id: BarId { source: 0, symbol: 0, row: first + k }, fate, at }
    };
    let interval = identity.signals[0].interval;
    let row = |k: i64, fate| RowEntry { signal: 0, symbol: 0, open_time: interval.open_of(first + k), fate };
    let record = Record {
        signal: 0,
        latency_ms: None,
        symbol: identity.symbols[0].clone(),
        ts: interval.close_of(first + 3),
        open_time: interval.open_of(first + 3),
        value: 0.75,
        extra: vec![1.0; identity.signals[0].extra.len()],
        caught_up: false,
    };
    let rows = vec![
        row(0, RowFate::Warmup),
        row(1, RowFate::Warmup),
        row(2, RowFate::NullInput),
        row(3, RowFate::Emitted { seq: 1, record }),
    ];
    let cursors = vec![CursorEntry { sink: 0, seq: 0 }];
    journal.commit(&Batch { bars: (0..4).map(bar).collect(), rows, cursors, ..Batch::default() }).expect("stored");
    let run = RunEntry {
        id: "run-a".into(),
        started: Ts(START),
        stopped: Some(Ts(START + 3_600_000)),
        version: "0.1.0".into(),
        config: Value::Null,
        end: Some("SIGTERM".into()),
    };
    journal.set_run(&run).expect("stored");
}

#[test]
fn the_ledger_is_read_beside_a_run_and_after_it() {
    let (dir, identity) = demo();
    let absent = sigc(dir.path(), &["audit", FILE]);
    assert_eq!(absent.status.code(), Some(1));
    let said = String::from_utf8_lossy(&absent.stderr).into_owned();
    assert!(said.contains("E0525") && said.contains("--state"), "{said}");

    let mut journal = open(dir.path(), &identity);
    story(&mut journal, &identity);
    let beside = sigc_ok(dir.path(), &["audit", FILE]);
    drop(journal);
    let after = sigc_ok(dir.path(), &["audit", FILE]);
    assert_eq!(beside, after);
    for words in ["every expected bar and row is accounted for", "sinks.x out", "SIGTERM", "1 h", "next: `sigc why"] {
        assert!(after.contains(words), "{words} is not in\n{after}");
    }
    let sum: Value = serde_json::from_str(&sigc_ok(dir.path(), &["audit", FILE, "--json"])).expect("JSON");
    assert_eq!((sum["whole"].as_bool(), sum["missing"].as_u64()), (Some(true), Some(0)));
    let bars = &sum["bars"][0];
    assert_eq!(
        (bars["expected"].as_u64(), bars["stream"].as_u64(), bars["absent"].as_u64()),
        (Some(4), Some(3), Some(1))
    );
    let rows = &sum["rows"][0];
    assert_eq!((rows["emitted"].as_u64(), rows["warmup"].as_u64()), (Some(1), Some(2)));
    assert_eq!(sum["sinks"][0]["backlog"], 1);

    let symbol = identity.symbols[0].to_string();
    let label = |k: i64| {
        let interval = identity.signals[0].interval;
        interval.close_of(interval.index_of(Ts(START)) + k).to_string()
    };
    let emitted = sigc_ok(dir.path(), &["why", FILE, &symbol, &label(3)]);
    for words in ["emitted, as row 1", "prediction 0.75", "not yet, 1 to go", "taken from the stream", "0.250 s"] {
        assert!(emitted.contains(words), "{words} is not in\n{emitted}");
    }
    let null = sigc_ok(dir.path(), &["why", FILE, &symbol, &label(2)]);
    assert!(null.contains("a gap lies in some window") && null.contains("absent: the venue"), "{null}");
    let null: Value =
        serde_json::from_str(&sigc_ok(dir.path(), &["why", FILE, &symbol, &label(2), "--json"])).expect("JSON");
    assert_eq!((null["fate"].as_str(), null["bars"][0]["fate"].as_str()), (Some("null_input"), Some("absent")));

    for (wrong, words) in
        [(["why", FILE, "BTCUSD", "2025-01-01"], "did you mean"), (["why", FILE, &symbol, "soon"], "not an instant")]
    {
        let output = sigc(dir.path(), &wrong);
        assert_eq!(output.status.code(), Some(2));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn a_hole_fails_the_audit() {
    let (dir, identity) = demo();
    let mut journal = open(dir.path(), &identity);
    story(&mut journal, &identity);
    let row = identity.sources[0].interval.index_of(Ts(START)) + 9;
    let entry = BarEntry { id: BarId { source: 0, symbol: 0, row }, fate: BarFate::Absent, at: Ts(START) };
    journal.commit(&Batch { bars: vec![entry], ..Batch::default() }).expect("stored");
    drop(journal);
    let output = sigc(dir.path(), &["audit", FILE]);
    assert_eq!(output.status.code(), Some(1));
    let (printed, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(printed.contains("5 EXPECTED BARS OR ROWS HAVE NO ENTRY"), "{printed}");
    assert!(said.contains("E0528"), "{said}");
}

#[test]
fn a_changed_pipeline_sees_both_sides() {
    let (dir, mut identity) = demo();
    identity.fingerprint = "ab".repeat(16);
    drop(open(dir.path(), &identity));
    let output = sigc(dir.path(), &["audit", FILE]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("E0520") && said.contains("abababab") && said.contains("in the pipeline"), "{said}");
}
