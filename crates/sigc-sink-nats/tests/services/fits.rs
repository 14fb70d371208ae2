//! Streams that fit and streams that do not, looked at before the first row.

use crate::world::{World, args, open, probe, rows, text, try_open};
use async_nats::HeaderMap;
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType, SubjectTransform};
use sigc_catalog::Value;
use sigc_runtime::SinkError;
use std::time::Duration;

/// What makes a stream that fits into one that does not.
type Change = fn(&mut Config);

/// Opening and looking fail alike, with a reason that has `part`.
fn unfit(world: &World, more: &[(&'static str, Value)], part: &str) -> String {
    let args = args(&world.address(), more);
    let error = try_open(&args).err().expect(part);
    assert!(matches!(error, SinkError::Unfit { .. }) && error.to_string().contains(part), "{part}: {error:?}");
    if !more.iter().any(|(name, _)| *name == "create") {
        assert_eq!(probe(&args).expect_err(part).to_string(), error.to_string());
    }
    error.help()
}

#[test]
fn streams_are_made_and_looked_at() {
    let world = World::start();
    let at = world.address();
    let help = unfit(&world, &[], &format!("there is no stream `S` on `{at}`"));
    let command =
        "nats stream add S --subjects 'signals.*.*.*.*' --storage file --retention limits --replicas 1 --defaults";
    assert!(help.ends_with(command), "{help}");

    let create = args(&at, &[("create", Value::Bool(true))]);
    let lines = probe(&create).expect("will be made");
    assert_eq!(lines, [format!("`{at}` lets this user in"), "there is no stream `S`; the run will make it".into()]);
    assert!(!world.exists());
    assert_eq!(try_open(&create).expect("made").notes, [format!("made the stream `S` on `{at}`")]);
    let made = world.info().config;
    assert_eq!((made.subjects, made.retention, made.storage, made.num_replicas), {
        (vec!["signals.*.*.*.*".to_owned()], RetentionPolicy::Limits, StorageType::File, 1)
    });
    assert!(made.max_bytes <= 0 && made.max_messages <= 0 && made.max_age.is_zero(), "nothing is dropped");
    assert_eq!(made.duplicate_window, Duration::from_secs(120));
    assert!(try_open(&create).expect("is there").notes.is_empty());

    let before = world.info().state.last_sequence;
    let lines = probe(&args(&at, &[])).expect("fits");
    assert_eq!(lines[1], "the stream `S` keeps rows and has 0 messages");
    assert!(lines[2].starts_with("rows may be written"), "{lines:?}");
    assert_eq!(world.info().state.last_sequence, before, "looking stores nothing");
    open(&at).write(&rows(0, 1)).expect("stored");
    world.has(0, 1);
    world.delete();

    // Another stream has the subjects.
    world.stream_with(|c| c.name = "T".into());
    unfit(&world, &[("create", Value::Bool(true))], "another stream");
    unfit(
        &world,
        &[
            ("create", Value::Bool(true)),
            ("subject", text("x.{dag_name}.{frame}.{column}.{symbol}")),
            ("replicas", Value::Int(3)),
        ],
        "is one server and keeps no 3 copies",
    );
}

#[test]
fn streams_that_do_not_fit() {
    let world = World::start();
    let faults: [(&str, Change); 7] = [
        ("deletes messages once they are read", |c| c.retention = RetentionPolicy::WorkQueue),
        ("deletes messages once they are read", |c| c.retention = RetentionPolicy::Interest),
        ("is held in memory", |c| c.storage = StorageType::Memory),
        ("does not confirm messages", |c| c.no_ack = true),
        ("under other subjects", |c| {
            c.subject_transform = Some(SubjectTransform { source: "signals.>".into(), destination: "x.>".into() });
        }),
        ("takes no more rows of a series", |c| {
            (c.discard, c.discard_new_per_subject, c.max_messages_per_subject) = (DiscardPolicy::New, true, 10);
        }),
        ("the stream `S` takes `orders.>`, and rows go to `signals.demo.bars.score.*`", |c| {
            c.subjects = vec!["orders.>".into()];
        }),
    ];
    for (part, change) in faults {
        world.stream_with(change);
        unfit(&world, &[], part);
        world.delete();
    }
    world.stream_with(|c| c.max_message_size = 300);
    let help = unfit(&world, &[], "the stream `S` takes messages of 300 bytes, and a row may have ");
    assert_eq!(help, "nats stream edit S --max-msg-size 1024");
    world.update(|c| c.max_message_size = 1_024);
    open(&world.address()).write(&rows(0, 1)).expect("stored");
    world.has(0, 1);
    world.update(|c| c.sealed = true);
    unfit(&world, &[], "is sealed");
}

#[test]
fn what_limits_mean_is_said() {
    let world = World::start();
    world.stream_with(|c| {
        c.max_bytes = 1_000_000;
        c.max_age = Duration::from_secs(3_600);
    });
    let notes = try_open(&args(&world.address(), &[])).expect("fits").notes;
    assert!(notes[0].contains("drops its oldest rows beyond 1000000 bytes"), "{notes:?}");
    assert!(notes[1].contains("drops rows after 3600 s"), "{notes:?}");
    world.update(|c| c.discard = DiscardPolicy::New);
    let lines = probe(&args(&world.address(), &[])).expect("fits");
    assert!(lines[2].contains("takes no rows once it is full"), "{lines:?}");
}

/// The stream has a place for one of two signals, and then for some of its symbols only.
#[test]
fn subjects_of_a_part() {
    let world = World::start();
    world.stream_with(|c| c.subjects = vec!["signals.demo.bars.score.*".into()]);
    let opened = try_open(&args(&world.address(), &[])).expect("fits");
    assert_eq!(opened.notes, ["the stream `S` has no place for rows of `signals.demo.bars.other.*`"]);
    let mut sink = opened.sink;
    sink.write(&rows(0, 2)).expect("stored");
    let mut other = rows(2, 3);
    other.iter_mut().for_each(|r| r.signal = 1);
    let error = sink.write(&other).expect_err("no place");
    assert_eq!(error.code(), "E0542", "{error}");
    assert!(error.to_string().contains("and a row goes to `signals.demo.bars.other."), "{error}");
    world.has(0, 2);
    world.update(|c| c.subjects = vec!["signals.demo.bars.score.BTCUSDT".into()]);
    let error = open(&world.address()).write(&rows(2, 3)).expect_err("no place");
    assert_eq!(error.code(), "E0542", "{error}");
}

/// The stream goes away while the run goes on, and another one takes its subjects.
#[test]
fn a_stream_that_goes_away() {
    let world = World::start();
    world.stream();
    let mut sink = open(&world.address());
    sink.write(&rows(0, 1)).expect("stored");
    world.delete();
    let gone = sink.write(&rows(1, 2)).expect_err("gone");
    assert!(matches!(gone, SinkError::Unavailable { .. }), "{gone}");
    let gone = sink.write(&rows(1, 2)).expect_err("gone");
    assert!(matches!(gone, SinkError::Unfit { .. }) && gone.to_string().contains("there is no stream `S`"), "{gone}");
    world.stream();
    sink.write(&rows(1, 2)).expect("stored");
    world.has(1, 2);
    world.publish("signals.x", HeaderMap::new(), b"x").expect("taken");
}
