//! Whom to ask next, where a source has to be asked.
//!
//! In go the answers; out comes which symbols are due. A symbol is asked at the pace of its tier: it starts hot, cools
//! down when it has had nothing new for some polls, and warms up when it has. Whether a pace can be kept at all is
//! computed beforehand, see [`plan()`].
//!
//! What must stay true:
//! - a symbol is under way at most once, and never again after it was quarantined;
//! - the most overdue are asked first, so nobody starves, whatever the tiers;
//! - a slow symbol is asked at the cold pace for a while, and comes back by itself;
//! - a cycle that is not over in time is reported with its numbers. A cycle is every hot symbol that is due within its
//!   interval, asked once;
//! - waiting for something to happen, such as the next close, is no poll without news: see [`Poller::postpone`].
//!
//! A symbol keeps its place in time: it is due an interval after it was *due*, not after it was asked. If that is
//! over, it is due at once, so a delay is not followed by a burst.

use crate::live::stats::Distribution;
use crate::live::time::{elapsed_ms, later};
use sigc_market::Ts;

mod plan;

pub use plan::{Feasibility, PollPlan, plan};

/// An answer that has not come for so long will not come: the symbol is asked again. Every request has a shorter limit
/// of its own.
pub const LOST_MS: i64 = 60_000;

/// Weight of a new latency in the running mean.
const EWMA: f64 = 0.2;

/// How often symbols are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tiers {
    /// Symbols that have had news lately.
    pub hot_ms: i64,
    /// Symbols that have had none for a while.
    pub warm_ms: i64,
    /// Quiet or slow symbols.
    pub cold_ms: i64,
}

impl Default for Tiers {
    fn default() -> Tiers {
        Tiers { hot_ms: 2_000, warm_ms: 5_000, cold_ms: 10_000 }
    }
}

/// How often a symbol is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// Every [`Tiers::hot_ms`].
    Hot,
    /// Every [`Tiers::warm_ms`].
    Warm,
    /// Every [`Tiers::cold_ms`].
    Cold,
}

/// The rules of a scheduler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PollPolicy {
    /// Intervals.
    pub tiers: Tiers,
    /// Polls without news after which a symbol moves down a tier.
    pub idle_polls: u32,
    /// A symbol with a higher mean latency is degraded.
    pub slow_ms: i64,
    /// For how long.
    pub degrade_ms: i64,
    /// More quarantined symbols than this share of all, in percent, raise an alarm.
    pub alarm_percent: u32,
}

impl Default for PollPolicy {
    fn default() -> PollPolicy {
        PollPolicy { tiers: Tiers::default(), idle_polls: 5, slow_ms: 1_000, degrade_ms: 60_000, alarm_percent: 5 }
    }
}

/// What an answer brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Something that was not known.
    News,
    /// Nothing new.
    Nothing,
    /// No answer, or one that cannot be read.
    Failed,
}

/// Something that happened to a symbol or a cycle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PollEvent {
    /// A symbol is asked at another pace from now on.
    Moved {
        /// The symbol.
        symbol: u32,
        /// Its tier before.
        from: Tier,
        /// Its tier now.
        to: Tier,
    },
    /// A symbol is slow, and asked at the cold pace for a while.
    Degraded {
        /// The symbol.
        symbol: u32,
        /// Its mean latency.
        latency_ms: f64,
        /// Until when.
        until: Ts,
    },
    /// A degraded symbol is back in its tier.
    Recovered {
        /// The symbol.
        symbol: u32,
    },
    /// A cycle was not over in time.
    Overrun(Overrun),
    /// A symbol is not asked any more.
    Quarantined {
        /// The symbol.
        symbol: u32,
        /// Quarantined symbols, this one included.
        total: usize,
    },
    /// The quarantined symbols have become more than the share that is allowed.
    QuarantineAlarm {
        /// Quarantined symbols.
        total: usize,
        /// All symbols.
        of: usize,
    },
}

