//! When a row over the whole universe may be computed.
//!
//! A cross-section operation needs every symbol's bar of one bar time. In goes whose bar of which bar time has been
//! decided, taken or declared a gap; out comes the release of a bar time, with the symbols that are missing. A bar time
//! is released as soon as nobody is awaited any more, and at the latest a buffer after its close.
//!
//! What must stay true:
//! - bar times are released in ascending order, each once;
//! - a symbol is either in time for a release, or among its laggards, or not awaited at all;
//! - whoever comes after the release is reported as late, whoever comes twice is not;
//! - at most [`MOST_OPEN`] bar times are open; the oldest is released for a further one.
//!
//! A symbol's bars come in order. Who has come for a later bar time has nothing left for an earlier one and is not
//! awaited there any more. A bar time for which nobody has come is unknown here: silence of everyone is found by the
//! watchdogs of the streams.

use crate::live::time::{elapsed_ms, later};
use sigc_market::Ts;
use std::collections::VecDeque;

/// Bar times that may be open at once. An hour of minute bars: without a buffer, one dead symbol holds the rest of the
/// universe back no longer than that.
pub const MOST_OPEN: usize = 64;

/// What the barrier has to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BarrierEvent {
    /// Compute this bar time now.
    Release(Release),
    /// A symbol came after its bar time had been released. Its row stays as it is.
    Late {
        /// The bar time.
        close: Ts,
        /// The symbol.
        symbol: u32,
        /// How long after the close it came.
        after_ms: i64,
    },
}

/// A bar time that waits for nobody any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// The bar time.
    pub close: Ts,
    /// Why it is released.
    pub why: Why,
    /// From the first symbol's bar to this release: what the slowest symbol costs the others.
    pub spread_ms: i64,
    /// The awaited symbols that have not come, ascending.
    pub laggards: Vec<u32>,
}

/// Why a bar time was released.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Every awaited symbol has come.
    Complete,
    /// Whoever is missing has already come for a later bar time.
    Passed,
    /// The buffer is over.
    Overdue,
    /// Too many bar times were open.
    Forced,
}

/// Open bar times of one universe.
#[derive(Debug, Clone)]
pub struct Barrier {
    buffer_ms: Option<i64>,
    /// The last bar time each symbol has come for.
    last: Vec<Option<Ts>>,
    quarantined: Bits,
    /// Ascending by `close`.
    open: VecDeque<Open>,
    released: Option<Ts>,
}

#[derive(Debug, Clone)]
struct Open {
    close: Ts,
    first_at: Ts,
    awaited: Bits,
    n_awaited: usize,
    passed: Bits,
}

impl Barrier {
    /// A barrier for the symbols `0..n_symbols`. A bar time waits for laggards until `buffer_ms` after its close, or
    /// without a limit.
    pub fn new(n_symbols: usize, buffer_ms: Option<i64>) -> Barrier {
        Barrier {
            buffer_ms: buffer_ms.map(|ms| ms.max(0)),
            last: vec![None; n_symbols],
            quarantined: Bits::new(n_symbols),
            open: VecDeque::new(),
            released: None,
        }
    }

    /// The bar of `symbol` that closes at `close` has been decided. Symbols outside the universe are ignored.
    pub fn arrived(&mut self, close: Ts, symbol: u32, now: Ts) -> Vec<BarrierEvent> {
        let mut events = Vec::new();
        let Some(last) = self.last.get_mut(symbol as usize) else { return events };
        if last.is_some_and(|t| close <= t) {
            return events;
        }
        *last = Some(close);
        if self.released.is_some_and(|t| close <= t) {
            events.push(BarrierEvent::Late { close, symbol, after_ms: elapsed_ms(close, now) });
            return events;
        }
        let at = self.open.partition_point(|o| o.close < close);
        if self.open.get(at).is_none_or(|o| o.close != close) {
            let mut open = Open::new(close, now, self.last.len());
            for (i, last) in self.last.iter().enumerate() {
                if !self.quarantined.has(i) {
                    let passed = last.is_some_and(|t| t > close);
                    if passed { open.passed.set(i) } else { open.wait_for(i) }
                }
            }
            self.open.insert(at, open);
        }
        for earlier in self.open.iter_mut().take(at) {
            if earlier.forget(symbol as usize) {
                earlier.passed.set(symbol as usize);
            }
        }
        if let Some(open) = self.open.get_mut(at) {
            open.forget(symbol as usize);
        }
        self.release(now, &mut events);
        if self.open.len() > MOST_OPEN {
            self.release_first(Why::Forced, now, &mut events);
            self.release(now, &mut events);
        }
        events
    }

