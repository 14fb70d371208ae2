//! The order of the end.
//!
//! In go the parts of a run, the signals, and which part has finished; out comes whom to stop or abort now, and at the
//! end a report of what was left behind. Intake is stopped first, then compute drains, then sinks flush, then
//! connections close: each stage begins when no part of the one before it is awaited any more.
//!
//! What must stay true:
//! - a part gets at most one stop and at most one abort, and never a stop after an abort;
//! - no stage begins while an earlier one has a part that neither finished nor was aborted;
//! - the end comes: after a request it takes at most the longest limit of each stage and [`ABORT_MS`].
//!
//! A second signal shrinks what is left of every limit to [`FORCE_MS`], a third one aborts whatever still runs.

use crate::live::time::{elapsed_ms, later};
use sigc_market::Ts;

/// The limit of each stage after a second signal.
pub const FORCE_MS: i64 = 2_000;
/// How long an aborted part may take to disappear before it counts as left behind.
pub const ABORT_MS: i64 = 1_000;

/// When a part ends, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Streams, polls and fetches: nothing new comes in.
    Intake,
    /// The engine works off its queue.
    Compute,
    /// Rows reach their sinks, or stay in the journal.
    Sinks,
    /// Sockets, files, the metrics page.
    Connections,
}

const STAGES: [Stage; 4] = [Stage::Intake, Stage::Compute, Stage::Sinks, Stage::Connections];

/// A part of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its name in reports.
    pub name: String,
    /// When it ends.
    pub stage: Stage,
    /// How long it may take from its stop to its end.
    pub limit_ms: i64,
}

/// What to do to a part, by its place in the list [`Shutdown::new`] was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Ask it to end.
    Stop(usize),
    /// End it now.
    Abort(usize),
}

/// How urgent it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// Nobody has asked for the end.
    None,
    /// One signal: every part gets its limit.
    Graceful,
    /// Two signals: every stage gets [`FORCE_MS`].
    Forced,
    /// Three signals or more: abort everything.
    Abort,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Every part ended by itself.
    pub clean: bool,
    /// From the first signal to the end, or until now; 0 without a signal.
    pub took_ms: i64,
    /// Parts that have not ended, aborted or not, in the order of the list.
    pub left: Vec<String>,
    /// Parts that had to be aborted, whether or not that ended them.
    pub aborted: Vec<String>,
}

/// The parts of a run on their way to the end.
#[derive(Debug, Clone)]
pub struct Shutdown {
    parts: Vec<(Part, State)>,
    urgency: Urgency,
    requested: Ts,
    ended: Option<Ts>,
    latest: Ts,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Running,
    Stopping { until: Ts },
    Aborting { until: Ts },
    Left,
    Finished { aborted: bool },
}

impl State {
    fn is_awaited(self) -> bool {
        matches!(self, State::Running | State::Stopping { .. })
    }

    fn was_aborted(self) -> bool {
        matches!(self, State::Aborting { .. } | State::Left | State::Finished { aborted: true })
    }
}

impl Shutdown {
    /// All parts are running.
    pub fn new(parts: Vec<Part>) -> Shutdown {
        Shutdown {
            parts: parts.into_iter().map(|p| (p, State::Running)).collect(),
            urgency: Urgency::None,
            requested: Ts(i64::MIN),
            ended: None,
            latest: Ts(i64::MIN),
        }
    }

    /// A signal to end; each further one is more urgent. Ask [`Shutdown::step`] for the orders.
    pub fn request(&mut self, now: Ts) -> Urgency {
        self.latest = self.latest.max(now);
        self.urgency = match self.urgency {
            Urgency::None => {
                self.requested = now;
                Urgency::Graceful
            }
            Urgency::Graceful => Urgency::Forced,
            Urgency::Forced | Urgency::Abort => Urgency::Abort,
        };
        if self.urgency == Urgency::Forced {
            for (_, state) in &mut self.parts {
                if let State::Stopping { until } = state {
                    *until = (*until).min(later(now, FORCE_MS));
                }
            }
        }
        self.urgency
    }

    /// The part has ended, for whatever reason; also before a request, and any number of times.
    pub fn finished(&mut self, part: usize, now: Ts) {
        self.latest = self.latest.max(now);
        if let Some((_, state)) = self.parts.get_mut(part) {
            *state = State::Finished { aborted: state.was_aborted() };
        }
        self.note_end(now);
    }

    /// What to do now. Nothing before a request.
    pub fn step(&mut self, now: Ts) -> Vec<Order> {
        self.latest = self.latest.max(now);
        let mut orders = Vec::new();
        if self.urgency == Urgency::None {
            return orders;
        }
        for (i, (_, state)) in self.parts.iter_mut().enumerate() {
            match *state {
                State::Aborting { until } if until <= now => *state = State::Left,
                State::Stopping { until } if until <= now => State::abort(state, i, now, &mut orders),
                State::Running | State::Stopping { .. } if self.urgency == Urgency::Abort => {
                    State::abort(state, i, now, &mut orders);
                }
                _ => {}
            }
        }
        if let Some(stage) = self.stage() {
            let forced = self.urgency >= Urgency::Forced;
            for (i, (part, state)) in self.parts.iter_mut().enumerate() {
                if part.stage == stage && *state == State::Running {
                    let limit_ms = if forced { part.limit_ms.min(FORCE_MS) } else { part.limit_ms };
                    *state = State::Stopping { until: later(now, limit_ms.max(0)) };
                    orders.push(Order::Stop(i));
                }
            }
        }
        self.note_end(now);
        orders
    }

