//! `kill -9` at random moments, while the network cuts connections and servers crash: each row once in every sink.

use crate::exchange::signal;
use crate::world::World;
use sigc_testbed::Fault;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const KILLS: u64 = 100;

/// A linear congruential generator (Knuth, MMIX): random enough for moments and faults.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

/// Makes the network bad and servers crash until it is told to stop; gives how often.
fn trouble(world: &World, stop: &AtomicBool) -> (usize, usize) {
    let mut random = Random(11);
    let (mut faults, mut crashes) = (0, 0);
    while !stop.load(Ordering::Relaxed) {
        let service = &world.services[usize::try_from(random.below(world.services.len() as u64)).expect("small")];
        if random.below(6) == 0 {
            crashes += usize::from(service.bounce());
            continue;
        }
        let size = 1 + random.below(20_000);
        service.proxy.set(match random.below(5) {
            0 => Fault::Refuse,
            1 => Fault::CutRequest(size),
            2 => Fault::CutAnswer(size / 20),
            _ => Fault::CutRandomly(size * 5),
        });
        faults += 1;
        std::thread::sleep(Duration::from_millis(100 + random.below(900)));
        service.proxy.set(Fault::None);
    }
    (faults, crashes)
}

#[test]
fn a_hundred_kills_leave_each_row_once() {
    let world = World::start("random-gaps");
    let stop = AtomicBool::new(false);
    let (faults, crashes) = std::thread::scope(|scope| {
        let trouble = scope.spawn(|| trouble(&world, &stop));
        let mut random = Random(7);
        for _ in 0..KILLS {
            let mut run = world.run();
            std::thread::sleep(Duration::from_millis(100 + random.below(1_600)));
            let ended = run.try_wait().expect("a child");
            assert_eq!(ended, None, "the run ended by itself:\n{}", world.said());
            signal(&run, "KILL");
            run.wait().expect("it is dead");
        }
        stop.store(true, Ordering::Relaxed);
        trouble.join().expect("no panic")
    });
    world.heal();
    let cuts: u64 = world.services.iter().map(|s| s.proxy.cuts()).sum();
    // A last life that gets everything to its place and ends in order.
    let run = world.run();
    std::thread::sleep(Duration::from_secs(8));
    world.stop(run);
    let n = world.compare(&World::kinds().collect::<Vec<_>>());
    println!(
        "{KILLS} kills, {faults} faults with {cuts} cuts, {crashes} crashes of servers: {n} rows once in each sink"
    );
    assert!(n > 1_000 && cuts > 20 && crashes > 5, "{n} rows, {cuts} cuts, {crashes} crashes");
}
