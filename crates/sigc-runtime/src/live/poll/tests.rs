//! The scheduler against answers by hand, and against a venue of random pace.

use super::*;
use crate::live::retry::SplitMix;
use Outcome::{Failed, News, Nothing};

const POLICY: PollPolicy = PollPolicy {
    tiers: Tiers { hot_ms: 2_000, warm_ms: 5_000, cold_ms: 10_000 },
    idle_polls: 3,
    slow_ms: 1_000,
    degrade_ms: 60_000,
    alarm_percent: 20,
};

fn poller(n: usize) -> Poller {
    Poller::new(&vec![0; n], POLICY, Ts(0))
}

#[test]
fn everyone_is_asked_once_per_interval_and_keeps_its_place() {
    let mut p = poller(3);
    assert_eq!((p.due(Ts(0), 2), p.due(Ts(0), 9), p.due(Ts(0), 9)), (vec![0, 1], vec![2], vec![]));
    for symbol in [1, 0, 2] {
        assert_eq!(p.answered(symbol, Ts(300), 300, News), vec![]);
    }
    assert_eq!((p.due(Ts(1_999), 9), p.wake_at()), (vec![], Some(Ts(2_000))));
    assert_eq!(p.due(Ts(2_100), 9), vec![0, 1, 2]);
    for symbol in 0..3 {
        p.answered(symbol, Ts(2_200), 100, News);
    }
    assert_eq!(p.wake_at(), Some(Ts(4_000)), "a late question does not move the next one");
    let (cycles, overruns) = p.cycles();
    assert_eq!((cycles.count(), cycles.max(), overruns), (2, Some(300), 0));
}

#[test]
fn symbols_cool_down_without_news_and_warm_up_with_them() {
    let mut p = poller(1);
    let (mut now, mut moves) = (Ts(0), Vec::new());
    for outcome in [Nothing, Nothing, Failed, Nothing, Nothing, Nothing, Nothing, Nothing, Nothing, News, News, News] {
        assert_eq!(p.due(now, 1), vec![0]);
        moves.extend(p.answered(0, now, 10, outcome));
        now = p.wake_at().expect("a symbol");
    }
    let moved = |from, to| PollEvent::Moved { symbol: 0, from, to };
    use Tier::{Cold, Hot, Warm};
    assert_eq!(moves, vec![moved(Hot, Warm), moved(Warm, Cold), moved(Cold, Warm), moved(Warm, Hot)]);
    // Two hot polls, three warm, four cold, and back.
    assert_eq!(now, Ts(2 * 2_000 + 3 * 5_000 + 4 * 10_000 + 5_000 + 2_000 + 2_000));
    let endpoint = &p.endpoints()[0];
    assert_eq!((endpoint.answered, endpoint.failed, endpoint.latencies.count()), (11, 1, 12));
    assert!(endpoint.success().is_some_and(|s| (s - 11.0 / 12.0).abs() < 1e-12));
}

#[test]
fn a_slow_symbol_is_degraded_and_comes_back() {
    let mut p = Poller::new(&[0, 3], POLICY, Ts(0));
    assert_eq!(p.due(Ts(0), 2).len(), 2);
    p.answered(0, Ts(100), 100, News);
    let degraded = PollEvent::Degraded { symbol: 1, latency_ms: 1_500.0, until: Ts(61_500) };
    assert_eq!(p.answered(1, Ts(1_500), 1_500, News), vec![degraded]);
    assert_eq!((p.pace(0), p.pace(1), p.pace(2)), (Some(Tier::Hot), Some(Tier::Cold), None));
    let mut asked = Vec::new();
    for now in (2_000..80_000).step_by(500).map(Ts) {
        for symbol in p.due(now, 9) {
            let events = p.answered(symbol, now, 50, News);
            if symbol == 1 {
                asked.push(now.0);
                let back = if now == Ts(70_000) { vec![PollEvent::Recovered { symbol: 1 }] } else { vec![] };
                assert_eq!(events, back);
            }
        }
    }
    assert_eq!(asked, [10_000, 20_000, 30_000, 40_000, 50_000, 60_000, 70_000, 72_000, 74_000, 76_000, 78_000]);
    assert_eq!((p.latency_ms(1), p.endpoints().len()), (Some(50.0), 4));
    assert_eq!((p.endpoints()[3].latencies.max(), p.endpoints()[1].latency_ms), (Some(1_500), None));
}

