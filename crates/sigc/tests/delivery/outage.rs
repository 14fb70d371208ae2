//! One sink down for an hour, one that no longer fits: the others stay on time, and nothing is lost or comes twice.

use crate::world::World;
use sigc_testbed::Fault;
use std::time::{Duration, Instant};

/// An hour of the venue's time.
const HOUR: Duration = Duration::from_secs(12);
const MINUTE_MS: i64 = 60_000;

/// Waits until a sink has what another has now.
fn catches_up(world: &World, kind: &str) {
    let (wanted, begun) = (world.newest("csv_append"), Instant::now());
    while world.newest(kind) < wanted {
        assert!(begun.elapsed() < Duration::from_secs(60), "{kind} does not catch up:\n{}", world.said());
        std::thread::sleep(Duration::from_millis(300));
    }
}

/// The others have everything up to a few minutes ago: a second or two, as fast as time passes here.
fn others_are_on_time(world: &World, but: &str) {
    let newest = world.newest("csv_append");
    for kind in World::kinds().filter(|k| *k != but) {
        let behind = (newest - world.newest(kind)) / MINUTE_MS;
        assert!(behind <= 10, "{kind} is {behind} minutes behind while {but} is down:\n{}", world.said());
    }
}

#[test]
fn an_hour_without_one_sink_holds_up_no_other() {
    let world = World::start("none");
    let run = world.run();
    std::thread::sleep(Duration::from_secs(5));
    for kind in World::kinds() {
        catches_up(&world, kind);
    }
    for service in &world.services {
        service.proxy.set(Fault::Refuse);
        let (before, its) = (world.newest("csv_append"), world.newest(service.kind));
        std::thread::sleep(HOUR);
        let after = world.newest("csv_append");
        assert!(after - before >= 45 * MINUTE_MS, "{} minutes of rows", (after - before) / MINUTE_MS);
        others_are_on_time(&world, service.kind);
        let now = world.newest(service.kind);
        assert!(now - its <= MINUTE_MS, "{} took rows while it was down", service.kind);
        service.proxy.set(Fault::None);
        catches_up(&world, service.kind);
    }
    world.stop(run);
    let n = world.compare(&World::kinds().collect::<Vec<_>>());
    println!("an hour without each of {} services: {n} rows once in each sink", 5);
    assert!(n > 3 * 300, "{n} rows");
}

#[test]
fn a_table_that_changes_under_a_run_stops_its_sink_alone() {
    let world = World::start("none");
    let run = world.run();
    std::thread::sleep(Duration::from_secs(5));
    catches_up(&world, "postgres");
    world.psql("ALTER TABLE rows RENAME COLUMN prediction TO score");
    std::thread::sleep(Duration::from_secs(4));
    world.psql("ALTER TABLE rows RENAME COLUMN score TO prediction");
    let stopped = world.newest("postgres");
    std::thread::sleep(Duration::from_secs(2));
    others_are_on_time(&world, "postgres");
    // What does not fit is not tried again by itself: somebody has to look.
    assert_eq!(world.newest("postgres"), stopped);
    let said = std::fs::read_to_string(world.path().join("run.log")).unwrap_or_default();
    assert!(said.contains("E0542"), "{}", world.said());
    world.stop(run);
    // The next run finds the table mended and the rows in the journal.
    let run = world.run();
    std::thread::sleep(Duration::from_secs(3));
    catches_up(&world, "postgres");
    world.stop(run);
    let n = world.compare(&World::kinds().collect::<Vec<_>>());
    assert!(n > 3 * 30, "{n} rows");
}