/// A cycle that took longer than its interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overrun {
    /// The interval.
    pub planned_ms: i64,
    /// The longest time from due to answered in the cycle: the whole cycle, where all are due at once.
    pub took_ms: i64,
    /// Symbols in the cycle.
    pub symbols: usize,
}

/// Symbols that are asked in turns.
#[derive(Debug, Clone)]
pub struct Poller {
    policy: PollPolicy,
    symbols: Vec<Polled>,
    endpoints: Vec<Endpoint>,
    cycle: Cycle,
    cycles: Distribution,
    n_overruns: u64,
    n_quarantined: usize,
    alarmed: bool,
    n_lost: u64,
}

#[derive(Debug, Clone)]
struct Polled {
    endpoint: u16,
    tier: Tier,
    due: Ts,
    asked: Option<Ts>,
    idle: u32,
    latency_ms: Option<f64>,
    degraded: Option<Ts>,
    quarantined: bool,
    /// Still to be answered in the present cycle.
    in_cycle: bool,
}

/// How an endpoint has answered.
#[derive(Debug, Clone, Default)]
pub struct Endpoint {
    /// Running mean of its latency.
    pub latency_ms: Option<f64>,
    /// All of its latencies.
    pub latencies: Distribution,
    /// Answers, failures not included.
    pub answered: u64,
    /// Failures.
    pub failed: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Cycle {
    symbols: usize,
    open: usize,
    took_ms: i64,
}

impl Poller {
    /// All symbols are hot and due at `now`. `endpoint_of` has the endpoint of each symbol.
    pub fn new(endpoint_of: &[u16], policy: PollPolicy, now: Ts) -> Poller {
        let polled = |&endpoint: &u16| Polled {
            endpoint,
            tier: Tier::Hot,
            due: now,
            asked: None,
            idle: 0,
            latency_ms: None,
            degraded: None,
            quarantined: false,
            in_cycle: false,
        };
        let n_endpoints = endpoint_of.iter().max().map_or(0, |&e| usize::from(e) + 1);
        Poller {
            policy,
            symbols: endpoint_of.iter().map(polled).collect(),
            endpoints: vec![Endpoint::default(); n_endpoints],
            cycle: Cycle::default(),
            cycles: Distribution::new(),
            n_overruns: 0,
            n_quarantined: 0,
            alarmed: false,
            n_lost: 0,
        }
    }

    /// At most `most` symbols to ask now, the most overdue first. They count as under way until they are answered.
    pub fn due(&mut self, now: Ts, most: usize) -> Vec<u32> {
        let mut due = Vec::new();
        for (i, symbol) in self.symbols.iter_mut().enumerate() {
            if symbol.quarantined {
                continue;
            }
            if symbol.asked.is_some_and(|t| elapsed_ms(t, now) >= LOST_MS) {
                symbol.asked = None;
                self.n_lost += 1;
            }
            if symbol.asked.is_none() && symbol.due <= now {
                due.push((symbol.due, i));
            }
        }
        due.sort_unstable();
        due.truncate(most);
        if self.cycle.open == 0 && due.iter().any(|&(_, i)| self.symbols[i].is_hot()) {
            self.begin_cycle(now);
        }
        for &(_, i) in &due {
            self.symbols[i].asked = Some(now);
        }
        due.into_iter().map(|(_, i)| i as u32).collect()
    }

    /// Takes one symbol that is due, for a caller who keeps the order itself; false if it is not.
    pub fn take(&mut self, symbol: u32, now: Ts) -> bool {
        let Some(polled) = self.symbols.get(symbol as usize) else { return false };
        if polled.quarantined || polled.asked.is_some() || polled.due > now {
            return false;
        }
        if self.cycle.open == 0 && polled.is_hot() {
            self.begin_cycle(now);
        }
        self.symbols[symbol as usize].asked = Some(now);
        true
    }

    /// Nothing is wanted of a symbol before `until`: it is due then at the earliest, in the tier that it has.
    pub fn postpone(&mut self, symbol: u32, until: Ts) -> Vec<PollEvent> {
        let mut events = Vec::new();
        let Some(polled) = self.symbols.get_mut(symbol as usize).filter(|p| p.asked.is_none() && p.due < until) else {
            return events;
        };
        polled.due = until;
        if std::mem::take(&mut polled.in_cycle) {
            self.leave_cycle(&mut events);
        }
        events
    }

