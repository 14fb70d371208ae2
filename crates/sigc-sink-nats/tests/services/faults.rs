//! Cut connections, servers that go down, answers that are lost: a reader gets each row once and in order.

use crate::world::{WINDOW, World, open, open_for, rows, set};
use sigc_runtime::{SinkError, Written};
use sigc_testbed::{Fault, Proxy};
use std::time::Duration;

fn beyond_the_window() {
    std::thread::sleep(WINDOW * 3);
}

fn all(n: usize) -> Written {
    Written { new: n, ..Written::default() }
}

#[test]
fn cuts_in_the_middle() {
    let world = World::start();
    world.stream();
    let proxy = Proxy::start(&world.address(), 7).expect("a port");
    let mut sink = open_for(&proxy.address(), 1_500);
    assert_eq!(sink.write(&rows(0, 4)).expect("stored"), all(20));
    let (mut done, mut from) = (0, 4);
    let faults = [
        Fault::CutAnswer(0),
        Fault::CutAnswer(40),
        Fault::CutAnswer(700),
        Fault::CutRequest(0),
        Fault::CutRequest(300),
        Fault::CutRequest(5_000),
        Fault::Hang,
        Fault::Refuse,
    ];
    for fault in faults {
        let batch = rows(from, from + 20);
        set(&proxy, fault);
        let failed = sink.write(&batch).expect_err("cut");
        assert!(matches!(failed, SinkError::Unavailable { .. }), "{fault:?}: {failed}");
        beyond_the_window();
        set(&proxy, Fault::None);
        let written = sink.write(&batch).expect("stored");
        assert_eq!((written.new + written.duplicates, written.conflicts), (100, 0), "{fault:?}");
        done += written.new;
        from += 20;
        world.has(0, from);
    }
    // Rows were stored whose answers were lost: they were found, not sent again.
    assert!(done < 100 * faults.len(), "{done}");
    sink.close().expect("closes");
}

#[test]
fn cuts_at_random() {
    let world = World::start();
    world.stream();
    let proxy = Proxy::start(&world.address(), 11).expect("a port");
    let mut sink = open_for(&proxy.address(), 1_500);
    for round in 0..25 {
        let batch = rows(20 * round, 20 + 20 * round);
        set(&proxy, Fault::CutRandomly(20_000));
        for attempt in 0..3 {
            sink.write(&batch).ok();
            if attempt == 1 {
                beyond_the_window();
            }
        }
        // Another process goes on where this one ended, every other time.
        set(&proxy, Fault::None);
        if round % 2 == 0 {
            sink = open_for(&proxy.address(), 1_500);
        }
        sink.write(&batch).expect("stored");
    }
    assert!(proxy.cuts() > 10, "{}", proxy.cuts());
    world.has(0, 500);
}

/// The outcome is not known, and long after the server has forgotten the ids another process asks.
#[test]
fn an_outcome_that_is_not_known() {
    let world = World::start();
    world.stream();
    let proxy = Proxy::start(&world.address(), 3).expect("a port");
    let mut sink = open_for(&proxy.address(), 1_000);
    sink.write(&rows(0, 1)).expect("stored");
    // One row for each of five series is on its way, and no answer comes back.
    set(&proxy, Fault::CutAnswer(0));
    let failed = sink.write(&rows(1, 11)).expect_err("cut");
    assert!(matches!(failed, SinkError::Unavailable { unknown: true, .. }), "{failed}");
    drop(sink);
    std::thread::sleep(Duration::from_millis(200));
    let stored = world.info().state.messages as usize - 5;
    assert!((1..=5).contains(&stored), "{stored} were stored nevertheless");
    beyond_the_window();

    let mut sink = open(&world.address());
    let written = sink.write(&rows(1, 11)).expect("found and stored");
    assert_eq!(written, Written { new: 50 - stored, duplicates: stored, conflicts: 0 });
    world.has(0, 11);

    // A message that an old connection delivers late is refused, its id forgotten or not.
    beyond_the_window();
    for sequence in [1, 7, world.info().state.last_sequence] {
        let late = world.message(sequence);
        let error = world.publish(&late.subject, late.headers, &late.payload).expect_err("refused");
        assert!(error.contains("wrong last sequence"), "{error}");
    }
    world.has(0, 11);
    // Without the condition the server stores it twice: the window alone does not hold.
    let late = world.message(7);
    let mut id_only = async_nats::HeaderMap::new();
    for name in ["Nats-Msg-Id", "Sigc-Ts"] {
        id_only.insert(name, late.headers.get(name).expect("a header").as_str());
    }
    let before = world.info().state.messages;
    world.publish(&late.subject, id_only, &late.payload).expect("taken");
    assert_eq!(world.info().state.messages, before + 1);
}