    /// The stage whose parts are awaited; `None` if none is.
    pub fn stage(&self) -> Option<Stage> {
        STAGES.into_iter().find(|&s| self.parts.iter().any(|(p, state)| p.stage == s && state.is_awaited()))
    }

    /// How urgent it is.
    pub fn urgency(&self) -> Urgency {
        self.urgency
    }

    /// When to call [`Shutdown::step`] again, if nothing happens before; `None` before a request and after the end.
    pub fn wake_at(&self) -> Option<Ts> {
        if self.urgency == Urgency::None {
            return None;
        }
        let stage = self.stage();
        let at = |(part, state): &(Part, State)| match *state {
            State::Running | State::Stopping { .. } if self.urgency == Urgency::Abort => Some(self.requested),
            State::Running => (Some(part.stage) == stage).then_some(self.requested),
            State::Stopping { until } | State::Aborting { until } => Some(until),
            State::Left | State::Finished { .. } => None,
        };
        self.parts.iter().filter_map(at).min()
    }

    /// True if every part has finished, or was aborted and given up on.
    pub fn done(&self) -> bool {
        self.parts.iter().all(|(_, state)| matches!(state, State::Finished { .. } | State::Left))
    }

    /// What became of the parts.
    pub fn report(&self) -> Report {
        let names = |is: fn(State) -> bool| {
            self.parts.iter().filter(|(_, state)| is(*state)).map(|(p, _)| p.name.clone()).collect::<Vec<_>>()
        };
        let left = names(|state| !matches!(state, State::Finished { .. }));
        let aborted = names(State::was_aborted);
        let until = self.ended.unwrap_or(self.latest);
        let took_ms = if self.urgency == Urgency::None { 0 } else { elapsed_ms(self.requested, until) };
        Report { clean: left.is_empty() && aborted.is_empty(), took_ms, left, aborted }
    }

    fn note_end(&mut self, now: Ts) {
        if self.ended.is_none() && self.done() {
            self.ended = Some(now);
        }
    }
}

