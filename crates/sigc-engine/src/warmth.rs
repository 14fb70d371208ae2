//! When a row may be emitted: every value it shows exact, or settled to the plan's tolerance.
//!
//! A frame's row k is warm if k is not before the settled first row of each of its roots: the prediction and the
//! columns beside it in the emission's frame, the output columns elsewhere. Those first rows follow from where the
//! sources begin ([`Structure::first_rows`](sigc_plan::lookback::Structure::first_rows)), but for smoothers: how many
//! rows one needs depends on the nulls among its inputs. So a smoother is counted: it settles at the row at which it
//! has taken `skip + seed + settle` non-null inputs, from the row on at which its input is itself settled. When all
//! have settled the first rows are plain numbers, and watching costs nothing.

use crate::engine::Inner;
use crate::machine::Machine;
use sigc_plan::ValueId;
use sigc_plan::lookback::Until;

/// How far a lane is from its first warm row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Warmth {
    /// The newest row of the emission's frame is warm.
    Ready,
    /// At least so many more rows of the emission's frame are needed; null rows among them add to it.
    Needs(i64),
    /// A source has no bar yet.
    NotStarted,
}

/// How far a smoother has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) taken: u64,
    pub(crate) settled: Option<i64>,
}

/// One lane's smoothers, and the first warm rows.
#[derive(Debug, Clone)]
pub(crate) struct Settling {
    pub(crate) starts: Vec<Option<i64>>,
    pub(crate) seen: Vec<Seen>,
    /// Settled first rows of the plan's values.
    firsts: Vec<Option<i64>>,
    /// First warm rows of the frames; `i64::MAX` while unknown.
    warm_from: Vec<i64>,
    pending: usize,
    next: usize,
    stale: bool,
}

impl Settling {
    /// A lane that has not begun.
    pub(crate) fn new(engine: &Inner) -> Settling {
        let smoothers = engine.program.smoothers.len();
        Settling {
            starts: vec![None; engine.plan.frames.len()],
            seen: vec![Seen::default(); smoothers],
            firsts: vec![None; engine.plan.nodes.len()],
            warm_from: vec![i64::MAX; engine.plan.frames.len()],
            pending: smoothers,
            next: 0,
            stale: true,
        }
    }

    /// A lane as a snapshot has it.
    pub(crate) fn restored(engine: &Inner, starts: Vec<Option<i64>>, seen: Vec<Seen>) -> Settling {
        let pending = seen.iter().filter(|s| s.settled.is_none()).count();
        let mut settling = Settling { starts, seen, pending, ..Settling::new(engine) };
        settling.refresh(engine);
        settling
    }

    /// A source has begun.
    pub(crate) fn start(&mut self, frame: usize, first: i64) {
        self.starts[frame] = Some(first);
        self.stale = true;
    }

    fn refresh(&mut self, engine: &Inner) {
        if !std::mem::take(&mut self.stale) {
            return;
        }
        let settled = |v: ValueId| {
            let at = engine.program.smoothers.binary_search_by_key(&v, |s| s.value).ok()?;
            Some(self.seen[at].settled)
        };
        (_, self.firsts) = engine.plan.structure().first_rows(&self.starts, Until::Settled, settled);
        for (from, frame) in self.warm_from.iter_mut().zip(&engine.program.frames) {
            *from = frame.roots.iter().map(|r| self.firsts[r.index()].unwrap_or(i64::MAX)).max().unwrap_or(i64::MAX);
        }
    }

    /// Counts the rows of a run for the smoothers before `stop`. Their cells must have been computed.
    pub(crate) fn observe<const W: usize>(
        &mut self,
        engine: &Inner,
        machine: &Machine<W>,
        lane: usize,
        stop: Option<ValueId>,
    ) {
        if self.pending == 0 {
            return;
        }
        while let Some(smoother) = engine.program.smoothers.get(self.next) {
            if stop.is_some_and(|v| smoother.value >= v) {
                return;
            }
            let rows = machine.frames[smoother.frame];
            if self.seen[self.next].settled.is_none() && rows.count > 0 {
                self.refresh(engine);
                if let Some(from) = self.firsts[smoother.x.index()] {
                    let cells = machine.newest(smoother.operand, rows.count);
                    let seen = &mut self.seen[self.next];
                    let counted = (rows.first()..).zip(cells).filter(|(row, x)| *row >= from && !x[lane].is_nan());
                    for (row, _) in counted {
                        seen.taken += 1;
                        if seen.taken == smoother.inputs {
                            seen.settled = Some(row);
                            self.pending -= 1;
                            self.stale = true;
                            break;
                        }
                    }
                }
            }
            self.next += 1;
        }
    }

    /// Ends a run: counts what is left of it.
    pub(crate) fn finish<const W: usize>(&mut self, engine: &Inner, machine: &Machine<W>, lane: usize) {
        self.observe(engine, machine, lane, None);
        self.next = 0;
        self.refresh(engine);
    }

    /// The first warm row of a frame; `i64::MAX` while unknown.
    pub(crate) fn warm_from(&self, frame: usize) -> i64 {
        self.warm_from[frame]
    }

    /// The settled first row of a value, up to date with the smoothers before it.
    pub(crate) fn settled_first(&mut self, engine: &Inner, v: ValueId) -> i64 {
        self.refresh(engine);
        self.firsts[v.index()].unwrap_or(i64::MAX)
    }

    /// How far the emission's frame is from its first warm row, if no null comes.
    pub(crate) fn warmth<const W: usize>(&self, engine: &Inner, machine: &Machine<W>) -> Warmth {
        let frame = engine.plan.emission_frame().index();
        let rows = machine.frames[frame];
        if rows.started && self.warm_from[frame] <= rows.last {
            return Warmth::Ready;
        }
        let expected = |v: ValueId| {
            let at = engine.program.smoothers.binary_search_by_key(&v, |s| s.value).ok()?;
            let (seen, smoother) = (self.seen[at], &engine.program.smoothers[at]);
            match seen.settled {
                Some(row) => Some(Some(row)),
                // Not begun: the static count from where its input will be settled.
                None if seen.taken == 0 => None,
                None => Some(Some(machine.frames[smoother.frame].last + (smoother.inputs - seen.taken) as i64)),
            }
        };
        let (_, firsts) = engine.plan.structure().first_rows(&self.starts, Until::Settled, expected);
        let roots = &engine.program.frames[frame].roots;
        let first = roots.iter().map(|r| firsts[r.index()]).try_fold(i64::MIN, |a, b| Some(a.max(b?)));
        match first {
            Some(first) if rows.started => Warmth::Needs((first - rows.last).max(1)),
            _ => Warmth::NotStarted,
        }
    }
}