    /// Releases the bar times whose buffer is over.
    pub fn due(&mut self, now: Ts) -> Vec<BarrierEvent> {
        let mut events = Vec::new();
        while self.wake_at().is_some_and(|t| t <= now) {
            self.release_first(Why::Overdue, now, &mut events);
            self.release(now, &mut events);
        }
        events
    }

    /// Never waits for `symbol` again, and releases what waited only for it.
    pub fn quarantine(&mut self, symbol: u32, now: Ts) -> Vec<BarrierEvent> {
        let mut events = Vec::new();
        if (symbol as usize) < self.last.len() {
            self.quarantined.set(symbol as usize);
            for open in &mut self.open {
                open.forget(symbol as usize);
            }
            self.release(now, &mut events);
        }
        events
    }

    /// Waits for `symbol` again, from the next bar time that opens.
    pub fn restore(&mut self, symbol: u32) {
        if (symbol as usize) < self.last.len() {
            self.quarantined.clear(symbol as usize);
        }
    }

    /// When to ask [`Barrier::due`] again; `None` until a symbol comes.
    pub fn wake_at(&self) -> Option<Ts> {
        Some(later(self.open.front()?.close, self.buffer_ms?))
    }

    /// Bar times that wait for someone.
    pub fn n_open(&self) -> usize {
        self.open.len()
    }

    /// The last bar time that was released.
    pub fn released(&self) -> Option<Ts> {
        self.released
    }

    /// Releases from the front whatever waits for nobody.
    fn release(&mut self, now: Ts, events: &mut Vec<BarrierEvent>) {
        while let Some(first) = self.open.front().filter(|o| o.n_awaited == 0) {
            let why = if first.passed.is_empty() { Why::Complete } else { Why::Passed };
            self.release_first(why, now, events);
        }
    }

    fn release_first(&mut self, why: Why, now: Ts, events: &mut Vec<BarrierEvent>) {
        let Some(open) = self.open.pop_front() else { return };
        self.released = Some(open.close);
        let laggards = (0..self.last.len()).filter(|&i| open.awaited.has(i) || open.passed.has(i));
        events.push(BarrierEvent::Release(Release {
            close: open.close,
            why,
            spread_ms: elapsed_ms(open.first_at, now),
            laggards: laggards.map(|i| i as u32).collect(),
        }));
    }
}

impl Open {
    fn new(close: Ts, first_at: Ts, n: usize) -> Open {
        Open { close, first_at, awaited: Bits::new(n), n_awaited: 0, passed: Bits::new(n) }
    }

    fn wait_for(&mut self, i: usize) {
        self.awaited.set(i);
        self.n_awaited += 1;
    }

    /// True if it was awaited.
    fn forget(&mut self, i: usize) -> bool {
        let was = self.awaited.has(i);
        if was {
            self.awaited.clear(i);
            self.n_awaited -= 1;
        }
        was
    }
}

/// A set of small numbers.
#[derive(Debug, Clone)]
struct Bits(Vec<u64>);

impl Bits {
    fn new(n: usize) -> Bits {
        Bits(vec![0; n.div_ceil(64)])
    }

    fn has(&self, i: usize) -> bool {
        self.0[i / 64] >> (i % 64) & 1 == 1
    }

