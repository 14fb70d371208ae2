//! The bars of one symbol and source in order: each grid row once, as a bar or as a declared gap.
//!
//! Final bars come in from a stream, from requests and from archives, in any order and more than once. Out come
//! [`Release`]s for row after row, without a hole. A bar behind a hole waits; whoever fills the hole releases it too.
//! What must stay true: a row is released once, never before its close, and never before the row before it.

use super::entry::{BarFate, OddityKind, Origin};
use sigc_market::{Bar, Interval, Ts};
use std::collections::{BTreeMap, VecDeque};

/// Released rows whose values are remembered, to tell a duplicate from a revision.
const REMEMBERED: usize = 256;
/// Bars that may wait behind a hole: a month of minutes. More means that the hole is never filled.
const MOST_WAITING: usize = 45_000;
/// A bar that claims to be closed this long before its close by the venue's clock is nonsense.
const CLOCK_SLACK_MS: i64 = 10_000;

/// A row whose turn has come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Release {
    /// Its number on the grid.
    pub row: i64,
    /// A bar, or why there is none.
    pub fate: BarFate,
}

/// What an offered bar turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// New: released, or waiting for its turn.
    New,
    /// Taken before.
    Odd(OddityKind),
    /// Off the grid, from the future, or too far ahead: not used.
    Nonsense,
}

/// The order of one symbol's bars.
#[derive(Debug, Clone)]
pub struct Intake {
    interval: Interval,
    next: i64,
    begun: bool,
    waiting: BTreeMap<i64, (Bar, Origin)>,
    /// The newest released rows, `next - 1` last: a hash of the values, or `None` for a gap.
    recent: VecDeque<Option<u64>>,
}

impl Intake {
    /// Nothing was released; `next` is the first row that is wanted. Rows before the first bar that exists are not
    /// gaps: the symbol was not listed.
    pub fn new(interval: Interval, next: i64) -> Intake {
        Intake { interval, next, begun: false, waiting: BTreeMap::new(), recent: VecDeque::new() }
    }

    /// Goes on behind rows that were released by an earlier process.
    pub fn resumed(interval: Interval, next: i64) -> Intake {
        Intake { begun: true, ..Intake::new(interval, next) }
    }

    /// The row that is released next.
    pub fn next(&self) -> i64 {
        self.next
    }

    /// True once a row was released, here or before a restart.
    pub fn begun(&self) -> bool {
        self.begun
    }

    /// The first row that waits behind a hole.
    pub fn first_waiting(&self) -> Option<i64> {
        self.waiting.first_key_value().map(|(row, _)| *row)
    }

    /// How many bars wait.
    pub fn n_waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Takes a bar that the venue calls final.
    pub fn offer(&mut self, bar: &Bar, origin: Origin, now: Ts) -> Seen {
        let row = self.interval.index_of(bar.open_time);
        let early = self.interval.close_of(row).0.saturating_sub(now.0) > CLOCK_SLACK_MS;
        if !self.interval.is_aligned(bar.open_time) || early {
            return Seen::Nonsense;
        }
        if row < self.next {
            return self.again(row, bar);
        }
        if let Some((first, _)) = self.waiting.get(&row) {
            let kind = if first == bar { OddityKind::Duplicate } else { OddityKind::Revised };
            return Seen::Odd(kind);
        }
        if self.waiting.len() >= MOST_WAITING {
            return Seen::Nonsense;
        }
        self.waiting.insert(row, (*bar, origin));
        Seen::New
    }

    /// Releases what has its turn at `now`.
    pub fn release(&mut self, now: Ts, out: &mut Vec<Release>) {
        while let Some((bar, origin)) = self.waiting.get(&self.next).copied() {
            if self.interval.close_of(self.next) > now {
                return;
            }
            self.waiting.remove(&self.next);
            self.push(BarFate::Taken { bar, origin }, Some(hash(&bar)), out);
        }
    }

    /// When a waiting bar gets its turn by the clock alone.
    pub fn wake_at(&self) -> Option<Ts> {
        self.waiting.contains_key(&self.next).then(|| self.interval.close_of(self.next))
    }

    /// Rows before `to` do not come any more. Before the first bar they are skipped, later they are gaps.
    pub fn give_up(&mut self, to: i64, fate: BarFate, now: Ts, out: &mut Vec<Release>) {
        while self.next < to {
            if self.waiting.contains_key(&self.next) {
                let before = self.next;
                self.release(now, out);
                if self.next == before {
                    return;
                }
            } else if self.begun {
                self.push(fate, None, out);
            } else {
                self.next = self.first_waiting().map_or(to, |row| row.min(to));
            }
        }
        self.release(now, out);
    }

    fn push(&mut self, fate: BarFate, hash: Option<u64>, out: &mut Vec<Release>) {
        out.push(Release { row: self.next, fate });
        self.begun = true;
        self.next += 1;
        if self.recent.len() == REMEMBERED {
            self.recent.pop_front();
        }
        self.recent.push_back(hash);
    }