impl State {
    fn abort(state: &mut State, part: usize, now: Ts, orders: &mut Vec<Order>) {
        *state = State::Aborting { until: later(now, ABORT_MS) };
        orders.push(Order::Abort(part));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::retry::SplitMix;
    use Order::{Abort, Stop};

    fn part(name: &str, stage: Stage, limit_ms: i64) -> Part {
        Part { name: name.to_owned(), stage, limit_ms }
    }

    fn shutdown() -> Shutdown {
        Shutdown::new(vec![
            part("stream", Stage::Intake, 5_000),
            part("engine", Stage::Compute, 10_000),
            part("csv", Stage::Sinks, 30_000),
            part("clickhouse", Stage::Sinks, 30_000),
            part("metrics", Stage::Connections, 1_000),
        ])
    }

    #[test]
    fn stages_end_one_after_the_other() {
        let mut s = shutdown();
        assert_eq!((s.step(Ts(0)), s.wake_at()), (vec![], None));
        assert_eq!((s.request(Ts(100)), s.wake_at()), (Urgency::Graceful, Some(Ts(100))));
        assert_eq!((s.step(Ts(100)), s.wake_at()), (vec![Stop(0)], Some(Ts(5_100))));
        assert_eq!(s.step(Ts(200)), vec![]);
        s.finished(0, Ts(300));
        assert_eq!((s.wake_at(), s.stage()), (Some(Ts(100)), Some(Stage::Compute)));
        assert_eq!(s.step(Ts(300)), vec![Stop(1)]);
        s.finished(1, Ts(400));
        s.finished(1, Ts(401));
        assert_eq!(s.step(Ts(400)), vec![Stop(2), Stop(3)]);
        s.finished(3, Ts(500));
        assert_eq!(s.step(Ts(500)), vec![]);
        s.finished(2, Ts(600));
        assert_eq!(s.step(Ts(600)), vec![Stop(4)]);
        assert!(!s.done());
        s.finished(4, Ts(700));
        assert_eq!((s.step(Ts(700)), s.wake_at(), s.done()), (vec![], None, true));
        assert_eq!(s.report(), Report { clean: true, took_ms: 600, left: vec![], aborted: vec![] });
    }

    #[test]
    fn a_part_past_its_limit_is_aborted_and_then_left_behind() {
        let mut s = shutdown();
        s.finished(1, Ts(0));
        s.request(Ts(0));
        assert_eq!(s.step(Ts(0)), vec![Stop(0)]);
        assert_eq!(s.step(Ts(4_999)), vec![]);
        assert_eq!(s.step(Ts(5_000)), vec![Abort(0), Stop(2), Stop(3)], "the engine had finished before");
        assert_eq!((s.step(Ts(6_000)), s.wake_at()), (vec![], Some(Ts(35_000))));
        s.finished(3, Ts(7_000));
        assert_eq!(s.step(Ts(35_000)), vec![Abort(2), Stop(4)]);
        s.finished(4, Ts(35_010));
        s.finished(2, Ts(35_020));
        assert!(s.done());
        let names = |n: &[&str]| n.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        let report =
            Report { clean: false, took_ms: 35_020, left: names(&["stream"]), aborted: names(&["stream", "csv"]) };
        assert_eq!(s.report(), report);
        s.finished(0, Ts(36_000));
        assert_eq!(s.report(), Report { left: vec![], ..report }, "it did end");
    }

    #[test]
    fn further_signals_are_more_urgent() {
        let mut s = shutdown();
        s.request(Ts(0));
        assert_eq!(s.step(Ts(0)), vec![Stop(0)]);
        assert_eq!((s.request(Ts(1_000)), s.wake_at()), (Urgency::Forced, Some(Ts(3_000))));
        assert_eq!(s.step(Ts(3_000)), vec![Abort(0), Stop(1)]);
        assert_eq!(s.wake_at(), Some(Ts(4_000)));
        assert_eq!((s.step(Ts(4_000)), s.wake_at()), (vec![], Some(Ts(5_000))), "the next stage is short, too");
        assert_eq!(s.request(Ts(4_100)), Urgency::Abort);
        assert!(s.wake_at().is_some_and(|t| t <= Ts(4_100)));
        assert_eq!(s.step(Ts(4_100)), vec![Abort(1), Abort(2), Abort(3), Abort(4)]);
        assert_eq!(s.request(Ts(4_200)), Urgency::Abort);
        assert_eq!((s.step(Ts(4_200)), s.done()), (vec![], false));
        assert_eq!((s.step(Ts(5_100)), s.done(), s.wake_at()), (vec![], true, None));
        assert_eq!(s.report().left.len(), 5);
    }

    #[test]
    fn a_run_that_ends_by_itself_is_clean() {
        let mut s = shutdown();
        for i in [3, 9, 0, 1, 4, 2] {
            s.finished(i, Ts(50));
        }
        assert!(s.done() && s.report().clean);
        s.request(Ts(60));
        assert_eq!((s.step(Ts(60)), s.wake_at(), s.report().took_ms), (vec![], None, 0));
        assert!(Shutdown::new(vec![]).done());
    }

    #[test]
    fn the_order_holds_and_the_end_comes() {
        for seed in 0..3_000 {
            let mut rng = SplitMix(seed);
            let n = rng.below(8) as usize;
            let parts: Vec<_> =
                (0..n).map(|_| part("p", STAGES[rng.below(4) as usize], rng.below(5_000) - 100)).collect();
            let mut s = Shutdown::new(parts.clone());
            let longest = |stage| parts.iter().filter(|p| p.stage == stage).map(|p| p.limit_ms.max(0)).max();
            let bound: i64 = STAGES.into_iter().filter_map(longest).sum::<i64>() + ABORT_MS;
            let (mut now, mut requested) = (Ts(0), None);
            let mut over = vec![false; n];
            let (mut stopped, mut aborted) = (vec![false; n], vec![false; n]);
            let mut steps = 0;
            while !s.done() {
                steps += 1;
                match rng.below(8) {
                    0 if requested.is_none() || rng.below(6) == 0 => {
                        s.request(now);
                        requested = requested.or(Some(now));
                    }
                    1 if rng.below(3) == 0 => {
                        let i = rng.below(n as i64 + 1) as usize;
                        s.finished(i, now);
                        over.iter_mut().skip(i).take(1).for_each(|o| *o = true);
                    }
                    2 => {
                        // The caller sleeps no longer than it was told.
                        let wake = s.wake_at().unwrap_or(Ts(i64::MAX));
                        now = Ts((now.0 + rng.below(2_000)).min(wake.0.max(now.0)));
                    }
                    _ => {}
                }
                let orders = s.step(now);
                assert!(requested.is_some() || orders.is_empty());
                for order in orders {
                    match order {
                        Stop(i) => {
                            assert!(!stopped[i] && !aborted[i] && !over[i], "seed {seed}");
                            stopped[i] = true;
                            let before = (0..n).filter(|&j| parts[j].stage < parts[i].stage);
                            assert!(before.into_iter().all(|j| over[j] || aborted[j]), "seed {seed}: out of order");
                        }
                        Abort(i) => {
                            assert!(!aborted[i] && !over[i], "seed {seed}");
                            aborted[i] = true;
                        }
                    }
                }
                assert!(steps < 100_000, "seed {seed}: no end");
            }
            if let Some(requested) = requested {
                assert!(elapsed_ms(requested, now) <= bound, "seed {seed}: {now} after {bound} ms");
            }
            let report = s.report();
            assert_eq!(report.left.len(), over.iter().filter(|o| !**o).count());
            assert_eq!(report.aborted.len(), aborted.iter().filter(|a| **a).count());
        }
    }
}
