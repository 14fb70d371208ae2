//! Connections that are cut, answers that are lost, a server that dies: each row once nevertheless.

use crate::world::{World, args, create, found, open, rows, schema, wanted};
use sigc_catalog::Value;
use sigc_runtime::live::outbox::Failure;
use sigc_runtime::{Record, Sink};
use sigc_testbed::{Fault, Proxy};
use std::time::{Duration, Instant};

/// Offers a batch until it is taken, as a run does; returns the failures.
fn deliver(sink: &mut dyn Sink, batch: &[Record]) -> Vec<Failure> {
    let mut failures = Vec::new();
    loop {
        match sink.write(batch) {
            Ok(written) => {
                assert_eq!(written.new + written.duplicates, batch.len());
                assert_eq!(written.conflicts, 0);
                return failures;
            }
            Err(e) => {
                assert_ne!(e.failure(), Failure::Refused, "{e}");
                failures.push(e.failure());
                assert!(failures.len() < 100, "{e}");
                std::thread::sleep(Duration::from_millis(50));
            }
        }
    }
}

#[test]
fn cut_connections_store_each_row_once() {
    let world = World::start();
    let proxy = Proxy::start(&world.server.address(), 7).expect("a port");
    let args = args(&proxy.address(), &[create(), ("timeout_ms", Value::Int(2_000))]);
    let mut sink = open(&args, &schema()).expect("made");
    let all = rows(0..3_000);
    let faults = [Fault::CutAnswer(1), Fault::CutRequest(3_000), Fault::CutAnswer(40), Fault::CutRequest(1)];
    let mut unknown = 0;
    for (i, batch) in all.chunks(100).enumerate() {
        if i % 3 == 0 {
            proxy.set(faults[i / 3 % faults.len()]);
            let e = sink.write(batch).expect_err("cut");
            unknown += usize::from(e.failure() == Failure::Unknown);
            assert_ne!(e.failure(), Failure::Refused, "{e}");
            proxy.set(if i % 2 == 0 { Fault::None } else { Fault::CutRandomly(30_000) });
        }
        deliver(sink.as_mut(), batch);
    }
    assert!(unknown >= 5, "{unknown}");
    proxy.set(Fault::None);
    sink.close().expect("closed");
    assert_eq!(found(&world), wanted(3_000));
}

#[test]
fn a_hanging_connection_is_given_up() {
    let world = World::start();
    let proxy = Proxy::start(&world.server.address(), 7).expect("a port");
    let args = args(&proxy.address(), &[create(), ("timeout_ms", Value::Int(500))]);
    let mut sink = open(&args, &schema()).expect("made");
    proxy.set(Fault::Hang);
    let begun = Instant::now();
    let error = sink.write(&rows(0..10)).expect_err("hangs");
    assert_eq!(error.failure(), Failure::Unknown, "{error}");
    assert!(error.to_string().contains("did not answer within 500 ms"), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(5));
    proxy.set(Fault::None);
    deliver(sink.as_mut(), &rows(0..10));
    assert_eq!(found(&world), wanted(10));
    // A lock that somebody else holds: the statement ends in time, and nothing of it stays.
    proxy.set(Fault::Refuse);
    let refused = sink.write(&rows(10..20)).expect_err("refused");
    assert_ne!(refused.failure(), Failure::Refused);
    proxy.set(Fault::None);
    deliver(sink.as_mut(), &rows(10..20));
    assert_eq!(found(&world), wanted(20));
}

#[test]
fn a_server_that_dies_in_a_batch_has_each_row_once() {
    let mut world = World::start();
    let mut sink = world.open(&[create(), ("timeout_ms", Value::Int(5_000))]).expect("made");
    let all = rows(0..4_000);
    for (i, batch) in all.chunks(500).enumerate() {
        if i == 2 || i == 5 {
            let down = std::thread::scope(|scope| {
                let sink = &mut sink;
                let writing = scope.spawn(move || sink.write(batch).is_err());
                std::thread::sleep(Duration::from_millis(if i == 2 { 2 } else { 0 }));
                world.server.kill();
                writing.join().expect("no panic")
            });
            let error = sink.write(batch).expect_err("down");
            assert_ne!(error.failure(), Failure::Refused, "{down} {error}");
            world.server.up();
        }
        deliver(sink.as_mut(), batch);
    }
    sink.close().expect("closed");
    assert_eq!(found(&world), wanted(4_000));
}
