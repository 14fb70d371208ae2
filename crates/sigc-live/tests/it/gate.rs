//! Limits of a venue, and its clock.

use crate::{fast, venue};
use sigc_live::net::clock::VenueClock;
use sigc_live::net::gate::{Gate, Gates, IN_FLIGHT};
use sigc_live::pace::Pace;
use sigc_market::Ts;
use sigc_runtime::venue::{Limits, Refusal, Used};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::timeout;

fn gate(weight: u32, window_ms: i64, pace: Pace) -> Gate {
    let limits = Limits { weight_per_window: weight, window_ms, ..*venue("data.binance_futures").limits() };
    let clock = VenueClock::new(pace);
    clock.measured(Ts(0), Instant::now(), Instant::now());
    Gate::new(&limits, pace, Arc::new(clock))
}

#[tokio::test]
async fn what_does_not_fit_waits_for_the_next_window() {
    // A window of 60 s is 300 ms at this speed; 9 of 10 may be used.
    let gate = gate(10, 60_000, fast());
    let begun = Instant::now();
    drop(gate.pass(5).await);
    drop(gate.pass(4).await);
    assert!(begun.elapsed() < Duration::from_millis(200));
    assert_eq!((gate.stats().used, gate.stats().limit, gate.stats().in_flight), (9, 10, 0));
    drop(gate.pass(1).await);
    assert!(gate.clock().now() >= Ts(60_000));
    assert_eq!(gate.stats().used, 1);
}

#[tokio::test]
async fn a_refusal_holds_everybody_and_a_dropped_wait_takes_nothing() {
    let gate = gate(1_000, 60_000_000, fast());
    gate.answered(&Err(Refusal::TooMany { after_ms: Some(40_000), banned: false })); // 200 ms
    let until = gate.stats().cooling_until.expect("a cool-down");
    // Extended while others wait already.
    let extended = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        gate.answered(&Err(Refusal::TooMany { after_ms: Some(60_000), banned: true }));
    };
    let all = async {
        tokio::join!(gate.pass(1), gate.pass(1), gate.pass(1));
        gate.clock().now()
    };
    assert!(timeout(Duration::from_millis(5), gate.pass(1)).await.is_err());
    let ((), passed) = tokio::join!(extended, all);
    assert!(passed.0 > until.0 + 20_000, "{passed} {until}");
    let stats = gate.stats();
    assert_eq!((stats.used, stats.refusals, stats.waiting, stats.cooling_until), (3, 2, 0, None));
}

#[tokio::test]
async fn few_are_under_way_at_a_time_and_the_venues_count_is_kept() {
    let gate = gate(1_000, 60_000_000, Pace::REAL);
    let mut held = Vec::new();
    for _ in 0..IN_FLIGHT {
        held.push(gate.pass(1).await);
    }
    assert!(timeout(Duration::from_millis(20), gate.pass(1)).await.is_err());
    held.pop();
    drop(timeout(Duration::from_millis(500), gate.pass(1)).await.expect("a place is free"));
    gate.answered(&Ok(Used { weight: Some(700) }));
    gate.set_limit(800);
    assert_eq!((gate.stats().used, gate.stats().limit, gate.stats().in_flight), (700, 800, IN_FLIGHT - 1));
}

#[tokio::test]
async fn connections_take_turns() {
    let gate = gate(10, 60_000, Pace::new(20.0)); // a second apart: 50 ms
    let begun = Instant::now();
    tokio::join!(gate.connect_turn(), gate.connect_turn(), gate.connect_turn());
    assert!(begun.elapsed() >= Duration::from_millis(95), "{:?}", begun.elapsed());
}

#[test]
fn products_that_share_a_limit_share_a_gate() {
    let gates = Gates::new();
    let of = |name, base| gates.of(venue(name), base, Pace::REAL);
    let one = |a: Arc<Gate>, b: Arc<Gate>| Arc::ptr_eq(&a, &b);
    assert!(one(of("data.bybit_linear", "https://api.bybit.com"), of("data.bybit_spot", "https://api.bybit.com/")));
    assert!(one(of("data.binance_spot", "http://a"), of("data.binance_spot", "http://a")));
    // One address in a simulation, and still two limits.
    assert!(!one(of("data.binance_spot", "http://a"), of("data.binance_futures", "http://a")));
    assert!(!one(of("data.binance_spot", "http://a"), of("data.binance_spot", "http://b")));
}