    /// A bar whose row was released. What is older than memory reaches counts as a duplicate.
    fn again(&self, row: i64, bar: &Bar) -> Seen {
        let back = usize::try_from(self.next - 1 - row).unwrap_or(usize::MAX);
        let known = self.recent.len().checked_sub(back.saturating_add(1)).and_then(|i| self.recent.get(i));
        Seen::Odd(match known {
            Some(None) => OddityKind::Late,
            Some(Some(first)) if *first != hash(bar) => OddityKind::Revised,
            _ => OddityKind::Duplicate,
        })
    }
}

/// FNV-1a over the bits of the values.
fn hash(bar: &Bar) -> u64 {
    let mut h = 0xCBF2_9CE4_8422_2325_u64;
    for value in bar.values {
        for byte in value.to_bits().to_le_bytes() {
            h = (h ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
        }
    }
    h
}

#[cfg(test)]
mod tests {
    use super::super::retry::SplitMix;
    use super::*;

    fn minute() -> Interval {
        Interval::new(1, 'm').expect("a minute")
    }

    fn bar(row: i64, close: f64) -> Bar {
        Bar::ohlcv(Ts(row * 60_000), 1.0, close.max(1.0), 0.5, close, 3.0)
    }

    fn rows(out: &[Release]) -> Vec<i64> {
        out.iter().map(|r| r.row).collect()
    }

    const LATER: Ts = Ts(1_000_000_000);

    #[test]
    fn order_duplicates_revisions_and_late_bars() {
        let mut intake = Intake::new(minute(), 10);
        let mut out = Vec::new();
        assert_eq!(intake.offer(&bar(10, 1.0), Origin::Rest, LATER), Seen::New);
        assert_eq!(intake.offer(&bar(12, 1.2), Origin::Stream, LATER), Seen::New);
        intake.release(LATER, &mut out);
        assert_eq!(rows(&out), [10]);
        assert_eq!(intake.offer(&bar(10, 1.0), Origin::Stream, LATER), Seen::Odd(OddityKind::Duplicate));
        assert_eq!(intake.offer(&bar(10, 9.0), Origin::Stream, LATER), Seen::Odd(OddityKind::Revised));
        assert_eq!(intake.offer(&bar(12, 9.0), Origin::Stream, LATER), Seen::Odd(OddityKind::Revised));
        intake.give_up(12, BarFate::Absent, LATER, &mut out);
        assert_eq!(rows(&out), [10, 11, 12]);
        assert_eq!(out[1].fate, BarFate::Absent);
        assert_eq!(intake.offer(&bar(11, 1.0), Origin::Stream, LATER), Seen::Odd(OddityKind::Late));
    }

    #[test]
    fn nothing_is_released_before_its_close() {
        let mut intake = Intake::new(minute(), 0);
        let mut out = Vec::new();
        // Row 0 closes at 60,000. The venue says so a second early by our clock: it waits.
        assert_eq!(intake.offer(&bar(0, 1.0), Origin::Stream, Ts(59_000)), Seen::New);
        intake.release(Ts(59_999), &mut out);
        assert!(out.is_empty());
        assert_eq!(intake.wake_at(), Some(Ts(60_000)));
        intake.release(Ts(60_000), &mut out);
        assert_eq!(rows(&out), [0]);
        assert_eq!(intake.offer(&bar(1, 1.0), Origin::Stream, Ts(61_000)), Seen::Nonsense);
        let crooked = Bar { open_time: Ts(60_001), ..bar(1, 1.0) };
        assert_eq!(intake.offer(&crooked, Origin::Stream, LATER), Seen::Nonsense);
    }

    #[test]
    fn rows_before_the_first_bar_are_no_gaps() {
        let mut intake = Intake::new(minute(), 0);
        let mut out = Vec::new();
        intake.give_up(5, BarFate::Absent, LATER, &mut out);
        intake.offer(&bar(7, 1.0), Origin::Rest, LATER);
        intake.give_up(7, BarFate::Absent, LATER, &mut out);
        assert_eq!(rows(&out), [7]);
    }

    /// Any order, any duplicates: every row once, ascending, the first offered values.
    #[test]
    fn shuffled_offers_come_out_in_order() {
        for seed in 0..2_000 {
            let mut rng = SplitMix(seed);
            let n = 1 + rng.below(30);
            let mut offers: Vec<i64> = (0..n).chain((0..n).filter(|_| rng.below(3) == 0).collect::<Vec<_>>()).collect();
            for i in (1..offers.len()).rev() {
                offers.swap(i, rng.below(i as i64 + 1) as usize);
            }
            let mut intake = Intake::new(minute(), 0);
            let mut out = Vec::new();
            for row in offers {
                intake.offer(&bar(row, row as f64), Origin::Stream, LATER);
                intake.release(LATER, &mut out);
            }
            assert_eq!(rows(&out), (0..n).collect::<Vec<_>>(), "seed {seed}");
        }
    }
}
