//! A hundred starts and stops: no thread, file, socket or memory is left.

use crate::world::{Memory, Shelf, Venue, run, spec, until};
use sigc_live::observe::process::Usage;
use sigc_live::run::Stop;
use std::time::Duration;

const CYCLES: usize = 100;

#[test]
fn a_hundred_cycles_leave_nothing_behind() {
    let venue = Venue::open();
    let state = tempfile::tempdir().expect("a scratch folder");
    let shelf = Shelf::default();
    let mut before = None;
    for i in 0..CYCLES {
        let stop = Stop::default();
        let sink = Memory { shelf: shelf.clone(), ..Memory::default() };
        let running = run(spec(&venue, state.path(), vec![sink]), &stop);
        // Every tenth run gets to rows; the others are stopped while they start.
        if i % 10 == 0 {
            let have = shelf.lock().expect("no panic holds it").len();
            until("a row", || shelf.lock().expect("no panic holds it").len() > have);
        } else {
            std::thread::sleep(Duration::from_millis((i % 7) as u64 * 5));
        }
        stop.request();
        let summary = running.join().expect("no panic");
        assert!(summary.end.clean && summary.unstored == 0, "{summary:?}");
        // The first cycles load what stays: tables, the allocator's arenas.
        if i == 10 {
            before = Some(Usage::now());
        }
    }
    let (before, after) = (before.expect("the tenth cycle"), Usage::now());
    // The exchange's side of the last sockets may take a moment.
    until("the end of the last sockets", || Usage::now().open_fds <= before.open_fds.map(|n| n + 1));
    assert!(after.threads <= before.threads, "threads: {before:?} {after:?}");
    let mib = |u: &Usage| u.rss_bytes.unwrap_or(0) >> 20;
    assert!(mib(&after) <= mib(&before) + 40, "memory: {} to {} MiB", mib(&before), mib(&after));
    // Rows of all runs: each once, none left out.
    let rows = shelf.lock().expect("no panic holds it");
    for symbol in crate::world::SYMBOLS {
        let times: Vec<i64> = rows.iter().filter(|(r, _)| r.symbol.as_str() == symbol).map(|(r, _)| r.ts.0).collect();
        assert!(times.windows(2).all(|w| w[1] - w[0] == 60_000), "{symbol}: {times:?}");
    }
}
