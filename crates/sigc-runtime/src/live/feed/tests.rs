//! A polled feed over a table of two symbols.

use super::*;
use sigc_market::Interval;

const MIN: i64 = 60_000;

fn terms() -> Terms {
    Terms {
        interval: Interval::parse("1m").expect("an interval"),
        grace_ms: 5_000,
        settle_ms: 2_000,
        lonely_ms: 45_000,
        settled: true,
        repair_ms: 600_000,
        first_frame_ms: 30_000,
        mute_ms: 120_000,
        rows_per_request: 3,
        archive: false,
        until: Ts(i64::MAX),
    }
}

/// Both symbols begin with the bar of minute 10 at minute 10.
fn feed() -> Feed {
    Feed::new(terms(), Supply::Poll, &[(10, true), (10, true)], Ts(10 * MIN), 7)
}

fn bar(row: i64) -> Bar {
    Bar::ohlcv(Ts(row * MIN), 1.0, 1.0, 1.0, 1.0, 1.0)
}

/// What a table of the rows `there` answers, until nothing is to be done before `end`. Gives when each symbol was asked.
fn run(feed: &mut Feed, end: i64, there: impl Fn(u32, i64, i64) -> bool, out: &mut FeedOut) -> Vec<(i64, u32)> {
    let (mut asked, mut now) = (Vec::new(), 10 * MIN);
    while now < end {
        feed.handle(FeedEvent::Tick, Ts(now), out);
        while !out.orders.is_empty() {
            for order in std::mem::take(&mut out.orders) {
                let FeedOrder::Fetch { symbol, from, to } = order else { panic!("{order:?}") };
                asked.push((now, symbol));
                let rows = from.0 / MIN..=to.0 / MIN;
                let bars = rows.filter(|&r| (r + 1) * MIN <= now && there(symbol, r, now)).map(bar).collect();
                feed.handle(FeedEvent::Rows { symbol, bars }, Ts(now), out);
            }
        }
        now = feed.wake_at().expect("there is always a next close").0.max(now + 1);
    }
    asked
}

#[test]
fn between_closes_nothing_is_asked_and_nobody_cools_down() {
    let (mut feed, mut out) = (feed(), FeedOut::default());
    let asked = run(&mut feed, 20 * MIN, |_, _, _| true, &mut out);
    let expected: Vec<(i64, u32)> = (11..20).flat_map(|m| [0, 1].map(|s| (m * MIN + 2_000, s))).collect();
    assert_eq!(asked, expected);
    assert_eq!(out.notes, vec![]);
    assert_eq!(out.released.len(), 18);
}

#[test]
fn who_has_no_bar_is_asked_by_its_pace() {
    let (mut feed, mut out) = (feed(), FeedOut::default());
    // The second symbol's bar of minute 10 is 41 seconds late.
    let asked = run(&mut feed, 12 * MIN, |s, r, now| s == 0 || r > 10 || now >= 11 * MIN + 41_000, &mut out);
    let of = |symbol| asked.iter().filter(|a| a.1 == symbol).map(|a| (a.0 - 11 * MIN) / 1_000).collect::<Vec<_>>();
    assert_eq!(of(0), [2]);
    // Five hot polls, five warm ones, then cold.
    assert_eq!(of(1), [2, 4, 6, 8, 10, 15, 20, 25, 30, 35, 45]);
    assert_eq!(out.released.iter().filter(|(s, _)| *s == 1).count(), 1);
    let moves = out.notes.iter().filter(|n| matches!(n, FeedNote::Poll(PollEvent::Moved { symbol: 1, .. }))).count();
    assert_eq!(moves, 3, "{:?}", out.notes);
}

#[test]
fn a_bar_that_others_overtook_is_waited_for_and_then_a_gap() {
    let late = |limit: i64| move |s: u32, r: i64, now: i64| s == 0 || r != 10 || now >= limit;
    // Its close is at minute 11, and that of the bar which proves that it is late at minute 12.
    for (written, fate) in [(12 * MIN + 1_000, None), (i64::MAX, Some(BarFate::Absent))] {
        let (mut feed, mut out) = (feed(), FeedOut::default());
        run(&mut feed, 13 * MIN, late(written), &mut out);
        let first = out.released.iter().find(|(s, _)| *s == 1).expect("it is decided").1;
        assert_eq!(first.row, 10);
        match fate {
            Some(fate) => assert_eq!(first.fate, fate),
            None => assert!(matches!(first.fate, BarFate::Taken { origin: Origin::Poll, .. })),
        }
        let rows: Vec<i64> = out.released.iter().filter(|(s, _)| *s == 1).map(|(_, r)| r.row).collect();
        assert_eq!(rows, [10, 11]);
    }
}

#[test]
fn a_long_history_is_read_without_waiting() {
    let mut out = FeedOut::default();
    let mut feed = Feed::new(terms(), Supply::Poll, &[(-20, true)], Ts(10 * MIN), 7);
    let asked = run(&mut feed, 10 * MIN + 1, |_, _, _| true, &mut out);
    assert_eq!((asked.len(), out.released.len()), (10, 30), "{:?}", out.notes);
}
