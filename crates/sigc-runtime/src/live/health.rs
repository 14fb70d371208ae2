//! Which parts of a run still turn.
//!
//! Every part is registered with its limit and a first beat when the run starts, so there is no part without a
//! history. In go the beats, sent by the loop they vouch for; out comes once per silence that a part is late, and once
//! that it is back. A limit follows from the part's slowest legitimate cycle, see [`limit_for`].
//!
//! What must stay true: a silence above the limit is reported however rarely [`Health::check`] is called, and never
//! twice. Instants are of one monotonic clock.
//!
//! Where one part keeps others from running, they fall silent together and the longest gap of each shows it. The
//! longest gap between two checks tells whether the monitor itself was among them.

use crate::live::time::{elapsed_ms, later};
use sigc_market::Ts;

/// Cycles a part may miss before it counts as late.
const CYCLES: i64 = 3;
/// No limit is shorter: below, the scheduler of the system is what is measured.
const LEAST_LIMIT_MS: i64 = 2_000;

/// The limit of a part whose slowest legitimate cycle takes `slowest_cycle_ms`.
pub fn limit_for(slowest_cycle_ms: i64) -> i64 {
    slowest_cycle_ms.saturating_mul(CYCLES).max(LEAST_LIMIT_MS)
}

/// What a missed beat does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnMiss {
    /// It is reported.
    Warn,
    /// It is reported, and the run is to stop.
    Stop,
}

/// A part, by its place in the list [`Health::new`] was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartId(pub u16);

/// A part that fell silent, or came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HealthEvent {
    /// No beat for longer than the limit.
    Late(Silence),
    /// It beats again; `silent_ms` is the whole silence.
    Back(Silence),
}

/// A silence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silence {
    /// Whose.
    pub part: String,
    /// How long it has lasted.
    pub silent_ms: i64,
    /// How long it may.
    pub limit_ms: i64,
}

/// How a part has been doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartHealth {
    /// Its name.
    pub part: String,
    /// The limit.
    pub limit_ms: i64,
    /// Time since its last beat; `None` if it has ended.
    pub silent_ms: Option<i64>,
    /// The longest time between two beats, the present silence included.
    pub longest_gap_ms: i64,
    /// Beats since the start.
    pub beats: u64,
    /// Silences above the limit.
    pub misses: u64,
    /// True if it is silent for longer than its limit.
    pub late: bool,
}

/// The beating parts of a run.
#[derive(Debug, Clone)]
pub struct Health {
    parts: Vec<Part>,
    on_miss: OnMiss,
    missed: bool,
    checked: Ts,
    longest_check_gap_ms: i64,
}

#[derive(Debug, Clone)]
struct Part {
    name: String,
    limit_ms: i64,
    last: Ts,
    beats: u64,
    misses: u64,
    longest_gap_ms: i64,
    /// The present silence has been reported.
    told: bool,
    /// The longest silence above the limit that ended since the last check.
    over: Option<i64>,
    ended: bool,
}

impl Health {
    /// Registers every part with its limit in milliseconds and a first beat at `now`.
    pub fn new(parts: &[(&str, i64)], on_miss: OnMiss, now: Ts) -> Health {
        let part = |&(name, limit_ms): &(&str, i64)| Part {
            name: name.to_owned(),
            limit_ms: limit_ms.max(1),
            last: now,
            beats: 1,
            misses: 0,
            longest_gap_ms: 0,
            told: false,
            over: None,
            ended: false,
        };
        Health {
            parts: parts.iter().map(part).collect(),
            on_miss,
            missed: false,
            checked: now,
            longest_check_gap_ms: 0,
        }
    }

    /// The part of that name.
    pub fn id(&self, name: &str) -> Option<PartId> {
        let at = self.parts.iter().position(|p| p.name == name)?;
        u16::try_from(at).ok().map(PartId)
    }

    /// The part's loop has turned. A part that is not registered is ignored; one that had ended is awaited again.
    pub fn beat(&mut self, part: PartId, now: Ts) {
        let Some(part) = self.parts.get_mut(usize::from(part.0)) else { return };
        if part.ended {
            part.ended = false;
        } else {
            part.close_gap(now);
        }
        part.last = now;
        part.beats = part.beats.saturating_add(1);
    }