#[test]
fn an_overrun_has_its_numbers() {
    let mut p = poller(3);
    assert_eq!(p.due(Ts(0), 2), vec![0, 1]);
    p.answered(0, Ts(900), 900, News);
    p.answered(1, Ts(900), 900, News);
    assert_eq!(p.due(Ts(5_000), 2), vec![2, 0], "the most overdue first");
    let overrun = Overrun { planned_ms: 2_000, took_ms: 5_200, symbols: 3 };
    assert_eq!(p.answered(2, Ts(5_200), 200, News), vec![PollEvent::Overrun(overrun)]);
    assert_eq!((p.cycles().0.max(), p.cycles().1), (Some(5_200), 1));
    // The next cycle: the last answer is not the one that waited longest.
    assert_eq!(p.due(Ts(5_300), 9), vec![1, 2]);
    assert_eq!((p.answered(1, Ts(6_000), 700, News), p.answered(0, Ts(6_050), 1_000, News)), (vec![], vec![]));
    let overrun = Overrun { planned_ms: 2_000, took_ms: 4_050, symbols: 3 };
    assert_eq!(p.answered(2, Ts(6_100), 800, News), vec![PollEvent::Overrun(overrun)]);
}

#[test]
fn quarantine_is_for_good_and_raises_one_alarm() {
    let mut p = poller(10);
    assert_eq!(p.due(Ts(0), 10).len(), 10);
    assert_eq!(p.quarantine(4), vec![PollEvent::Quarantined { symbol: 4, total: 1 }]);
    assert_eq!((p.quarantine(4), p.quarantine(10)), (vec![], vec![]));
    assert_eq!(p.answered(4, Ts(10), 10, News), vec![], "it was under way");
    assert_eq!(p.quarantine(2).len(), 1);
    let alarm = PollEvent::QuarantineAlarm { total: 3, of: 10 };
    assert_eq!(p.quarantine(9), vec![PollEvent::Quarantined { symbol: 9, total: 3 }, alarm]);
    assert_eq!(p.quarantine(1).len(), 1, "one alarm");
    assert_eq!(p.quarantined(), [1, 2, 4, 9]);
    for symbol in [0, 3, 5, 6, 7, 8] {
        assert_eq!(p.answered(symbol, Ts(20), 20, News), vec![]);
    }
    assert_eq!((p.cycles().0.count(), p.due(Ts(90_000), 99)), (1, vec![0, 3, 5, 6, 7, 8]));
    (0..10).for_each(|s| drop(p.quarantine(s)));
    assert_eq!((p.wake_at(), p.due(Ts(999_000), 99), p.cycles().0.count()), (None, vec![], 2));
    assert_eq!(poller(0).wake_at(), None);
}

#[test]
fn a_lost_answer_does_not_lose_the_symbol() {
    let mut p = poller(1);
    assert_eq!((p.due(Ts(0), 1), p.wake_at()), (vec![0], Some(Ts(LOST_MS))));
    assert_eq!((p.due(Ts(LOST_MS - 1), 1), p.due(Ts(LOST_MS), 1), p.n_lost()), (vec![], vec![0], 1));
}

