//! Which rows a sink has.
//!
//! Rows of one symbol and signal follow each other at the step of their bars, so their times are kept as runs: a run
//! takes 24 bytes however long it is. Rows at odd times (events) take 12 to 24 bytes each.

use super::Identity;
use sigc_market::Ts;
use sigc_runtime::{Record, RecordSchema};
use std::collections::{HashMap, HashSet};

/// A column that makes a row the same as another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DedupColumn {
    /// The row's label.
    Ts,
    /// The row's symbol.
    Symbol,
}

impl DedupColumn {
    /// What a pipeline's `dedup_key` is, written or left out: `key::check` asks for both.
    pub(crate) const BOTH: [DedupColumn; 2] = [DedupColumn::Ts, DedupColumn::Symbol];
}

/// The number of a symbol and signal, and a time. A column that is no part of the key is left out or zero.
type Key = (u32, i64);

/// The keys of a file's rows. Those that may not be durable yet are apart: they can be forgotten again.
pub(crate) struct Keys {
    by_ts: bool,
    by_symbol: bool,
    /// Frame and column of every signal.
    signals: Vec<(String, String)>,
    lanes: HashMap<String, u32>,
    lane: String,
    stored: Vec<Runs>,
    fresh: HashSet<Key>,
    /// [`Keys::fresh`] in order.
    order: Vec<Key>,
}

impl Keys {
    /// An empty `columns` keeps every row.
    pub fn new(columns: &[DedupColumn], schema: &RecordSchema) -> Keys {
        Keys {
            by_ts: columns.contains(&DedupColumn::Ts),
            by_symbol: columns.contains(&DedupColumn::Symbol),
            signals: schema.signals.iter().map(|s| (s.frame.clone(), s.column.clone())).collect(),
            lanes: HashMap::new(),
            lane: String::new(),
            stored: Vec::new(),
            fresh: HashSet::new(),
            order: Vec::new(),
        }
    }

    /// Adds a row that is to be written; false if it is there.
    pub fn insert(&mut self, row: &Record) -> bool {
        if self.keeps_all() {
            return true;
        }
        let signals = std::mem::take(&mut self.signals);
        let (frame, column) = &signals[usize::from(row.signal)];
        let key = self.key(row.ts, row.symbol.as_str(), frame, column);
        self.signals = signals;
        if self.stored[key.0 as usize].contains(key.1) || !self.fresh.insert(key) {
            return false;
        }
        self.order.push(key);
        true
    }

    /// Adds a row that was read from where it is stored; false if it was there.
    pub fn insert_stored(&mut self, id: &Identity<'_>) -> bool {
        if self.keeps_all() {
            return true;
        }
        let (lane, ts) = self.key(id.ts, &id.symbol, &id.frame, &id.column);
        self.stored[lane as usize].insert(ts)
    }

    /// Forgets the last `n` rows: they were not written.
    pub fn forget_last(&mut self, n: usize) {
        for key in self.order.drain(self.order.len().saturating_sub(n)..) {
            self.fresh.remove(&key);
        }
    }

    /// Forgets every row since [`Keys::settle`]: nobody knows whether they are stored.
    pub fn forget_unsettled(&mut self) {
        self.fresh.clear();
        self.order.clear();
    }

    /// What was written is durable.
    pub fn settle(&mut self) {
        self.settle_but(0);
    }

    /// All rows but the last `n` are durable.
    pub fn settle_but(&mut self, n: usize) {
        for key in self.order.drain(..self.order.len().saturating_sub(n)) {
            self.fresh.remove(&key);
            self.stored[key.0 as usize].insert(key.1);
        }
    }

    fn keeps_all(&self) -> bool {
        !self.by_ts && !self.by_symbol
    }

