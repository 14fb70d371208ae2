//! Rows that come again, late, from two runs at once, or among other messages.

use crate::world::{SYMBOLS, World, open, open_for, row, rows, text, try_open, value};
use async_nats::HeaderMap;
use sigc_catalog::Value;
use sigc_runtime::Written;

/// Somebody else's messages go into the stream between the rows of a batch.
#[test]
fn among_other_messages() {
    let world = World::start();
    world.stream();
    let at = world.address();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut sink = open(&at);
            for batch in 0..20 {
                let written = sink.write(&rows(30 * batch, 30 * batch + 30)).expect("stored");
                assert_eq!(written, Written { new: 150, ..Written::default() });
            }
        });
        while !writer.is_finished() {
            world.publish("signals.other.a.b.C", HeaderMap::new(), b"x").expect("taken");
        }
    });
    world.has(0, 600);
}

/// Two runs of one pipeline write the same rows at the same time.
#[test]
fn two_runs_at_once() {
    let world = World::start();
    world.stream();
    let at = world.address();
    let written: Vec<Written> = std::thread::scope(|scope| {
        let run = |size: usize| {
            let mut sink = open(&at);
            let mut sum = Written::default();
            for batch in rows(0, 200).chunks(size) {
                let written = sink.write(batch).expect("stored");
                sum.new += written.new;
                sum.duplicates += written.duplicates;
                sum.conflicts += written.conflicts;
            }
            sum
        };
        let runs = [scope.spawn(move || run(70)), scope.spawn(move || run(45))];
        runs.map(|r| r.join().expect("no panic")).into()
    });
    assert_eq!((written[0].new + written[1].new, written[0].conflicts + written[1].conflicts), (1_000, 0));
    world.has(0, 200);
}

#[test]
fn rows_that_are_there() {
    let world = World::start();
    world.stream();
    let at = world.address();
    open(&at).write(&rows(0, 50)).expect("stored");
    // All of it again, cut elsewhere; then on.
    let mut sink = open(&at);
    for batch in rows(0, 50).chunks(33) {
        assert_eq!(sink.write(batch).expect("found"), Written { duplicates: batch.len(), ..Written::default() });
    }
    // The same row twice in a batch.
    let twice = [row(SYMBOLS[0], 50), row(SYMBOLS[0], 50), row(SYMBOLS[0], 51)];
    assert_eq!(sink.write(&twice).expect("stored"), Written { new: 2, duplicates: 1, conflicts: 0 });
    let rest: Vec<_> = rows(50, 52);
    assert_eq!(sink.write(&rest).expect("stored"), Written { new: 8, duplicates: 2, conflicts: 0 });
    world.has(0, 52);
    // Another value: what is there stays.
    let mut other = vec![row(SYMBOLS[1], 10), row(SYMBOLS[1], 51), row(SYMBOLS[2], 3)];
    other[0].value = 7.0;
    other[1].value = f64::from_bits(value(51).to_bits() + 1);
    assert_eq!(open(&at).write(&other).expect("found"), Written { new: 0, duplicates: 3, conflicts: 2 });
    world.has(0, 52);
}

/// A row that was never stored, and would have to go before rows that are there.
#[test]
fn rows_that_are_too_late() {
    let world = World::start();
    world.stream();
    let at = world.address();
    let symbol = SYMBOLS[0];
    open(&at).write(&[row(symbol, 5), row(symbol, 7)]).expect("stored");
    for minute in [6, 4] {
        let error = open(&at).write(&[row(symbol, minute)]).expect_err("too late");
        let ts = row(symbol, minute).ts;
        assert_eq!(error.code(), "E0542");
        let wanted = format!(
            "nats `S`: `signals.demo.bars.score.{symbol}` has later rows, and none of {ts}: a stream keeps its order"
        );
        assert_eq!(error.to_string(), wanted);
    }
    // Where the stream has dropped its oldest rows, those before are taken as rows that were there.
    world.update(|c| c.max_messages_per_subject = 1);
    let written = open(&at).write(&[row(symbol, 4), row(symbol, 5), row(symbol, 7), row(symbol, 8)]).expect("stored");
    assert_eq!(written, Written { new: 1, duplicates: 3, conflicts: 0 });
}

/// An attempt is too short for a batch: what it stored counts for the next.
#[test]
fn a_batch_that_takes_longer_than_an_attempt() {
    let world = World::start();
    world.stream();
    let mut sink = open_for(&world.address(), 300);
    let batch: Vec<_> = (0..6_000).map(|m| row(SYMBOLS[0], m)).collect();
    let mut attempts = 1;
    let written = loop {
        match sink.write(&batch) {
            Ok(written) => break written,
            Err(_) => attempts += 1,
        }
        assert!(attempts < 200);
    };
    assert_eq!((written.new + written.duplicates, attempts > 1), (6_000, true));
    let found = world.read();
    let minutes: Vec<i64> = found.values().flatten().map(|(m, _)| *m).collect();
    assert_eq!(minutes, (0..6_000).collect::<Vec<_>>());
}

/// Messages of others on a row's subject are not taken for rows.
#[test]
fn somebody_elses_subject() {
    let world = World::start();
    world.stream();
    let subject = format!("signals.demo.bars.score.{}", SYMBOLS[0]);
    world.publish(&subject, HeaderMap::new(), b"x").expect("taken");
    let error = open(&world.address()).write(&rows(0, 1)).expect_err("not a row");
    assert_eq!(error.code(), "E0542");
    assert_eq!(error.to_string(), format!("nats `S`: message 1 of `{subject}` is none of this sink's"));
}

/// The stream was purged: rows go on from there.
#[test]
fn a_subject_that_was_purged() {
    let world = World::start();
    world.stream();
    let mut sink = open(&world.address());
    sink.write(&rows(0, 10)).expect("stored");
    world.purge(">");
    assert_eq!(sink.write(&rows(10, 20)).expect("stored"), Written { new: 50, ..Written::default() });
    world.has(10, 20);
}

#[test]
fn another_template() {
    let world = World::start();
    let more = [("subject", text("x.{symbol}.{column}.{frame}.{dag_name}")), ("create", Value::Bool(true))];
    let mut sink = try_open(&crate::world::args(&world.address(), &more)).expect("made").sink;
    sink.write(&rows(0, 2)).expect("stored");
    assert_eq!(world.info().config.subjects, ["x.*.*.*.*"]);
    let found = world.read();
    assert_eq!(found["x.SOL%2FUSDT%3Ax.score.bars.demo"], [(0, value(0)), (1, value(1))]);
    assert!(found.contains_key("x.A%2EB.score.bars.demo"), "{:?}", found.keys());
}
