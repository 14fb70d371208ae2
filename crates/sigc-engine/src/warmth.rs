//! When a cell may be used: its value is exact, or settled to the plan's tolerance.
//!
//! Row k of an output column is warm if k is not before the settled first row of the column's value. Columns are warm
//! each for itself: a signal waits for its own columns, not for those of a slower one. First rows follow from where
//! the sources begin ([`Structure::first_rows`](sigc_plan::lookback::Structure::first_rows)), but for smoothers: how
//! many rows one needs depends on the nulls among its inputs. So a smoother is counted: it settles at the row at which
//! it has taken `skip + seed + settle` non-null inputs, from the row on at which its input is itself settled. When all
//! have settled the first rows are plain numbers, and watching costs nothing.

use crate::engine::Inner;
use crate::machine::Machine;
use crate::program::FrameInfo;
use sigc_plan::lookback::Until;
use sigc_plan::{ColumnId, ValueId};

/// How far some columns of a lane are from being warm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Warmth {
    /// All of them are, in the newest row of their frame.
    Ready,
    /// At least so many more rows are needed, of the frame that takes longest; null rows among them add to it.
    Needs(i64),
    /// A source has no bar yet.
    NotStarted,
}

/// Which cells of a row are warm.
#[derive(Debug, Clone, Copy)]
pub struct Warm<'a> {
    row: i64,
    /// The first warm row of each cell's column.
    from: &'a [i64],
}

impl<'a> Warm<'a> {
    pub(crate) fn new(row: i64, from: &'a [i64]) -> Warm<'a> {
        Warm { row, from }
    }

    /// True if the cell at this place of the row is warm.
    pub fn has(&self, cell: usize) -> bool {
        self.from.get(cell).is_some_and(|from| self.row >= *from)
    }

    /// For each cell, whether it is warm.
    pub fn iter(&self) -> impl Iterator<Item = bool> + '_ {
        self.from.iter().map(|from| self.row >= *from)
    }
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
    /// First warm rows of the output columns, frame by frame; `i64::MAX` while unknown.
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
            warm_from: vec![i64::MAX; engine.outputs.len()],
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
        let roots = engine.program.frames.iter().flat_map(|f| &f.roots);
        for (from, root) in self.warm_from.iter_mut().zip(roots) {
            *from = self.firsts[root.index()].unwrap_or(i64::MAX);
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

    /// The first warm rows of a frame's output columns; `i64::MAX` while unknown.
    pub(crate) fn warm_from(&self, frame: &FrameInfo) -> &[i64] {
        &self.warm_from[frame.outputs_before..][..frame.outputs.len()]
    }

    /// The settled first row of a value, up to date with the smoothers before it.
    pub(crate) fn settled_first(&mut self, engine: &Inner, v: ValueId) -> i64 {
        self.refresh(engine);
        self.firsts[v.index()].unwrap_or(i64::MAX)
    }

    /// How far the output columns that are `wanted` are from being warm, if no null comes.
    pub(crate) fn warmth<const W: usize>(
        &self,
        engine: &Inner,
        machine: &Machine<W>,
        wanted: impl Fn(ColumnId) -> bool,
    ) -> Warmth {
        let mut firsts = None;
        let mut longest = (0, 0);
        for (f, info) in engine.program.frames.iter().enumerate() {
            let outputs = info.outputs.iter().zip(&info.roots).zip(self.warm_from(info));
            let mut mine = outputs.filter(|(((column, _), _), _)| wanted(*column)).peekable();
            if mine.peek().is_none() {
                continue;
            }
            let rows = machine.frames[f];
            if !rows.started {
                return Warmth::NotStarted;
            }
            let mut needed = 0;
            for ((_, root), _) in mine.filter(|(_, from)| **from > rows.last) {
                let expected = firsts.get_or_insert_with(|| self.expected_firsts(engine, machine));
                match expected[root.index()] {
                    Some(first) => needed = needed.max((first - rows.last).max(1)),
                    None => return Warmth::NotStarted,
                }
            }
            longest = longest.max((needed.saturating_mul(info.interval.max_millis()), needed));
        }
        if longest.1 == 0 { Warmth::Ready } else { Warmth::Needs(longest.1) }
    }

    /// The settled first rows of all values, if no null comes.
    fn expected_firsts<const W: usize>(&self, engine: &Inner, machine: &Machine<W>) -> Vec<Option<i64>> {
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
        engine.plan.structure().first_rows(&self.starts, Until::Settled, expected).1
    }
}