    fn set(&mut self, i: usize) {
        self.0[i / 64] |= 1 << (i % 64);
    }

    fn clear(&mut self, i: usize) {
        self.0[i / 64] &= !(1 << (i % 64));
    }

    fn is_empty(&self) -> bool {
        self.0.iter().all(|&word| word == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::retry::SplitMix;
    use std::collections::BTreeSet;

    fn release(close: i64, why: Why, spread_ms: i64, laggards: &[u32]) -> BarrierEvent {
        BarrierEvent::Release(Release { close: Ts(close), why, spread_ms, laggards: laggards.to_vec() })
    }

    #[test]
    fn the_last_symbol_releases_a_bar_time() {
        let mut b = Barrier::new(3, Some(2_000));
        assert_eq!((b.arrived(Ts(1_000), 0, Ts(1_010)), b.wake_at()), (vec![], Some(Ts(3_000))));
        assert_eq!(b.arrived(Ts(1_000), 0, Ts(1_011)), vec![], "twice");
        assert_eq!(b.arrived(Ts(1_000), 2, Ts(1_020)), vec![]);
        assert_eq!(b.arrived(Ts(1_000), 1, Ts(1_090)), vec![release(1_000, Why::Complete, 80, &[])]);
        assert_eq!((b.wake_at(), b.n_open(), b.released()), (None, 0, Some(Ts(1_000))));
        assert_eq!(b.arrived(Ts(1_000), 1, Ts(1_091)), vec![], "twice, after the release");
        assert_eq!(b.arrived(Ts(2_000), 7, Ts(2_000)), vec![], "no such symbol");
    }

    #[test]
    fn laggards_are_named_once_and_late_afterwards() {
        let mut b = Barrier::new(3, Some(2_000));
        b.arrived(Ts(1_000), 1, Ts(1_100));
        assert_eq!(b.due(Ts(2_999)), vec![]);
        assert_eq!(b.due(Ts(3_000)), vec![release(1_000, Why::Overdue, 1_900, &[0, 2])]);
        assert_eq!(b.due(Ts(9_000)), vec![]);
        let late = BarrierEvent::Late { close: Ts(1_000), symbol: 2, after_ms: 2_500 };
        assert_eq!(b.arrived(Ts(1_000), 2, Ts(3_500)), vec![late]);
        assert_eq!(b.arrived(Ts(1_000), 2, Ts(3_501)), vec![], "late only once");
    }

    #[test]
    fn who_is_further_is_not_awaited_behind() {
        let mut b = Barrier::new(2, None);
        b.arrived(Ts(1_000), 0, Ts(1_000));
        b.arrived(Ts(2_000), 0, Ts(2_000));
        assert_eq!(
            b.arrived(Ts(2_000), 1, Ts(2_500)),
            vec![release(1_000, Why::Passed, 1_500, &[1]), release(2_000, Why::Complete, 500, &[])]
        );
        // The same where the later bar time was opened first.
        b.arrived(Ts(4_000), 0, Ts(4_000));
        assert_eq!(b.arrived(Ts(3_000), 1, Ts(4_010)), vec![release(3_000, Why::Passed, 0, &[0])]);
    }

    #[test]
    fn a_quarantined_symbol_is_not_awaited_until_it_is_restored() {
        let mut b = Barrier::new(2, None);
        b.arrived(Ts(1_000), 0, Ts(1_000));
        assert_eq!(b.quarantine(1, Ts(1_400)), vec![release(1_000, Why::Complete, 400, &[])]);
        assert_eq!(b.arrived(Ts(2_000), 0, Ts(2_000)), vec![release(2_000, Why::Complete, 0, &[])]);
        assert_eq!(b.quarantine(9, Ts(2_000)), vec![]);
        b.restore(1);
        b.restore(9);
        assert_eq!(b.arrived(Ts(3_000), 0, Ts(3_000)), vec![]);
        assert_eq!(b.arrived(Ts(3_000), 1, Ts(3_001)), vec![release(3_000, Why::Complete, 1, &[])]);
    }

    #[test]
    fn open_bar_times_are_bounded() {
        let mut b = Barrier::new(2, None);
        for i in 1..=MOST_OPEN as i64 {
            assert_eq!(b.arrived(Ts(i), 0, Ts(i)), vec![]);
        }
        assert_eq!(b.arrived(Ts(1_000), 0, Ts(1_000)), vec![release(1, Why::Forced, 999, &[1])]);
        assert_eq!((b.n_open(), b.wake_at()), (MOST_OPEN, None));
    }

    /// Random symbols at their own pace, against a plain account of who had come by each release.
    #[test]
    fn releases_are_ascending_and_account_for_every_symbol() {
        const N: u32 = 5;
        for seed in 0..2_000 {
            let mut rng = SplitMix(seed);
            let buffer_ms = (rng.below(3) > 0).then(|| rng.below(3_000));
            let mut b = Barrier::new(N as usize, buffer_ms);
            let (mut now, mut came, mut released) = (Ts(0), BTreeSet::new(), Ts(i64::MIN));
            let (mut next, mut off) = ([1_000; N as usize], BTreeSet::new());
            let mut not_before = [None; N as usize];
            let (mut told_late, mut is_late) = (0, 0);
            for _ in 0..300 {
                now.0 += rng.below(300);
                let symbol = rng.below(i64::from(N)) as u32;
                let events = match rng.below(20) {
                    0 => {
                        off.insert(symbol);
                        b.quarantine(symbol, now)
                    }
                    1 => {
                        off.remove(&symbol);
                        // Bar times that are open already do not wait for it.
                        not_before[symbol as usize] = came.iter().map(|&(close, _)| close).max();
                        b.restore(symbol);
                        vec![]
                    }
                    2..6 => b.due(now),
                    _ => {
                        // Now and then a bar is left out, or comes again.
                        let close = Ts(next[symbol as usize] - 1_000 * i64::from(rng.below(10) == 0));
                        if close > now {
                            continue;
                        }
                        if close.0 == next[symbol as usize] {
                            next[symbol as usize] += 1_000 + 1_000 * i64::from(rng.below(10) == 0);
                        }
                        if came.iter().all(|&(t, s)| s != symbol || t < close) {
                            is_late += usize::from(close <= released);
                            came.insert((close, symbol));
                        }
                        b.arrived(close, symbol, now)
                    }
                };
                for event in events {
                    match event {
                        BarrierEvent::Release(r) => {
                            assert!(r.close > released, "seed {seed}: not ascending");
                            released = r.close;
                            for s in 0..N {
                                let (late, here) = (r.laggards.contains(&s), came.contains(&(r.close, s)));
                                assert!(!(late && here), "seed {seed}: {s} is here and missing");
                                assert!(late || here || off.contains(&s) || Some(r.close) <= not_before[s as usize]);
                            }
                            match r.why {
                                Why::Complete => assert!(r.laggards.is_empty()),
                                Why::Passed => {
                                    assert!(r.laggards.iter().all(|&s| next[s as usize] > r.close.0));
                                }
                                Why::Overdue => assert!(later(r.close, buffer_ms.expect("a buffer")) <= now),
                                Why::Forced => assert!(b.n_open() <= MOST_OPEN),
                            }
                        }
                        BarrierEvent::Late { close, .. } => {
                            told_late += 1;
                            assert!(close <= released);
                        }
                    }
                }
                assert!(b.n_open() <= MOST_OPEN);
                // Nobody is held back by a bar time that everyone has come for.
                let all = |close: &Ts| (0..N).all(|s| came.contains(&(*close, s)));
                assert!(!came.iter().any(|(close, _)| *close > released && all(close)), "seed {seed}: held back");
            }
            assert_eq!(told_late, is_late, "seed {seed}");
        }
    }
}
