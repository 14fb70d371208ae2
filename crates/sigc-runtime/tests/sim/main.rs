//! A live run in virtual time: the machines of `sigc_runtime::live` against a venue, a journal and sinks that fail in
//! every way they can, from a seed.
//!
//! `SIGC_SIM_RUNS=100000` sets how many seeds are run, `SIGC_SIM_SEED=17` runs one and prints what happened:
//!
//! ```text
//! SIGC_SIM_SEED=17 cargo test -p sigc-runtime --test sim one_seed -- --nocapture
//! ```
//!
//! Read in this order: `truth` (what the venue traded), `venue` (how it tells of it), `disk` (journal and sinks, which
//! survive a crash), `world` (the clock and the driver), `check` (what must hold), `waits` (how long symbols wait for each
//! other), `replay` (the same plans over
//! recorded bars), `original` (the machines of the
//! system that sigc replaces, whose bugs the checks must find).

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a simulation says what it saw")]

mod check;
mod disk;
mod original;
mod plans;
mod replay;
mod truth;
mod venue;
mod waits;
mod world;

use std::sync::atomic::{AtomicU64, Ordering};
use world::{Subject, World};

/// Seeds of a plain `cargo test`; `.ci/run` sets more.
const RUNS: u64 = 3_000;

fn wanted(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|v| v.parse().ok())
}

/// Every seed: the bars released are the truth minus declared gaps, each once, in order, never before their close; the
/// rows of every signal at every sink are those of the reference engine over these bars, each once, in order.
#[test]
fn no_bar_is_lost_and_none_comes_twice() {
    let runs = wanted("SIGC_SIM_RUNS").unwrap_or(RUNS);
    let next = AtomicU64::new(0);
    let totals = std::sync::Mutex::new(world::Totals::default());
    let threads = std::thread::available_parallelism().map_or(2, |n| n.get());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= runs {
                        return;
                    }
                    let result = std::panic::catch_unwind(|| World::run(seed, Subject::Conductor, false));
                    match result {
                        Ok(Ok(t)) => totals.lock().expect("no panic holds it").add(&t),
                        Ok(Err(fault)) => panic!("seed {seed}: {fault}\nagain: SIGC_SIM_SEED={seed} cargo test -p sigc-runtime --test sim one_seed -- --nocapture"),
                        Err(panic) => {
                            next.store(u64::MAX / 2, Ordering::Relaxed);
                            eprintln!("seed {seed} panicked");
                            std::panic::resume_unwind(panic);
                        }
                    }
                }
            });
        }
    });
    let totals = totals.into_inner().expect("no panic holds it");
    println!("{runs} runs: {totals}");
    // The faults are really there.
    for (what, n) in totals.all() {
        assert!(n > 0 || runs < 1_000, "no run had any {what}");
    }
}

#[test]
fn one_seed() {
    let seed = wanted("SIGC_SIM_SEED").unwrap_or(0);
    let totals = World::run(seed, Subject::Conductor, wanted("SIGC_SIM_SEED").is_some())
        .unwrap_or_else(|fault| panic!("seed {seed}: {fault}"));
    println!("seed {seed}: {totals}");
}

/// The same seed gives the same run.
#[test]
fn a_run_repeats() {
    for seed in [3, 14, 159] {
        let (a, b) = (World::run(seed, Subject::Conductor, false), World::run(seed, Subject::Conductor, false));
        assert_eq!(a, b);
    }
}

/// Each bug of the original system is found within a few seeds.
#[test]
fn the_originals_bugs_are_found() {
    for bug in original::Bug::ALL {
        let sound =
            (0..200).try_for_each(|seed| World::run(seed, Subject::Original(original::Bug::None), false).map(drop));
        assert_eq!(sound, Ok(()), "without a bug nothing is found");
        let found =
            (0..2_000).find_map(|seed| World::run(seed, Subject::Original(bug), false).err().map(|f| (seed, f)));
        let (seed, fault) = found.unwrap_or_else(|| panic!("{bug:?} was not found in 2,000 runs"));
        println!("{bug:?}: seed {seed}: {fault}");
    }
}
