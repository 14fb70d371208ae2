//! A sink that stalls, or has a fault, delays its own rows and nobody else's.

use crate::world::{Memory, Shelf, Venue, run, spec, until};
use sigc_live::run::Stop;
use std::time::{Duration, Instant};

const STALL: Duration = Duration::from_secs(5);

#[test]
fn a_stalled_sink_delays_nobody_else() {
    let venue = Venue::open();
    let state = tempfile::tempdir().expect("a scratch folder");
    let (slow, quick) = (Shelf::default(), Shelf::default());
    let sinks = vec![
        Memory { shelf: slow.clone(), stall: STALL, ..Memory::default() },
        Memory { shelf: quick.clone(), ..Memory::default() },
    ];
    let stop = Stop::default();
    let begun = Instant::now();
    let running = run(spec(&venue, state.path(), sinks), &stop);
    let n = |shelf: &Shelf| shelf.lock().expect("no panic holds it").len();
    // A bar closes every fifth of a second: the quick sink has ten rows of each symbol long before the slow one has any.
    until("rows at the quick sink", || n(&quick) >= 20);
    assert_eq!(n(&slow), 0, "after {:?}", begun.elapsed());
    assert!(begun.elapsed() < STALL);
    until("rows at the slow sink", || n(&slow) >= 20);
    stop.request();
    let summary = running.join().expect("no panic");
    assert!(summary.end.clean, "{summary:?}");
    let keys = |shelf: &Shelf| {
        let mut keys: Vec<_> =
            shelf.lock().expect("no panic holds it").iter().map(|(r, _)| (r.symbol.clone(), r.ts)).collect();
        keys.sort();
        keys
    };
    assert_eq!(keys(&slow), keys(&quick), "both have every row once");
    let order = |shelf: &Shelf| shelf.lock().expect("no panic holds it").iter().map(|(r, _)| r.ts).collect::<Vec<_>>();
    assert!(order(&slow).is_sorted() && order(&quick).is_sorted());
}

#[test]
fn a_sink_that_panics_is_stopped_alone() {
    let venue = Venue::open();
    let state = tempfile::tempdir().expect("a scratch folder");
    let (broken, sound) = (Shelf::default(), Shelf::default());
    let sinks = |breaks_at| {
        vec![
            Memory { shelf: broken.clone(), breaks_at, ..Memory::default() },
            Memory { shelf: sound.clone(), ..Memory::default() },
        ]
    };
    let n = |shelf: &Shelf| shelf.lock().expect("no panic holds it").len();
    let stop = Stop::default();
    let running = run(spec(&venue, state.path(), sinks(Some(4))), &stop);
    until("rows at the sound sink", || n(&sound) >= 20);
    stop.request();
    let summary = running.join().expect("no panic of the run's own");
    assert!(summary.end.clean, "{summary:?}");
    assert!((4..20).contains(&n(&broken)), "{}", n(&broken));
    // Mended, it gets the rows that were kept.
    let stop = Stop::default();
    let running = run(spec(&venue, state.path(), sinks(None)), &stop);
    let enough = n(&sound) + 4;
    until("all rows at both", || n(&broken) >= enough && n(&sound) >= enough);
    stop.request();
    running.join().expect("no panic");
    let keys = |shelf: &Shelf| {
        let shelf = shelf.lock().expect("no panic holds it");
        let mut keys: Vec<_> = shelf.iter().map(|(r, _)| (r.symbol.clone(), r.ts)).collect();
        keys.sort();
        keys
    };
    assert_eq!(keys(&broken), keys(&sound), "both have every row once");
}