    /// More is wanted of a symbol that has just had news: it is due now.
    pub fn hurry(&mut self, symbol: u32, now: Ts) {
        if let Some(polled) = self.symbols.get_mut(symbol as usize).filter(|p| p.asked.is_none()) {
            polled.due = polled.due.min(now);
        }
    }

    /// When a symbol is due, and since when it is under way.
    pub fn turn(&self, symbol: u32) -> Option<(Ts, Option<Ts>)> {
        self.symbols.get(symbol as usize).filter(|p| !p.quarantined).map(|p| (p.due, p.asked))
    }

    /// The answer for a symbol that was under way. For any other this changes nothing.
    pub fn answered(&mut self, symbol: u32, now: Ts, latency_ms: i64, outcome: Outcome) -> Vec<PollEvent> {
        let mut events = Vec::new();
        let policy = self.policy;
        let Some(polled) = self.symbols.get_mut(symbol as usize).filter(|p| !p.quarantined) else { return events };
        if polled.asked.take().is_none() {
            return events;
        }
        if let Some(endpoint) = self.endpoints.get_mut(usize::from(polled.endpoint)) {
            endpoint.count(latency_ms, outcome);
        }
        polled.learn(symbol, now, latency_ms, &policy, &mut events);
        polled.settle(symbol, outcome, policy.idle_polls, &mut events);

        let took_ms = elapsed_ms(polled.due, now);
        let interval_ms = policy.tiers.interval_ms(polled.pace());
        polled.due = later(polled.due, interval_ms).max(now);
        if std::mem::take(&mut polled.in_cycle) {
            self.cycle.took_ms = self.cycle.took_ms.max(took_ms);
            self.leave_cycle(&mut events);
        }
        events
    }

    /// Never asks `symbol` again: the venue does not know it. Reported the first time.
    pub fn quarantine(&mut self, symbol: u32) -> Vec<PollEvent> {
        let mut events = Vec::new();
        let of = self.symbols.len();
        let Some(polled) = self.symbols.get_mut(symbol as usize).filter(|p| !p.quarantined) else { return events };
        polled.quarantined = true;
        self.n_quarantined += 1;
        let total = self.n_quarantined;
        events.push(PollEvent::Quarantined { symbol, total });
        if std::mem::take(&mut polled.in_cycle) {
            self.leave_cycle(&mut events);
        }
        if !self.alarmed && total * 100 > of * self.policy.alarm_percent as usize {
            self.alarmed = true;
            events.push(PollEvent::QuarantineAlarm { total, of });
        }
        events
    }

    /// When to ask [`Poller::due`] again; `None` if there is nothing left to poll.
    pub fn wake_at(&self) -> Option<Ts> {
        let polled = self.symbols.iter().filter(|p| !p.quarantined);
        polled.map(|p| p.asked.map_or(p.due, |t| later(t, LOST_MS).max(p.due))).min()
    }

    /// Symbols that are not asked any more, ascending.
    pub fn quarantined(&self) -> Vec<u32> {
        (0_u32..).zip(&self.symbols).filter(|(_, p)| p.quarantined).map(|(i, _)| i).collect()
    }

    /// The pace a symbol is asked at: its tier, or cold while it is degraded.
    pub fn pace(&self, symbol: u32) -> Option<Tier> {
        self.symbols.get(symbol as usize).map(Polled::pace)
    }

    /// Running mean of a symbol's latency in milliseconds.
    pub fn latency_ms(&self, symbol: u32) -> Option<f64> {
        self.symbols.get(symbol as usize)?.latency_ms
    }

    /// How the endpoints have answered, by number.
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// How long the cycles have taken, and how many of them too long.
    pub fn cycles(&self) -> (&Distribution, u64) {
        (&self.cycles, self.n_overruns)
    }