    /// The part has ended as it should: no beat is awaited from it.
    pub fn ended(&mut self, part: PartId, now: Ts) {
        let Some(part) = self.parts.get_mut(usize::from(part.0)) else { return };
        if !part.ended {
            part.close_gap(now);
            part.ended = true;
        }
    }

    /// Which parts fell silent or came back since the last check.
    pub fn check(&mut self, now: Ts) -> Vec<HealthEvent> {
        self.longest_check_gap_ms = self.longest_check_gap_ms.max(elapsed_ms(self.checked, now));
        self.checked = now;
        let mut events = Vec::new();
        for part in &mut self.parts {
            let silence = |silent_ms| Silence { part: part.name.clone(), silent_ms, limit_ms: part.limit_ms };
            if let Some(silent_ms) = part.over.take() {
                self.missed = true;
                events.push(HealthEvent::Back(silence(silent_ms)));
            }
            if part.is_late(now) && !part.told {
                self.missed = true;
                events.push(HealthEvent::Late(silence(elapsed_ms(part.last, now))));
                part.told = true;
                part.misses = part.misses.saturating_add(1);
            }
        }
        events
    }

    /// True if a beat was missed and [`OnMiss::Stop`] was asked for. It stays so.
    pub fn must_stop(&self) -> bool {
        self.missed && self.on_miss == OnMiss::Stop
    }

    /// True if no part is late.
    pub fn is_well(&self, now: Ts) -> bool {
        !self.parts.iter().any(|p| p.is_late(now))
    }

    /// How every part is doing, in the order of registration.
    pub fn parts(&self, now: Ts) -> impl Iterator<Item = PartHealth> + '_ {
        self.parts.iter().map(move |p| {
            let silent_ms = (!p.ended).then(|| elapsed_ms(p.last, now));
            PartHealth {
                part: p.name.clone(),
                limit_ms: p.limit_ms,
                silent_ms,
                longest_gap_ms: p.longest_gap_ms.max(silent_ms.unwrap_or(0)),
                beats: p.beats,
                misses: p.misses,
                late: p.is_late(now),
            }
        })
    }

    /// The longest time between two checks: above a second or so, something kept the monitor from running.
    pub fn longest_check_gap_ms(&self) -> i64 {
        self.longest_check_gap_ms
    }

    /// When a part becomes late if nothing beats until then; `None` if all have ended or are late already.
    pub fn wake_at(&self) -> Option<Ts> {
        let awaited = self.parts.iter().filter(|p| !p.ended && !p.told);
        awaited.map(|p| later(p.last, p.limit_ms.saturating_add(1))).min()
    }
}

impl Part {
    fn is_late(&self, now: Ts) -> bool {
        !self.ended && elapsed_ms(self.last, now) > self.limit_ms
    }