/// A venue of random pace and a budget that is sometimes too small: nobody is asked twice at once, nobody is forgotten.
#[test]
fn each_is_under_way_once_and_nobody_starves() {
    for seed in 0..300 {
        let mut rng = SplitMix(seed);
        let n = 1 + rng.below(20) as usize;
        let slow = 1 + rng.below(2_500);
        let mut p = Poller::new(&vec![0; n], POLICY, Ts(0));
        let mut under_way: Vec<(Ts, u32, i64)> = Vec::new();
        let mut off = vec![false; n];
        let (mut cycles, mut overruns, mut asked) = (0, 0, vec![Ts(0); n]);
        for now in (0..120_000).step_by(100).map(Ts) {
            let most = rng.below(3) as usize;
            let wake = p.wake_at();
            let due = p.due(now, most);
            assert!(due.len() <= most && (due.is_empty() || wake.is_some_and(|t| t <= now)));
            for symbol in due {
                assert!(!off[symbol as usize], "seed {seed}: quarantined");
                assert!(under_way.iter().all(|&(_, s, _)| s != symbol), "seed {seed}: twice");
                asked[symbol as usize] = now;
                let latency_ms = rng.below(slow);
                under_way.push((later(now, latency_ms), symbol, latency_ms));
            }
            let (done, rest): (Vec<_>, Vec<_>) = under_way.into_iter().partition(|&(at, _, _)| at <= now);
            under_way = rest;
            let mut events = Vec::new();
            for (_, symbol, latency_ms) in done {
                let outcome = [News, Nothing, Nothing, Failed][rng.below(4) as usize];
                events.extend(p.answered(symbol, now, latency_ms, outcome));
                assert_eq!(p.answered(symbol, now, latency_ms, outcome), vec![], "answered already");
            }
            if rng.below(400) == 0 {
                let symbol = rng.below(n as i64) as u32;
                events.extend(p.quarantine(symbol));
                off[symbol as usize] = true;
                under_way.retain(|&(_, s, _)| s != symbol);
            }
            for event in events {
                if let PollEvent::Overrun(o) = event {
                    overruns += 1;
                    assert!(o.took_ms > o.planned_ms && o.symbols <= n);
                }
            }
            // One symbol per 100 ms on average: the queue of all others, the coldest interval, the slowest answer.
            let patience_ms = 10_000 + slow + 100 * 6 * n as i64;
            for (i, &at) in asked.iter().enumerate().filter(|&(i, _)| !off[i]) {
                assert!(elapsed_ms(at, now) <= patience_ms, "seed {seed}: {i} is starving");
            }
            assert!(p.cycles().0.count() >= cycles);
            cycles = p.cycles().0.count();
        }
        assert_eq!((p.cycles().1, p.n_lost()), (overruns, 0));
        assert_eq!(p.quarantined().len(), off.iter().filter(|o| **o).count());
        assert!(cycles > 0);
    }
}

#[test]
fn waiting_for_the_next_close_neither_cools_down_nor_holds_a_cycle_up() {
    let mut p = poller(2);
    for close in (0..600_000).step_by(60_000) {
        let now = Ts(close + 2_000);
        assert_eq!((0..2).map(|s| p.postpone(s, now)).collect::<Vec<_>>(), vec![vec![], vec![]]);
        assert_eq!(
            (p.take(0, Ts(now.0 - 1)), p.take(0, now), p.take(0, now), p.take(1, now)),
            (false, true, false, true)
        );
        assert_eq!(p.postpone(0, Ts(i64::MAX)), vec![], "it is under way");
        assert_eq!(p.answered(0, Ts(now.0 + 90), 90, News), vec![]);
        assert_eq!(p.answered(1, Ts(now.0 + 95), 95, News), vec![]);
    }
    assert_eq!((p.pace(0), p.pace(1)), (Some(Tier::Hot), Some(Tier::Hot)));
    let (cycles, overruns) = p.cycles();
    assert_eq!((cycles.count(), cycles.max(), overruns), (10, Some(95), 0));
}

#[test]
fn who_has_more_to_bring_is_asked_at_once_and_others_by_their_pace() {
    let mut p = poller(2);
    assert!(p.take(0, Ts(0)) && p.take(1, Ts(0)));
    p.answered(0, Ts(100), 100, News);
    p.answered(1, Ts(100), 100, Nothing);
    p.hurry(0, Ts(100));
    assert_eq!((p.turn(0), p.turn(1)), (Some((Ts(100), None)), Some((Ts(2_000), None))));
    assert!(p.take(0, Ts(100)) && !p.take(1, Ts(100)) && p.take(1, Ts(2_000)));
    p.quarantine(1);
    assert_eq!((p.turn(1), p.take(1, Ts(9_000)), p.turn(7), p.take(7, Ts(0))), (None, false, None, false));
}

#[test]
fn a_symbol_that_is_not_wanted_any_more_ends_its_cycle() {
    let mut p = poller(2);
    assert!(p.take(0, Ts(0)));
    assert_eq!(
        p.answered(0, Ts(3_000), 3_000, Nothing)[0],
        PollEvent::Degraded { symbol: 0, latency_ms: 3_000.0, until: Ts(63_000) }
    );
    let overrun = PollEvent::Overrun(Overrun { planned_ms: 2_000, took_ms: 3_000, symbols: 2 });
    assert_eq!(p.postpone(1, Ts(60_000)), vec![overrun]);
}