    /// Answers that were given up on: a caller that loses answers.
    pub fn n_lost(&self) -> u64 {
        self.n_lost
    }

    fn begin_cycle(&mut self, now: Ts) {
        let behind = later(now, self.policy.tiers.interval_ms(Tier::Hot));
        let hot = self.symbols.iter_mut().filter(|p| p.is_hot() && p.due < behind);
        let symbols = hot.map(|p| p.in_cycle = true).count();
        self.cycle = Cycle { symbols, open: symbols, took_ms: 0 };
    }

    fn leave_cycle(&mut self, events: &mut Vec<PollEvent>) {
        self.cycle.open = self.cycle.open.saturating_sub(1);
        if self.cycle.open > 0 {
            return;
        }
        let Cycle { symbols, took_ms, .. } = self.cycle;
        let planned_ms = self.policy.tiers.hot_ms;
        self.cycles.record(took_ms);
        if took_ms > planned_ms {
            self.n_overruns += 1;
            events.push(PollEvent::Overrun(Overrun { planned_ms, took_ms, symbols }));
        }
    }
}

impl Polled {
    fn pace(&self) -> Tier {
        if self.degraded.is_some() { Tier::Cold } else { self.tier }
    }

    fn is_hot(&self) -> bool {
        !self.quarantined && self.pace() == Tier::Hot
    }

    /// Takes a latency, and degrades or brings back.
    fn learn(&mut self, symbol: u32, now: Ts, latency_ms: i64, policy: &PollPolicy, events: &mut Vec<PollEvent>) {
        if self.degraded.is_some_and(|until| until <= now) {
            self.degraded = None;
            self.latency_ms = None; // What made it slow is over, or shows again at once.
            events.push(PollEvent::Recovered { symbol });
        }
        let mean = blend(self.latency_ms, latency_ms);
        self.latency_ms = Some(mean);
        if self.degraded.is_none() && mean > policy.slow_ms as f64 {
            let until = later(now, policy.degrade_ms);
            self.degraded = Some(until);
            events.push(PollEvent::Degraded { symbol, latency_ms: mean, until });
        }
    }

    /// Moves between tiers.
    fn settle(&mut self, symbol: u32, outcome: Outcome, idle_polls: u32, events: &mut Vec<PollEvent>) {
        let from = self.tier;
        if outcome == Outcome::News {
            self.idle = 0;
            self.tier = if from == Tier::Cold { Tier::Warm } else { Tier::Hot };
        } else {
            self.idle = self.idle.saturating_add(1);
            if self.idle >= idle_polls.max(1) {
                self.idle = 0;
                self.tier = if from == Tier::Hot { Tier::Warm } else { Tier::Cold };
            }
        }
        if self.tier != from {
            events.push(PollEvent::Moved { symbol, from, to: self.tier });
        }
    }
}

impl Endpoint {
    /// Share of requests that were answered, 0 to 1.
    pub fn success(&self) -> Option<f64> {
        let all = self.answered + self.failed;
        (all > 0).then(|| self.answered as f64 / all as f64)
    }

    fn count(&mut self, latency_ms: i64, outcome: Outcome) {
        self.latency_ms = Some(blend(self.latency_ms, latency_ms));
        self.latencies.record(latency_ms);
        *(if outcome == Outcome::Failed { &mut self.failed } else { &mut self.answered }) += 1;
    }
}

impl Tiers {
    /// The interval of a tier; at least 1.
    pub fn interval_ms(&self, tier: Tier) -> i64 {
        match tier {
            Tier::Hot => self.hot_ms.max(1),
            Tier::Warm => self.warm_ms.max(1),
            Tier::Cold => self.cold_ms.max(1),
        }
    }
}

/// Running mean: the newest latency counts for [`EWMA`].
fn blend(mean: Option<f64>, latency_ms: i64) -> f64 {
    let latency_ms = latency_ms.max(0) as f64;
    mean.map_or(latency_ms, |mean| mean + EWMA * (latency_ms - mean))
}

#[cfg(test)]
mod tests;