    /// The silence since the last beat is over.
    fn close_gap(&mut self, now: Ts) {
        let gap_ms = elapsed_ms(self.last, now);
        self.longest_gap_ms = self.longest_gap_ms.max(gap_ms);
        if gap_ms > self.limit_ms || self.told {
            self.over = self.over.max(Some(gap_ms));
            if !self.told {
                self.misses = self.misses.saturating_add(1);
            }
        }
        self.told = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::retry::SplitMix;

    const A: PartId = PartId(0);
    const B: PartId = PartId(1);

    fn silence(part: &str, silent_ms: i64, limit_ms: i64) -> Silence {
        Silence { part: part.to_owned(), silent_ms, limit_ms }
    }

    fn health() -> Health {
        Health::new(&[("engine", 1_000), ("stream", 5_000)], OnMiss::Stop, Ts(0))
    }

    #[test]
    fn a_part_that_never_beat_is_late_after_its_limit() {
        let mut h = health();
        assert_eq!((h.check(Ts(1_000)), h.wake_at()), (vec![], Some(Ts(1_001))));
        assert_eq!(h.check(Ts(1_001)), vec![HealthEvent::Late(silence("engine", 1_001, 1_000))]);
        assert_eq!((h.check(Ts(4_000)), h.wake_at()), (vec![], Some(Ts(5_001))), "once per silence");
        assert!(h.must_stop() && !h.is_well(Ts(4_000)));
        h.beat(A, Ts(4_500));
        assert_eq!(h.check(Ts(4_600)), vec![HealthEvent::Back(silence("engine", 4_500, 1_000))]);
        assert_eq!(h.check(Ts(4_700)), vec![]);
        assert!(h.must_stop() && h.is_well(Ts(4_700)), "once missed, it stops");
    }

    #[test]
    fn a_silence_between_two_checks_is_seen() {
        let mut h = health();
        h.beat(A, Ts(30_000));
        h.beat(A, Ts(30_100));
        h.beat(B, Ts(30_100));
        let back = |part, silent, limit| HealthEvent::Back(silence(part, silent, limit));
        assert_eq!(h.check(Ts(30_200)), vec![back("engine", 30_000, 1_000), back("stream", 30_100, 5_000)]);
        assert_eq!(h.longest_check_gap_ms(), 30_200);
        let gaps: Vec<_> = h.parts(Ts(30_200)).map(|p| (p.longest_gap_ms, p.misses, p.beats, p.silent_ms)).collect();
        assert_eq!(gaps, vec![(30_000, 1, 3, Some(100)), (30_100, 1, 2, Some(100))]);
    }

    #[test]
    fn ended_parts_are_not_awaited_and_may_come_back() {
        let mut h = health();
        h.ended(A, Ts(900));
        assert_eq!((h.check(Ts(4_000)), h.wake_at()), (vec![], Some(Ts(5_001))));
        h.beat(A, Ts(5_000));
        h.beat(PartId(9), Ts(5_000));
        h.ended(PartId(9), Ts(5_000));
        assert_eq!(h.check(Ts(5_000)), vec![]);
        assert_eq!(h.check(Ts(6_001)).len(), 2);
        assert_eq!((h.id("stream"), h.id("nobody")), (Some(B), None));
    }

    #[test]
    fn warnings_do_not_stop_and_limits_follow_the_cycle() {
        let mut h = Health::new(&[("engine", limit_for(100))], OnMiss::Warn, Ts(0));
        assert_eq!(h.check(Ts(60_000)).len(), 1);
        assert!(!h.must_stop());
        assert_eq!((limit_for(0), limit_for(5_200), limit_for(i64::MAX)), (2_000, 15_600, i64::MAX));
    }

    /// Against a plain list of the gaps.
    #[test]
    fn late_and_back_alternate_and_no_long_gap_is_missed() {
        for seed in 0..2_000 {
            let mut rng = SplitMix(seed);
            let mut h = Health::new(&[("p", 1_000)], OnMiss::Stop, Ts(0));
            let (mut now, mut last) = (Ts(0), Ts(0));
            let (mut over, mut told, mut longest) = (None, false, 0);
            for _ in 0..200 {
                now.0 += rng.below(700);
                if rng.below(3) == 0 {
                    let gap = now.0 - last.0;
                    if gap > 1_000 {
                        over = over.max(Some(gap));
                    }
                    longest = longest.max(gap);
                    (last, told) = (now, false);
                    h.beat(A, now);
                } else if rng.below(2) == 0 {
                    let mut expected = Vec::new();
                    expected.extend(over.take().map(|gap| HealthEvent::Back(silence("p", gap, 1_000))));
                    if now.0 - last.0 > 1_000 && !told {
                        told = true;
                        expected.push(HealthEvent::Late(silence("p", now.0 - last.0, 1_000)));
                    }
                    assert_eq!(h.check(now), expected, "seed {seed}");
                    assert_eq!(h.is_well(now), now.0 - last.0 <= 1_000);
                }
            }
            let part = h.parts(now).next().expect("one part");
            assert_eq!(part.longest_gap_ms, longest.max(now.0 - last.0));
        }
    }
}