    fn key(&mut self, ts: Ts, symbol: &str, frame: &str, column: &str) -> Key {
        self.lane.clear();
        if self.by_symbol {
            self.lane.push_str(symbol);
        }
        for name in [frame, column] {
            self.lane.push('\0');
            self.lane.push_str(name);
        }
        let id = match self.lanes.get(&self.lane) {
            Some(id) => *id,
            None => {
                let id = self.lanes.len() as u32;
                self.lanes.insert(self.lane.clone(), id);
                self.stored.push(Runs::default());
                id
            }
        };
        (id, if self.by_ts { ts.0 } else { 0 })
    }
}

/// Times as runs of equal steps, in order and without overlap.
#[derive(Default)]
struct Runs(Vec<Run>);

/// `first`, `first + step`, ..., `last`; a single time has the step 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    first: i64,
    last: i64,
    step: i64,
}

impl Run {
    fn one(ts: i64) -> Run {
        Run { first: ts, last: ts, step: 0 }
    }

    fn has(&self, ts: i64) -> bool {
        ts == self.first || (ts <= self.last && self.step > 0 && ts.saturating_sub(self.first) % self.step == 0)
    }

    /// True if `ts` is the next time of the run, or its second.
    fn goes_on_with(&self, ts: i64) -> bool {
        self.step == 0 || ts.saturating_sub(self.last) == self.step
    }
}

impl Runs {
    /// Runs that begin at or before `ts`.
    fn before(&self, ts: i64) -> usize {
        self.0.partition_point(|r| r.first <= ts)
    }

    fn contains(&self, ts: i64) -> bool {
        self.before(ts).checked_sub(1).is_some_and(|i| self.0[i].has(ts))
    }

    /// Adds a time; false if it was there.
    fn insert(&mut self, ts: i64) -> bool {
        let at = self.before(ts);
        let Some(i) = at.checked_sub(1) else {
            self.0.insert(0, Run::one(ts));
            return true;
        };
        let run = self.0[i];
        if run.has(ts) {
            return false;
        }
        if ts < run.last {
            // Between two times of the run: it is split.
            let steps = ts.saturating_sub(run.first) / run.step;
            let left = run.first.saturating_add(steps.saturating_mul(run.step));
            let right = left.saturating_add(run.step);
            let piece = |first: i64, last: i64| Run { first, last, step: if first == last { 0 } else { run.step } };
            self.0.splice(i..=i, [piece(run.first, left), Run::one(ts), piece(right, run.last)]);
        } else if run.goes_on_with(ts) {
            let step = ts.saturating_sub(run.last);
            self.0[i] = Run { last: ts, step, ..run };
            // A hole that was filled joins two runs.
            if let Some(next) = self.0.get(at).copied()
                && next.first.saturating_sub(ts) == step
                && (next.step == step || next.step == 0)
            {
                self.0[i].last = next.last;
                self.0.remove(at);
            }
        } else {
            self.0.insert(at, Run::one(ts));
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_long_stream_is_one_run() {
        let mut runs = Runs::default();
        for i in (0..10_000).chain(10_500..20_000).chain(10_000..10_500) {
            assert!(runs.insert(i * 60_000));
        }
        assert_eq!(runs.0, [Run { first: 0, last: 19_999 * 60_000, step: 60_000 }]);
        assert!(!runs.insert(60_000) && !runs.contains(61_000));
    }

    proptest! {
        /// Against a plain set.
        #[test]
        fn runs_are_a_set(times in prop::collection::vec(-40_i64..40, 0..120)) {
            let (mut runs, mut set) = (Runs::default(), BTreeSet::new());
            for ts in times {
                prop_assert_eq!(runs.insert(ts), set.insert(ts));
                for probe in -41..41 {
                    prop_assert_eq!(runs.contains(probe), set.contains(&probe), "{} in {:?}", probe, &runs.0);
                }
                prop_assert!(runs.0.windows(2).all(|w| w[0].last < w[1].first), "{:?}", &runs.0);
            }
        }

        #[test]
        fn extreme_times_do_no_harm(times in prop::collection::vec(any::<i64>(), 0..20)) {
            let mut runs = Runs::default();
            for ts in times {
                runs.insert(ts);
            }
        }
    }
}