/// Messages of a connection that was given up arrive after the server has forgotten their ids, and after another process
/// has stored their rows.
#[test]
fn messages_that_arrive_late() {
    let world = World::start();
    world.stream();
    let proxy = Proxy::start(&world.address(), 3).expect("a port");
    let mut sink = open_for(&proxy.address(), 500);
    sink.write(&rows(0, 4)).expect("stored");
    set(&proxy, Fault::Late);
    let failed = sink.write(&rows(4, 10)).expect_err("no answer");
    assert!(matches!(failed, SinkError::Unavailable { unknown: true, .. }), "{failed}");
    drop(sink);
    assert_eq!(open(&world.address()).write(&rows(4, 5)).expect("stored"), all(5));
    beyond_the_window();
    let carried = world.info().state.last_sequence;
    set(&proxy, Fault::None);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(world.info().state.last_sequence, carried, "refused");
    assert_eq!(open(&world.address()).write(&rows(4, 12)).expect("stored").new, 35);
    world.has(0, 12);
}

#[test]
fn a_server_that_is_down() {
    let mut world = World::start();
    world.stream();
    let at = world.address();
    let mut sink = open(&at);
    sink.write(&rows(0, 10)).expect("stored");
    world.server.kill();
    let down = sink.write(&rows(10, 20)).expect_err("down");
    assert!(matches!(down, SinkError::Unavailable { .. }), "{down}");
    let down = sink.write(&rows(10, 20)).expect_err("down");
    assert!(matches!(down, SinkError::Unavailable { unknown: false, .. }), "{down}");
    assert!(down.to_string().starts_with(&format!("nats `S`: no connection to `{at}`: ")), "{down}");
    world.server.up();
    assert_eq!(sink.write(&rows(10, 20)).expect("stored"), all(50));
    world.has(0, 20);
    sink.close().expect("closes");
}

/// The server is killed while rows are on their way.
#[test]
fn kills_in_the_middle() {
    let mut world = World::start();
    world.stream();
    let mut sink = open_for(&world.address(), 2_000);
    let writer = std::thread::spawn(move || {
        let mut failures = 0;
        for batch in 0..60 {
            while sink.write(&rows(10 * batch, 10 * batch + 10)).is_err() {
                failures += 1;
                std::thread::sleep(Duration::from_millis(20));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        failures
    });
    for _ in 0..4 {
        std::thread::sleep(Duration::from_millis(300));
        world.server.kill();
        std::thread::sleep(Duration::from_millis(100));
        world.server.up();
    }
    assert!(writer.join().expect("no panic") > 0);
    world.has(0, 600);
}

#[test]
fn a_stream_that_is_full() {
    let world = World::start();
    world.stream_with(|c| {
        c.discard = async_nats::jetstream::stream::DiscardPolicy::New;
        c.max_bytes = 30_000;
    });
    let mut sink = open(&world.address());
    let mut from = 0;
    let full = loop {
        match sink.write(&rows(from, from + 1)) {
            Ok(_) => from += 1,
            Err(full) => break full,
        }
        assert!(from < 100, "it is full some time");
    };
    assert!(matches!(full, SinkError::Unavailable { unknown: false, .. }), "{full:?}");
    assert!(full.to_string().contains("the stream is full"), "{full}");
    assert!(from > 5, "{from}");
    let still = sink.write(&rows(from, from + 1)).expect_err("still full");
    assert!(still.to_string().contains("the stream is full"), "{still}");
    world.update(|c| c.max_bytes = 1_000_000);
    sink.write(&rows(from, from + 1)).expect("there is space");
    sink.write(&rows(from + 1, from + 5)).expect("there is space");
    world.has(0, from + 5);
}

/// A connection that broke is not made again before there are rows.
#[test]
fn nothing_goes_on_in_the_background() {
    let world = World::start();
    world.stream();
    let proxy = Proxy::start(&world.address(), 5).expect("a port");
    let mut sink = open(&proxy.address());
    sink.write(&rows(0, 5)).expect("stored");
    set(&proxy, Fault::Refuse);
    set(&proxy, Fault::None);
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(proxy.connections(), 1);
    // Nobody notices: the rows had not been sent.
    sink.write(&rows(5, 10)).expect("stored");
    assert_eq!(proxy.connections(), 2);
    world.has(0, 10);
}

#[test]
fn an_attempt_ends_in_time() {
    let world = World::start();
    world.stream();
    let proxy = Proxy::start(&world.address(), 5).expect("a port");
    let mut sink = open_for(&proxy.address(), 500);
    set(&proxy, Fault::Hang);
    for _ in 0..2 {
        let begun = std::time::Instant::now();
        let failed = sink.write(&rows(0, 5)).expect_err("hangs");
        assert!(failed.to_string().contains("did not answer within 500 ms"), "{failed}");
        assert!(begun.elapsed() < Duration::from_millis(1_500), "{:?}", begun.elapsed());
    }
    let begun = std::time::Instant::now();
    sink.close().expect("closes");
    assert!(begun.elapsed() < Duration::from_millis(1_500), "{:?}", begun.elapsed());
}
